"""Windows of data sets: each frame with its own neighbours, and pictures without any."""

from __future__ import annotations

from typing import TYPE_CHECKING

import cv2
import numpy as np
import pytest

from network.data.pack import PackOptions
from network.data.pack_windows import neighbours, pack_windows
from network.data.pairs import Pair
from network.data.planes import split, to_frame
from network.data.windows import aligned, open_shard
from network.errors import DataError
from network.training.windows import WindowPool
from tests.support.scenes import Scene

if TYPE_CHECKING:
    from pathlib import Path

HEIGHT, WIDTH = 66, 81  # odd, and not a multiple of the tile


def _pair(folder: Path, name: str, sequence: str, shift: float) -> Pair:
    sides = []
    for side, offset in (("blurred", 0.0), ("sharp", 300.0)):
        path = folder / f"{name.replace('/', '_')}_{side}.png"
        cv2.imwrite(str(path), Scene(1).picture(shift + offset, 0, HEIGHT, WIDTH))
        sides.append(path)
    return Pair(name, *sides, sequence)


@pytest.fixture
def pairs(tmp_path: Path) -> list[Pair]:
    """A sequence of three frames, one of which the second was left out of, and a picture of no sequence."""
    folder = tmp_path / "set"
    folder.mkdir()
    names = [("a/000", "a"), ("a/001", "a"), ("a/002", "a"), ("b/10", "b"), ("b/11", "b"), ("b/13", "b"), ("c", "")]
    return [_pair(folder, name, sequence, 3.0 * number) for number, (name, sequence) in enumerate(names)]


def test_frames_follow_each_other_within_a_sequence_and_where_none_was_left_out(pairs: list[Pair]) -> None:
    assert neighbours(pairs) == [(None, 1), (0, 2), (1, None), (None, 4), (3, None), (None, None), (None, None)]


def test_sequences_that_count_in_other_steps_or_not_at_all_are_sequences(tmp_path: Path) -> None:
    file = tmp_path / "any.png"
    counted = [Pair(f"s/{number:03d}", file, file, "s") for number in (0, 5, 10, 20)]
    assert neighbours(counted) == [(None, 1), (0, 2), (1, None), (None, None)]
    named = [Pair(f"s/{name}", file, file, "s") for name in ("first", "second")]
    assert neighbours(named) == [(None, 1), (0, None)]


def _frame(path: Path) -> np.ndarray:
    picture = cv2.imread(str(path))[..., ::-1][: HEIGHT // 2 * 2, : WIDTH // 2 * 2]
    return to_frame(np.ascontiguousarray(picture).astype(np.float32) * np.float32(1 / 255))


def test_a_tile_is_aligned_with_the_same_tile_of_the_frames_beside_it(pairs: list[Pair], tmp_path: Path) -> None:
    assert list(pack_windows(pairs, tmp_path / "pool", PackOptions(64))) == list(range(8))
    windows, flows = open_shard(tmp_path / "pool" / "windows_00000000.npy")
    assert windows.shape == (7 * 2 * 2, 4, 96, 64)

    def tile(path: Path, top: int, left: int) -> np.ndarray:
        luma, chroma = split(_frame(path))
        parts = luma[top : top + 64, left : left + 64], chroma[:, top // 2 : top // 2 + 32, left // 2 : left // 2 + 32]
        return np.concatenate([np.ascontiguousarray(part).ravel() for part in parts]).reshape(96, 64)

    for number, (top, left) in enumerate([(0, 0), (0, 16), (2, 0), (2, 16)]):
        before, present, after = (tile(pairs[index].blurred, top, left) for index in (0, 1, 2))
        frames, flow = aligned(before, present, after)
        assert np.array_equal(windows[4 + number, :3], frames)
        assert np.array_equal(windows[4 + number, 3], tile(pairs[1].sharp, top, left))
        assert np.array_equal(flows[4 + number], flow, equal_nan=True)
    missing = [[bool(np.isnan(flow[side]).all()) for side in (0, 2)] for flow in flows[::4]]
    expected = [[place is None for place in beside] for beside in neighbours(pairs)]
    assert missing == expected


def test_packing_goes_on_where_it_stopped(pairs: list[Pair], tmp_path: Path) -> None:
    options = PackOptions(48, workers=1, shard_bytes=2 * 4 * 4 * 72 * 48)  # two frames of four tiles
    list(pack_windows(pairs, tmp_path / "whole", options))
    cut = pack_windows(pairs, tmp_path / "cut", options)
    while not list((tmp_path / "cut").glob("windows_*.npy")) and next(cut) < 5:
        pass
    cut.close()
    with pytest.raises(DataError, match="was not packed to the end"):
        WindowPool([tmp_path / "cut"])
    assert next(pack_windows(pairs, tmp_path / "cut", options)) == 2
    list(pack_windows(pairs, tmp_path / "cut", options))
    pools = [WindowPool([tmp_path / name]) for name in ("whole", "cut")]
    assert len(pools[0]) == 28
    assert pools[0].digest == pools[1].digest
    assert len(list((tmp_path / "cut").glob("windows_*.npy"))) == 4


def test_what_can_not_be_packed_is_named(pairs: list[Pair], tmp_path: Path) -> None:
    with pytest.raises(DataError, match="size must be a multiple of 16, not 50"):
        next(pack_windows(pairs, tmp_path / "pool", PackOptions(50)))
    with pytest.raises(DataError, match="pair a/000 is 80x66, smaller than a tile of 80"):
        list(pack_windows(pairs, tmp_path / "pool", PackOptions(80)))
