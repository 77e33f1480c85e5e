"""Naming the codec of a Matroska track once FFmpeg has written the file."""

from __future__ import annotations

import zlib
from dataclasses import dataclass
from typing import TYPE_CHECKING, BinaryIO

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

_SEGMENT, _TRACKS, _TRACK = b"\x18\x53\x80\x67", b"\x16\x54\xae\x6b", b"\xae"
_CODEC_ID, _CODEC_PRIVATE, _CRC = b"\x86", b"\x63\xa2", b"\xbf"
_CLUSTER = b"\x1f\x43\xb6\x75"
_LARGEST_TRACKS = 64 << 20
"""Size in bytes up to which the list of tracks is edited."""


@dataclass(frozen=True, slots=True)
class TrackCodec:
    """How Matroska names the codec of a track.

    Attributes:
        codec_id: Value of ``CodecID``, such as ``b"A_MS/ACM"``.
        private: Value of ``CodecPrivate``.
    """

    codec_id: bytes
    private: bytes


@dataclass(frozen=True, slots=True)
class _Element:
    kind: bytes
    body: int
    size: int | None  # None: unknown, up to the end


def read_codecs(file: BinaryIO) -> list[TrackCodec]:
    """Reads how the codecs of the tracks are named, in the order of the file; stops where it is not Matroska."""
    found = _tracks(file)
    return [codec for _, codec in _codecs(found[1])] if found else []


def rename_codecs(file: BinaryIO, wanted: Iterable[tuple[TrackCodec, bytes]]) -> None:
    """Changes the ``CodecID`` of tracks, in place.

    Args:
        file: File that can be read, written and sought.
        wanted: Tracks as they are in the file, each with a new ``CodecID`` that is no longer. A shorter one is filled
            up with zeros, which end a string in Matroska.

    Raises:
        ValueError: If a track is not there.
        OSError: If the file can't be read or written.
    """
    found = _tracks(file)
    if found is None:
        raise ValueError("the file has no list of tracks")
    place, data = found
    tracks = bytearray(data)
    for old, new in wanted:
        if len(new) > len(old.codec_id):
            raise ValueError("a name can't be replaced by a longer one")
        places = [start for start, codec in _codecs(bytes(tracks)) if codec == old]
        if not places:
            raise ValueError(f"the file has no track of {old.codec_id!r}")
        tracks[places[0] : places[0] + len(old.codec_id)] = new.ljust(len(old.codec_id), b"\0")
    if tracks[:2] == _CRC + b"\x84":  # the checksum of what follows it
        tracks[2:6] = zlib.crc32(tracks[6:]).to_bytes(4, "little")
    file.seek(place)
    file.write(tracks)


def _tracks(file: BinaryIO) -> tuple[int, bytes] | None:
    """Place and content of the list of tracks; None if there is none before the first cluster."""
    end = file.seek(0, 2)
    for segment in _elements(file, 0, end):
        if segment.kind != _SEGMENT:
            continue
        last = end if segment.size is None else min(segment.body + segment.size, end)
        for element in _elements(file, segment.body, last):
            if element.kind == _CLUSTER:
                return None
            if element.kind == _TRACKS and element.size is not None and element.size <= _LARGEST_TRACKS:
                file.seek(element.body)
                return element.body, file.read(element.size)
    return None


def _elements(file: BinaryIO, start: int, end: int) -> Iterator[_Element]:
    while start < end:
        file.seek(start)
        element = _parse(file.read(12), start)
        if element is None:
            return
        yield element
        if element.size is None:
            return
        start = element.body + element.size


def _parse(header: bytes, start: int) -> _Element | None:
    """Reads the kind and size with which an element begins; None if there is none."""
    kind_length = _length(header[:1])
    size_length = _length(header[kind_length : kind_length + 1])
    if not kind_length or kind_length > 4 or not size_length or len(header) < kind_length + size_length:
        return None
    raw = int.from_bytes(header[kind_length : kind_length + size_length], "big")
    most = (1 << 7 * size_length) - 1
    size = raw & most
    return _Element(header[:kind_length], start + kind_length + size_length, None if size == most else size)


def _length(first: bytes) -> int:
    """Bytes of a number of variable length, by its first byte; 0 if there is none."""
    return 9 - first[0].bit_length() if first and first[0] else 0


def _children(data: bytes) -> Iterator[_Element]:
    start = 0
    while element := _parse(data[start : start + 12], start):
        if element.size is None or element.body + element.size > len(data):
            return
        yield element
        start = element.body + element.size


def _codecs(tracks: bytes) -> Iterator[tuple[int, TrackCodec]]:
    """Yields for each track the place of its ``CodecID`` in ``tracks``, and what it is."""
    for track in _children(tracks):
        if track.kind != _TRACK or track.size is None:
            continue
        entry = tracks[track.body : track.body + track.size]
        values = {child.kind: (child.body, child.size or 0) for child in _children(entry)}
        place, size = values.get(_CODEC_ID, (0, 0))
        private, private_size = values.get(_CODEC_PRIVATE, (0, 0))
        yield (
            track.body + place,
            TrackCodec(entry[place : place + size].rstrip(b"\0"), entry[private : private + private_size]),
        )
