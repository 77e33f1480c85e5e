"""What an MP4 or MOV file holds besides what FFmpeg shows: descriptions of its tracks, and boxes of makers."""

from __future__ import annotations

import struct
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, BinaryIO

from pipeline.media.boxes import LARGEST, Box, boxes, content, find, inside, length, make, name

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

MEDIA_HEADERS = frozenset({b"vmhd", b"smhd", b"hmhd", b"nmhd", b"sthd", b"gmhd"})
"""Kinds of the boxes that begin the description of a track's media."""

_MOST_TRACKS = 1000
_MOST_IN_ALL = 64 << 20
"""Bytes of makers' boxes that are carried over, all together."""

_STRUCTURE = frozenset(
    b"ftyp styp moov moof mdat mfra sidx ssix wide pdin prft emsg imda idat free skip pnot PICT".split()
) | {b"cmov"}
"""Boxes of a file that a muxer writes by itself, or that mean nothing to its content."""

_MOVIE = frozenset(b"mvhd trak mvex iods udta meta cmov free skip pssh ctab clip prfl".split())
"""Boxes of ``moov`` that a muxer writes by itself, or that FFmpeg reads."""

_TEXTS = frozenset(
    b"meta chpl name aART albm auth catg cpil cprt date desc disk egid gnre hdvd keyw kywd ldes loci manu modl pcst "
    b"perf purd purl rtng sfID soaa soal soar soco sonm sosn stik titl tool trkn tven tves tvnn tvsh tvsn yrrc dscp "
    b"@PRM @PRQ free skip".split()
)
"""Boxes of ``udta`` that FFmpeg reads as tags or chapters, besides those whose names begin with a copyright sign."""

_STANDING_ALONE = {
    bytes.fromhex("be7acfcb97a942e89c71999491e3afac"): "XMP",
    bytes.fromhex("0537cdab9d0c4431a72afa561f2a113e"): "EXIF",
    bytes.fromhex("33c7a4d2b81d4723a0baf1a3e097ad38"): "IPTC",
    bytes.fromhex("55534d5421d24fcebb88695cfac9c740"): "USMT",
}
"""Kinds of ``uuid`` boxes that speak of the recording, and refer to nothing else in the file."""

_WRITERS_OWN = frozenset({bytes.fromhex("5ca708fb328e4205a861650eca0a9596")})
"""Kinds of ``uuid`` boxes that say nothing but which software wrote the file."""


@dataclass(frozen=True, slots=True)
class TrackBoxes:
    """How a track is described, as boxes.

    Attributes:
        header: The box ``tkhd``.
        handler: The box ``hdlr`` of the media.
        media_header: The box that begins the media's information, such as ``gmhd``.
        descriptions: The box ``stsd``, whose entries all refer to the file itself.
        entries: Number of its entries.
        fourcc: Kind of the first entry, such as ``b"djmd"``.
        references: Tracks that it refers to, by the kind of the reference.
    """

    header: bytes
    handler: bytes
    media_header: bytes
    descriptions: bytes
    entries: int
    fourcc: bytes
    references: Mapping[bytes, tuple[int, ...]] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class MovieBoxes:
    """Boxes of a file.

    Attributes:
        tracks: Description of each track, by the track's number (FFmpeg's ``id`` of the stream).
        in_user_data: Boxes of makers in ``moov/udta``, which can be copied as they are.
        in_movie: Boxes in ``moov`` that can be copied.
        at_end: Boxes of the file itself that can be copied.
        others: Names of boxes, and of what else was found, that can't be copied, because they refer to places in the
            file or are unknown.
    """

    tracks: Mapping[int, TrackBoxes]
    in_user_data: tuple[bytes, ...] = ()
    in_movie: tuple[bytes, ...] = ()
    at_end: tuple[bytes, ...] = ()
    others: tuple[str, ...] = ()

    @property
    def names(self) -> list[str]:
        """Names of all boxes that FFmpeg does not show."""
        copied = (*self.in_user_data, *self.in_movie, *self.at_end)
        return list(dict.fromkeys([*(_label(box[4:8], box[8:24]) for box in copied), *self.others]))


def read_movie(path: Path) -> MovieBoxes | None:
    """Reads the boxes of a file; None if it can't be read or has no ``moov``.

    Whatever the file holds, this reads a bounded number of bytes, and nothing of the media.
    """
    try:
        with path.open("rb") as file:
            return read_boxes(file)
    except (OSError, ValueError, struct.error):
        return None


def read_boxes(file: BinaryIO) -> MovieBoxes | None:
    """Reads the boxes of an open file that can be sought; None if it has no ``moov``.

    Raises:
        OSError: If it can't be read.
    """
    reader = _Reader(file)
    return reader.result if reader.has_movie else None


