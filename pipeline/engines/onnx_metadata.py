"""Metadata of an ONNX file, without the network in it, which takes long to read and much memory."""

from __future__ import annotations

import io
from typing import TYPE_CHECKING, BinaryIO

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

_METADATA = 14
"""Number of the field ``metadata_props`` of a model, which is there once for each entry."""


def onnx_metadata(path: Path) -> dict[str, str]:
    """Reads the metadata entries of an ONNX file.

    The file is a message of protocol buffers, field after field, each with its number and its length. The graph, which
    is nearly all of it, is passed over.

    Args:
        path: An ONNX file.

    Raises:
        OSError: If it can't be read.
        ValueError: If it is no such message.
    """
    entries = {}
    with path.open("rb") as file:
        for _, content in _texts(file, _METADATA):
            entry = dict(_texts(io.BytesIO(content), 1, 2))
            entries[entry.get(1, b"").decode()] = entry.get(2, b"").decode()
    return entries


def _texts(file: BinaryIO, *wanted: int) -> Iterator[tuple[int, bytes]]:
    """Number and content of the fields with some numbers, of those that have a length."""
    while (key := _number(file)) is not None:
        number, kind = key >> 3, key & 7
        if kind == 0:
            _number(file)
            continue
        if kind not in {1, 2, 5}:
            raise ValueError(f"there is no kind {kind} of field")
        length = {1: 8, 5: 4}.get(kind) or _number(file) or 0
        if kind == 2 and number in wanted:
            yield number, file.read(length)
        else:
            file.seek(length, io.SEEK_CUR)


def _number(file: BinaryIO) -> int | None:
    """The next number, seven bits a byte, the lowest first; None at the end of the file."""
    number = shift = 0
    while byte := file.read(1):
        number |= (byte[0] & 0x7F) << shift
        shift += 7
        if byte[0] < 0x80:
            return number
    return None
