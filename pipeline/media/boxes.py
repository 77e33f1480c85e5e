"""Boxes of MP4 and MOV files: read where FFmpeg shows nothing of them. The media data itself is never read."""

from __future__ import annotations

import struct
from dataclasses import dataclass
from typing import TYPE_CHECKING, BinaryIO

if TYPE_CHECKING:
    from collections.abc import Iterator

_MOST_BOXES = 10_000
"""Largest number of boxes that are looked at in one place; a fragmented file has one or two for each fragment."""

LARGEST = 16 << 20
"""Size in bytes up to which a box is read whole."""


@dataclass(frozen=True, slots=True)
class Box:
    """A box, by its place.

    Attributes:
        kind: The four bytes that say what it is.
        start: Place of its first byte.
        body: Place of its first byte behind its size and kind.
        end: Place behind its last byte.
    """

    kind: bytes
    start: int
    body: int
    end: int

    @property
    def size(self) -> int:
        """Number of bytes, with size and kind."""
        return self.end - self.start


def boxes(file: BinaryIO, start: int, end: int) -> Iterator[Box]:
    """Yields the boxes that lie one behind the other in a part of a file.

    It ends, without an error, where no box can be: at a size that is too small, or that leads beyond ``end``.

    Args:
        file: File that can be sought. Only the first 16 bytes of each box are read.
        start: Place of the first box.
        end: Place behind the last one.
    """
    for _ in range(_MOST_BOXES):
        if start + 8 > end:
            return
        file.seek(start)
        header = file.read(16)
        if len(header) < 8:
            return
        size, kind = struct.unpack(">I4s", header[:8])
        body = start + 8
        if size == 1 and len(header) == 16:  # the size follows, in eight bytes
            size, body = struct.unpack(">Q", header[8:])[0], start + 16
        elif size == 0:  # up to the end
            size = end - start
        if size < body - start or start + size > end:
            return
        yield Box(kind, start, body, start + size)
        start += size


def inside(file: BinaryIO, box: Box, skip: int = 0) -> Iterator[Box]:
    """Yields the boxes in a box, behind ``skip`` bytes of its own."""
    return boxes(file, box.body + skip, box.end)


def find(file: BinaryIO, box: Box, *path: bytes) -> Box | None:
    """Finds the first box on a path of kinds inside of a box; None if there is none."""
    for kind in path:
        found = next((inner for inner in inside(file, box) if inner.kind == kind), None)
        if found is None:
            return None
        box = found
    return box


def content(file: BinaryIO, box: Box | None) -> bytes:
    """Reads a box whole, with size and kind; nothing if there is none, or if it is larger than :data:`LARGEST`."""
    if box is None or box.size > LARGEST:
        return b""
    file.seek(box.start)
    return file.read(box.size)


def make(kind: bytes, body: bytes) -> bytes:
    """Makes a box of up to 4 GiB."""
    return struct.pack(">I4s", len(body) + 8, kind) + body


def length(file: BinaryIO) -> int:
    """Number of bytes of a file."""
    return file.seek(0, 2)


def name(kind: bytes) -> str:
    """The kind of a box, for messages."""
    return (
        kind.decode("latin-1").replace("\xa9", "(c)")
        if all(32 <= byte < 127 or byte == 0xA9 for byte in kind)
        else kind.hex()
    )
