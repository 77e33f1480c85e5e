"""Pictures and pairs of pictures: read exactly, or refused by name."""

from __future__ import annotations

from typing import TYPE_CHECKING

import cv2
import numpy as np
import pytest

from network.data.pairs import Pair, pictures_in, read_pair, read_picture
from network.errors import DataError

if TYPE_CHECKING:
    from pathlib import Path


def test_a_picture_is_read_as_rgb(tmp_path: Path) -> None:
    picture = np.random.default_rng(0).integers(0, 256, (5, 7, 3), dtype=np.uint8)
    cv2.imwrite(str(tmp_path / "a.png"), picture[..., ::-1])
    assert np.array_equal(read_picture(tmp_path / "a.png"), picture)


def test_hidden_files_are_no_pictures(tmp_path: Path) -> None:
    for name in ("b.png", "a.JPG", "._a.JPG", "notes.txt"):
        (tmp_path / name).write_bytes(b"")
    assert [path.name for path in pictures_in(tmp_path)] == ["a.JPG", "b.png"]


def test_sides_of_different_size_are_named(tmp_path: Path) -> None:
    cv2.imwrite(str(tmp_path / "blurred.png"), np.zeros((4, 6, 3), np.uint8))
    cv2.imwrite(str(tmp_path / "sharp.png"), np.zeros((6, 4, 3), np.uint8))
    pair = Pair("000/0001", tmp_path / "blurred.png", tmp_path / "sharp.png", "000")
    with pytest.raises(DataError, match="pair 000/0001: the blurred side is 6x4, the sharp side 4x6"):
        read_pair(pair)


@pytest.mark.parametrize("content", [b"", b"\x89PNG\r\n\x1a\n", b"no picture"])
def test_an_unreadable_picture_is_named(content: bytes, tmp_path: Path) -> None:
    (tmp_path / "a.png").write_bytes(content)
    with pytest.raises(DataError, match=r"a\.png can't be read"):
        read_picture(tmp_path / "a.png")
    with pytest.raises(DataError, match=r"missing\.png can't be read"):
        read_picture(tmp_path / "missing.png")