class _Reader:
    def __init__(self, file: BinaryIO) -> None:
        self._file, self._left = file, _MOST_IN_ALL
        self.has_movie = False
        self._tracks: dict[int, TrackBoxes] = {}
        self._user_data: list[bytes] = []
        self._movie: list[bytes] = []
        self._end: list[bytes] = []
        self._others: list[str] = []
        end, place = length(file), 0
        for box in boxes(file, 0, end):
            place = box.end
            if box.kind == b"moov":
                self.has_movie = True
                self._read_movie(box)
            elif box.kind in (b"free", b"skip"):
                self._look_for_content(box)
            elif box.kind not in _STRUCTURE:
                self._take(box, self._end, stands_alone=False)
        if self.has_movie and _is_data(file, place, end):
            self._others.append(f"{end - place} bytes behind the last box")

    @property
    def result(self) -> MovieBoxes:
        others = tuple(dict.fromkeys(self._others))
        return MovieBoxes(self._tracks, tuple(self._user_data), tuple(self._movie), tuple(self._end), others)

    def _read_movie(self, movie: Box) -> None:
        for box in inside(self._file, movie):
            if box.kind == b"trak" and len(self._tracks) < _MOST_TRACKS:
                track = _read_track(self._file, box)
                if track is not None:
                    self._tracks.setdefault(*track)
            elif box.kind == b"udta":
                for inner in inside(self._file, box):
                    if inner.kind not in _TEXTS and inner.kind[:1] != b"\xa9" and inner.size > 8:
                        self._take(inner, self._user_data, stands_alone=True)
            elif box.kind in (b"free", b"skip"):
                self._look_for_content(box)
            elif box.kind not in _MOVIE:
                self._take(box, self._movie, stands_alone=False)

    def _take(self, box: Box, target: list[bytes], *, stands_alone: bool) -> None:
        """Takes a box to be copied, or else its name."""
        if box.size <= min(LARGEST, self._left):
            whole = content(self._file, box)
            if (stands_alone and box.kind != b"uuid") or whole[8:24] in _STANDING_ALONE:
                self._left -= len(whole)
                target.append(whole)
                return
        self._file.seek(box.body)
        start = self._file.read(16)
        if start not in _WRITERS_OWN:
            self._others.append(_label(box.kind, start))

    def _look_for_content(self, box: Box) -> None:
        """Names a box that should be empty, where a recorder keeps something in it."""
        self._file.seek(box.body)
        start = self._file.read(min(64, box.end - box.body))
        is_padding = len(set(start)) < 2 or start[4:8] in _MOVIE or start[4:8] == b"trex"
        if not is_padding and not start.startswith(b"IsoMedia File Produced with"):
            self._others.append(f"{name(box.kind)} ({box.size} bytes)")


def _label(kind: bytes, start: bytes) -> str:
    """Name of a box for people; ``start`` is its first bytes behind its kind."""
    if kind == b"uuid":
        return f"uuid {_STANDING_ALONE.get(start, start.hex())}"
    return "gps (the places of a dash camera)" if kind == b"gps " else name(kind).strip()


def _is_data(file: BinaryIO, place: int, end: int) -> bool:
    """Whether something lies behind the last box that is neither empty nor a box that was cut off."""
    file.seek(place)
    start = file.read(min(4096, end - place))
    is_cut = start[4:8].isalnum() and int.from_bytes(start[:4], "big") not in range(2, 8)
    return bool(start.strip(b"\0")) and not is_cut


def _read_track(file: BinaryIO, track: Box) -> tuple[int, TrackBoxes] | None:
    header = content(file, find(file, track, b"tkhd"))
    media = find(file, track, b"mdia")
    information = find(file, media, b"minf") if media else None
    if media is None or information is None or len(header) < 92:
        return None
    place = 28 if header[8] else 20  # behind two dates, of 8 or of 4 bytes
    number = int.from_bytes(header[place : place + 4], "big")
    descriptions = bytearray(content(file, find(file, information, b"stbl", b"stsd")))
    if len(descriptions) < 24:
        return None
    _refer_to_file(descriptions)
    headers = (box for box in inside(file, information) if box.kind in MEDIA_HEADERS)
    return number, TrackBoxes(
        header=header,
        handler=content(file, find(file, media, b"hdlr")),
        media_header=content(file, next(headers, None)),
        descriptions=bytes(descriptions),
        entries=int.from_bytes(descriptions[12:16], "big"),
        fourcc=bytes(descriptions[20:24]),
        references=_read_references(file, find(file, track, b"tref")),
    )


def _refer_to_file(descriptions: bytearray) -> None:
    """Lets every entry of ``stsd`` refer to the first data reference, which is the file itself."""
    place = 16
    while place + 16 <= len(descriptions):
        size = int.from_bytes(descriptions[place : place + 4], "big")
        if size < 16 or place + size > len(descriptions):
            return
        descriptions[place + 14 : place + 16] = b"\0\1"
        place += size


def _read_references(file: BinaryIO, references: Box | None) -> dict[bytes, tuple[int, ...]]:
    found = {}
    for box in inside(file, references) if references else ():
        body = content(file, box)[box.body - box.start :]
        found[box.kind] = struct.unpack(f">{len(body) // 4}I", body[: len(body) // 4 * 4])
    return found


def references_box(references: Mapping[bytes, tuple[int, ...]]) -> bytes:
    """Makes a box ``tref``; nothing for no references."""
    inner = [make(kind, struct.pack(f">{len(ids)}I", *ids)) for kind, ids in references.items() if ids]
    return make(b"tref", b"".join(inner)) if inner else b""
