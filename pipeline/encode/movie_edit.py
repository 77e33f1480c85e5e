"""Completing an MP4 or MOV file once FFmpeg has written it, with boxes that its muxer can't write."""

from __future__ import annotations

import struct
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, BinaryIO

from pipeline.media.boxes import Box, boxes, content, find, inside, length, make
from pipeline.media.movie_boxes import MEDIA_HEADERS, references_box

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from pipeline.media.movie_boxes import TrackBoxes

_LARGEST_MOVIE = 1 << 30
"""Size of ``moov`` in bytes up to which it is edited; 24 hours at 240 frames a second have less."""


_PICTURES = {"mjpeg": 13, "png": 14}
"""Numbers of the kinds of pictures, by FFmpeg's names of their codecs."""


@dataclass(frozen=True, slots=True)
class MovieEdit:
    """What is put into a file.

    Attributes:
        tracks: Descriptions of tracks, by the name of the handler under which FFmpeg wrote the track.
        in_user_data: Boxes for ``moov/udta``.
        in_movie: Boxes for ``moov``.
        at_end: Boxes for the end of the file.
    """

    tracks: Mapping[str, TrackBoxes] = field(default_factory=dict)
    in_user_data: tuple[bytes, ...] = ()
    in_movie: tuple[bytes, ...] = ()
    at_end: tuple[bytes, ...] = ()

    def __bool__(self) -> bool:
        """Whether there is anything to do."""
        return bool(self.tracks or self.in_user_data or self.in_movie or self.at_end)

    def apply(self, file: BinaryIO, ids: Mapping[int, int] | None = None) -> None:
        """Changes a file whose ``moov`` lies behind its media, as FFmpeg writes it.

        Args:
            file: File that can be read, written and sought.
            ids: Numbers of the tracks in the output, by those in the input; references to others are left out.

        Raises:
            ValueError: If the file has no ``moov``, or media behind it. The file is unchanged then.
            OSError: If it can't be read or written.
        """
        end = length(file)
        found = list(boxes(file, 0, end))
        movie = next((box for box in found if box.kind == b"moov"), None)
        if movie is None or movie.size > _LARGEST_MOVIE:
            raise ValueError("the file has no index that can be edited")
        behind = [box for box in found if box.start > movie.start]
        if any(box.kind in (b"mdat", b"moof") for box in behind):
            raise ValueError("the file has media behind its index")
        tail = b"".join(_whole(file, box) for box in behind)
        new = self._movie(file, movie, ids or {}) + tail + b"".join(self.at_end)
        file.seek(movie.start)
        file.write(new)
        file.truncate()

    def _movie(self, file: BinaryIO, movie: Box, ids: Mapping[int, int]) -> bytes:
        parts, user_data = [], b"".join(self.in_user_data)
        for box in inside(file, movie):
            if box.kind == b"udta" and user_data:
                parts.append(make(b"udta", _whole(file, box)[box.body - box.start :] + user_data))
                user_data = b""
            elif box.kind == b"trak" and (track := self.tracks.get(_handler_name(file, box))):
                parts.append(_described(file, box, track, ids))
            else:
                parts.append(_whole(file, box))
        if user_data:
            parts.append(make(b"udta", user_data))
        return make(b"moov", b"".join((*parts, *self.in_movie)))


def free_tags(file: BinaryIO) -> tuple[bytes, ...]:
    """The box of tags with free keys in a file that was written with them; nothing if there is none."""
    movie = next((box for box in boxes(file, 0, length(file)) if box.kind == b"moov"), None)
    for path in ((b"meta",), (b"udta", b"meta")):
        box = content(file, find(file, movie, *path)) if movie else b""
        if b"mdta" in box[:40]:
            return (box,)
    return ()


def cover_box(pictures: Iterable[tuple[str, bytes]]) -> bytes:
    """Makes the box of cover pictures for ``udta``.

    Args:
        pictures: Pictures, each with FFmpeg's name of its codec: ``mjpeg`` or ``png``.
    """
    data = b"".join(make(b"data", struct.pack(">2I", _PICTURES[codec], 0) + picture) for codec, picture in pictures)
    handler = make(b"hdlr", bytes(8) + b"mdirappl" + bytes(9))
    return make(b"meta", bytes(4) + handler + make(b"ilst", make(b"covr", data)))


def _whole(file: BinaryIO, box: Box) -> bytes:
    file.seek(box.start)
    return file.read(box.size)


def _handler_name(file: BinaryIO, track: Box) -> str:
    """Name of a track's handler: counted in MOV, and up to a zero in MP4."""
    handler = content(file, find(file, track, b"mdia", b"hdlr"))
    return _name_in(handler[32:]).decode("utf-8", "replace")


def _name_in(text: bytes) -> bytes:
    counted = text[1:] if text and text[0] == len(text) - 1 else text
    return counted.rstrip(b"\0")


def _described(file: BinaryIO, track: Box, wanted: TrackBoxes, ids: Mapping[int, int]) -> bytes:
    """The track with the description of another one; times and places of its samples stay."""
    kinds = {kind: tuple(ids[i] for i in refers if i in ids) for kind, refers in wanted.references.items()}
    parts = []
    for box in inside(file, track):
        if box.kind == b"tkhd":
            # The last 60 bytes hold layer, group, volume, matrix and size.
            parts.append(_whole(file, box)[:-60] + wanted.header[-60:])
            parts.append(references_box(kinds))
        elif box.kind == b"mdia":
            parts.append(make(b"mdia", b"".join(_media(file, box, wanted))))
        elif box.kind != b"tref":
            parts.append(_whole(file, box))
    return make(b"trak", b"".join(parts))


def _media(file: BinaryIO, media: Box, wanted: TrackBoxes) -> Iterable[bytes]:
    for box in inside(file, media):
        if box.kind == b"hdlr":
            yield _handler(_whole(file, box), wanted.handler)
        elif box.kind == b"minf":
            yield make(b"minf", b"".join(_information(file, box, wanted)))
        else:
            yield _whole(file, box)


def _handler(written: bytes, wanted: bytes) -> bytes:
    """The handler of the input, with its name spelt as the output's container spells names."""
    if len(wanted) < 32:
        return written
    text = _name_in(wanted[32:])
    is_counted = written[12:16] == b"mhlr"
    spelt = bytes([min(len(text), 255)]) + text[:255] if is_counted else text + b"\0"
    return make(b"hdlr", written[8:16] + wanted[16:32] + spelt)


def _information(file: BinaryIO, information: Box, wanted: TrackBoxes) -> Iterable[bytes]:
    if wanted.media_header:
        yield wanted.media_header
    for box in inside(file, information):
        if box.kind in MEDIA_HEADERS and wanted.media_header:
            continue
        if box.kind == b"stbl":
            tables = inside(file, box)
            yield make(
                b"stbl",
                b"".join(wanted.descriptions if table.kind == b"stsd" else _whole(file, table) for table in tables),
            )
        else:
            yield _whole(file, box)
