"""The boxes of MP4 and MOV files: walking them, and adding one that FFmpeg does not show. For ``odd_files.py``."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

_HOLDERS = {b"moov", b"trak", b"mdia", b"minf", b"stbl", b"edts"}
XMP = bytes.fromhex("be7acfcb97a942e89c71999491e3afac")
"""Identifier of a ``uuid`` box that holds XMP."""


def boxes(data: bytes | bytearray, begin: int = 0, end: int | None = None) -> Iterator[tuple[bytes, int, int]]:
    """Kind, begin and end of the content of each box, from the outside to the inside, in the order of the file."""
    end = len(data) if end is None else end
    while begin + 8 <= end:
        size, kind, header = int.from_bytes(data[begin : begin + 4], "big"), bytes(data[begin + 4 : begin + 8]), 8
        if size == 1:
            size, header = int.from_bytes(data[begin + 8 : begin + 16], "big"), 16
        stop = min(begin + size, end) if size >= header else end
        yield kind, begin + header, stop
        if kind in _HOLDERS:
            yield from boxes(data, begin + header, stop)
        begin = stop


def add_box(path: Path) -> None:
    """Adds a ``uuid`` box with XMP at the end of a file, as cameras and editors do."""
    content = XMP + b"<x:xmpmeta xmlns:x='adobe:ns:meta/'>odd</x:xmpmeta>"
    with path.open("ab") as file:
        file.write((8 + len(content)).to_bytes(4, "big") + b"uuid" + content)


def hidden_boxes(path: Path) -> list[bytes]:
    """Contents of the boxes of a file that FFmpeg does not show."""
    data = path.read_bytes()
    if data[4:8] != b"ftyp":
        return []
    return [data[begin:end] for kind, begin, end in boxes(data) if kind == b"uuid" and data[begin : begin + 16] == XMP]
