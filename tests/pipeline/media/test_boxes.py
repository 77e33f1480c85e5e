"""Boxes of MP4 and MOV: sizes of every kind, hostile ones among them."""

import io
import struct
from typing import Any

import pytest

from pipeline.media.boxes import boxes, content, find, make, name


class Watched(io.BytesIO):
    """Bytes that count how many are read."""

    read_bytes = 0

    def read(self, size: int | None = -1, /) -> bytes:
        data = super().read(size)
        self.read_bytes += len(data)
        return data


def kinds(data: bytes) -> list[bytes]:
    return [box.kind for box in boxes(io.BytesIO(data), 0, len(data))]


def test_boxes_of_all_sizes_are_found() -> None:
    long = struct.pack(">I4sQ", 1, b"mdat", 16 + 5) + b"12345"
    last = struct.pack(">I4s", 0, b"free") + b"up to the end"
    assert kinds(make(b"ftyp", b"isom") + long + last) == [b"ftyp", b"mdat", b"free"]


def test_media_is_passed_over() -> None:
    data = Watched(make(b"ftyp", b"isom") + make(b"mdat", bytes(1 << 20)) + make(b"moov", b""))
    assert [box.kind for box in boxes(data, 0, len(data.getvalue()))] == [b"ftyp", b"mdat", b"moov"]
    assert data.read_bytes <= 3 * 16


@pytest.mark.parametrize(
    "hostile",
    [
        struct.pack(">I4s", 7, b"evil"),
        struct.pack(">I4s", 100, b"evil"),
        struct.pack(">I4sQ", 1, b"evil", 3),
        struct.pack(">I4sQ", 1, b"evil", 2**64 - 1),
        struct.pack(">I4s", 1, b"evil"),
        b"\0\0\0",
    ],
)
def test_impossible_sizes_end_the_list(hostile: bytes) -> None:
    assert kinds(make(b"ftyp", b"isom") + hostile) == [b"ftyp"]


def test_countless_boxes_end() -> None:
    assert len(kinds(make(b"free", b"") * 20_000)) == 10_000


def test_a_box_is_found_by_its_path() -> None:
    data: Any = io.BytesIO(make(b"moov", make(b"udta", make(b"FIRM", b"HD5"))))
    (movie,) = boxes(data, 0, len(data.getvalue()))
    assert content(data, find(data, movie, b"udta", b"FIRM")) == make(b"FIRM", b"HD5")
    assert find(data, movie, b"udta", b"GPMF") is None
    assert content(data, None) == b""


def test_kinds_can_be_printed() -> None:
    assert (name(b"gps "), name(b"\xa9nam"), name(b"\0\1\2\3")) == ("gps ", "(c)nam", "00010203")
