"""Directories of tags as TIFF files and EXIF hold them, read and written byte by byte.

Pillow has such directories too, but guesses the types of what it writes, and takes texts for ASCII.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass
from typing import TypeAlias

EXIF, GPS, INTEROP = 34665, 34853, 40965
_POINTERS = frozenset({EXIF, GPS, INTEROP})
"""Tags whose value is the place of a further directory."""

_IPTC = 33723
"""A block of bytes that is often typed as 32-bit numbers, and never swapped."""

BYTE, SHORT, LONG, UNDEFINED = 1, 3, 4, 7
_SIZES = {1: 1, 2: 1, 3: 2, 4: 4, 5: 8, 6: 1, 7: 1, 8: 2, 9: 4, 10: 8, 11: 4, 12: 8, 13: 4, 16: 8, 17: 8, 18: 8}
"""Bytes of a value, by TIFF's number of its type."""

_WORDS = {3: 2, 4: 4, 5: 4, 8: 2, 9: 4, 10: 4, 11: 4, 12: 8, 13: 4, 16: 8, 17: 8, 18: 8}
"""Bytes whose order depends on that of the file; a fraction has two such words."""


@dataclass(frozen=True, slots=True)
class Tag:
    """A tag's value.

    Attributes:
        kind: TIFF's number of its type.
        value: Its bytes, lowest first.
        directory: The directory that it points to; None if it is no pointer.
    """

    kind: int
    value: bytes
    directory: Tags | None = None

    @property
    def numbers(self) -> tuple[int, ...]:
        """The value as whole numbers from 0."""
        size = _SIZES[self.kind]
        return tuple(
            int.from_bytes(self.value[place : place + size], "little") for place in range(0, len(self.value), size)
        )

    @classmethod
    def of(cls, kind: int, *numbers: int) -> Tag:
        """A tag of whole numbers."""
        return cls(kind, b"".join(number.to_bytes(_SIZES[kind], "little") for number in numbers))


Tags: TypeAlias = dict[int, Tag]


def read_tags(data: bytes) -> Tags:
    """Reads the first directory of a TIFF file or of EXIF, with those that it points to. Damaged tags are left out.

    Args:
        data: Content that begins with TIFF's header; its places are counted from there.
    """
    if not _is_tiff(data):
        return {}
    reader = _Reader(data)
    return reader.directory(reader.first)


def has_more_pages(data: bytes) -> bool:
    """Whether a TIFF file says that there is a directory behind its first."""
    return _is_tiff(data) and _Reader(data).has_next


def _is_tiff(data: bytes) -> bool:
    return data[:2] in {b"II", b"MM"} and len(data) >= 8


def write_tags(tags: Tags, behind: int = 8) -> bytes:
    """A directory with those that it points to, the lowest byte of each number first.

    Args:
        tags: What it holds.
        behind: Place of the directory, an even number of bytes from TIFF's header.
    """
    entries, tail = [], b""
    begin = behind + 2 + 12 * len(tags) + 4
    for number, tag in sorted(tags.items()):
        kind, value = tag.kind, tag.value
        if tag.directory is not None:
            kind, value = LONG, struct.pack("<I", begin + len(tail))
            tail += write_tags(tag.directory, begin + len(tail))
        count = len(value) // _SIZES[kind]
        if len(value) > 4:
            value, tail = struct.pack("<I", begin + len(tail)), tail + value + bytes(len(value) % 2)
        entries.append(struct.pack("<HHI", number, kind, count) + value.ljust(4, b"\0"))
    return struct.pack("<H", len(tags)) + b"".join(entries) + bytes(4) + tail


HEADER = b"II*\0\x08\0\0\0"
"""Start of a TIFF file whose directory follows at once."""


class _Reader:
    """Reads directories of the common form and of BigTIFF."""

    def __init__(self, data: bytes) -> None:
        self._data = data
        self._order = "<" if data[:2] == b"II" else ">"
        is_big = self._unpack("H", 2) == 43
        self._head, self._wide, self._entry = ("Q", "Q", 20) if is_big else ("H", "I", 12)
        self._seen: set[int] = set()
        self.first = self._unpack(self._wide, 8 if is_big else 4)

    @property
    def has_next(self) -> bool:
        """Whether there is a directory behind the first."""
        end = self.first + struct.calcsize(self._head) + self._entry * self._unpack(self._head, self.first)
        return self._unpack(self._wide, end) > 0

    def directory(self, place: int) -> Tags:
        """The tags of the directory at a place."""
        if place in self._seen:  # a circle
            return {}
        self._seen.add(place)
        count, place, entry = self._unpack(self._head, place), place + struct.calcsize(self._head), self._entry
        tags: Tags = {}
        for at in range(place, min(place + count * entry, len(self._data) - entry + 1), entry):
            number, tag = self._unpack("H", at), self._tag(at)
            if tag is not None:
                tags[number] = tag
        return tags

    def _tag(self, at: int) -> Tag | None:
        number, kind = self._unpack("H", at), self._unpack("H", at + 2)
        width = struct.calcsize(self._wide)
        size = _SIZES.get(kind, 0) * self._unpack(self._wide, at + 4)
        place = at + 4 + width
        if size > width:
            place = self._unpack(self._wide, place)
        value = self._data[place : place + size]
        if not size or len(value) < size:
            return None
        if self._order == ">" and number != _IPTC and kind in _WORDS:
            word = _WORDS[kind]
            value = b"".join(value[start : start + word][::-1] for start in range(0, size, word))
        tag = Tag(kind, value)
        return Tag(kind, value, self.directory(tag.numbers[0])) if number in _POINTERS else tag

    def _unpack(self, kind: str, place: int) -> int:
        if place + struct.calcsize(kind) > len(self._data):
            return 0
        return int(struct.unpack_from(self._order + kind, self._data, place)[0])
