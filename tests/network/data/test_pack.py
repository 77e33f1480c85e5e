"""Packed pools: bit-exact, bounded, complete, and able to go on."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch

from network.data.pack import PackOptions, pack
from network.data.pairs import Pair, read_pair
from network.errors import DataError
from network.training.pool import Pool, images

ROOT = Path(__file__).resolve().parents[3]
WIDE, HIGH = (40, 64), (64, 48)  # height, width
PAIR_BYTES = 2 * 40 * 64 * 3


def _pairs(folder: Path, sizes: list[tuple[int, int]]) -> list[Pair]:
    rng = np.random.default_rng(0)
    folder.mkdir(exist_ok=True)
    pairs = []
    for number, size in enumerate(sizes):
        sides = [folder / f"{number}_{side}.png" for side in ("blurred", "sharp")]
        for path in sides:
            cv2.imwrite(str(path), rng.integers(0, 256, (*size, 3), dtype=np.uint8))
        pairs.append(Pair(f"{number}", *sides))
    return pairs


@pytest.fixture
def pairs(tmp_path: Path) -> list[Pair]:
    """Five wide ones and two high ones, mixed."""
    return _pairs(tmp_path / "set", [WIDE, WIDE, HIGH, WIDE, WIDE, HIGH, WIDE])


def _pack(pairs: list[Pair], out: Path, **options: int) -> list[int]:
    return list(pack(pairs, out, PackOptions(**options)))


def _shards(out: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in sorted(out.glob("*.npy"))}


@pytest.mark.parametrize("workers", [1, 3])
def test_pairs_are_read_back_bit_for_bit(pairs: list[Pair], workers: int, tmp_path: Path) -> None:
    assert _pack(pairs, tmp_path / "pool", workers=workers) == list(range(8))
    wide, high = Pool([tmp_path / "pool"]).shards[1], Pool([tmp_path / "pool"]).shards[0]
    assert wide.shape == (5, 2, *WIDE, 3)
    assert high.shape == (2, 2, *HIGH, 3)
    for packed, index in zip([*wide, *high], [0, 1, 3, 4, 6, 2, 5], strict=True):
        assert np.array_equal(packed, np.stack(read_pair(pairs[index])))
    names = {"pool.json", "pairs_64x40_00000.npy", "pairs_48x64_00000.npy"}
    assert {path.name for path in (tmp_path / "pool").iterdir()} == names


def test_training_batches_come_from_a_packed_pool(pairs: list[Pair], tmp_path: Path) -> None:
    _pack(pairs, tmp_path / "pool")
    pool = Pool([tmp_path / "pool"])
    assert len(pool) == 7
    blurred, sharp = images(pool.batch(np.random.default_rng(0).spawn(6), 32), torch.device("cpu"))
    assert blurred.shape == sharp.shape == (6, 3, 32, 32)
    assert 0.4 < float(blurred.mean()) < 0.6


def test_shards_are_bounded(pairs: list[Pair], tmp_path: Path) -> None:
    _pack(pairs, tmp_path / "pool", shard_bytes=2 * PAIR_BYTES)
    shapes = {name: len(np.load(tmp_path / "pool" / name)) for name in _shards(tmp_path / "pool")}
    assert shapes == {
        "pairs_48x64_00000.npy": 1,  # these are larger
        "pairs_48x64_00001.npy": 1,
        "pairs_64x40_00000.npy": 2,
        "pairs_64x40_00001.npy": 2,
        "pairs_64x40_00002.npy": 1,
    }


def test_tiles_of_pairs_of_any_size_share_shards_and_cover_them(tmp_path: Path) -> None:
    pairs = _pairs(tmp_path / "set", [WIDE, HIGH])
    _pack(pairs, tmp_path / "pool", size=32)
    (name,) = _shards(tmp_path / "pool")
    tiles = np.load(tmp_path / "pool" / name)
    assert tiles.shape == (4 + 4, 2, 32, 32, 3)
    wide = np.stack(read_pair(pairs[0]))
    places = [(0, 0), (0, 32), (8, 0), (8, 32)]  # the height of 40 takes two that overlap
    for tile, (top, left) in zip(tiles[:4], places, strict=True):
        assert np.array_equal(tile, wide[:, top : top + 32, left : left + 32])
    high = np.stack(read_pair(pairs[1]))
    assert np.array_equal(tiles[5], high[:, :32, 16:48])


def test_a_stopped_packing_goes_on_to_the_same_pool(pairs: list[Pair], tmp_path: Path) -> None:
    _pack(pairs, tmp_path / "whole", shard_bytes=2 * PAIR_BYTES)
    steps = pack(pairs, tmp_path / "cut", PackOptions(shard_bytes=2 * PAIR_BYTES))
    assert [next(steps) for _ in range(6)] == [0, 1, 2, 3, 4, 5]
    steps.close()  # as Ctrl-C in the caller does
    assert list(_shards(tmp_path / "cut")) == ["pairs_64x40_00000.npy"]
    assert not (tmp_path / "cut" / "partial").exists()
    with pytest.raises(DataError, match="was not packed to the end"):
        Pool([tmp_path / "cut"])

    first = tmp_path / "cut" / "pairs_64x40_00000.npy"
    before = first.stat().st_mtime_ns
    assert _pack(pairs, tmp_path / "cut", shard_bytes=2 * PAIR_BYTES) == [2, 3, 4, 5, 6, 7]
    assert first.stat().st_mtime_ns == before
    assert _shards(tmp_path / "cut") == _shards(tmp_path / "whole")
    assert _pack(pairs, tmp_path / "cut", shard_bytes=2 * PAIR_BYTES) == [7]
    assert Pool([tmp_path / "cut"]).digest == Pool([tmp_path / "whole"]).digest


KILLED = """
import sys, time
from pathlib import Path
from network.data.pack import PackOptions, pack
from network.data.pairs import Pair

source, out, limit = Path(sys.argv[1]), Path(sys.argv[2]), int(sys.argv[3])
pairs = [Pair(str(n), source / f"{n}_blurred.png", source / f"{n}_sharp.png") for n in range(7)]
for done in pack(pairs, out, PackOptions(shard_bytes=limit)):
    if done == 5:
        print("five", flush=True)
        time.sleep(60)
"""


@pytest.mark.timeout(60)
def test_what_a_killed_run_left_is_never_trusted(pairs: list[Pair], tmp_path: Path) -> None:
    limit = 2 * PAIR_BYTES
    _pack(pairs, tmp_path / "whole", shard_bytes=limit)
    out = tmp_path / "killed"
    with subprocess.Popen(  # noqa: S603
        [sys.executable, "-c", KILLED, str(tmp_path / "set"), str(out), str(limit)],
        stdout=subprocess.PIPE,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
    ) as process:
        assert process.stdout is not None
        assert process.stdout.readline().strip() == b"five"
        process.kill()
    assert list(_shards(out)) == ["pairs_64x40_00000.npy"]
    assert any((out / "partial").iterdir())
    _pack(pairs, out, shard_bytes=limit)
    assert _shards(out) == _shards(tmp_path / "whole")
    assert not (out / "partial").exists()


def test_a_shard_that_was_deleted_is_made_again(pairs: list[Pair], tmp_path: Path) -> None:
    _pack(pairs, tmp_path / "pool", shard_bytes=2 * PAIR_BYTES)
    before = _shards(tmp_path / "pool")
    (tmp_path / "pool" / "pairs_64x40_00001.npy").unlink()
    assert _pack(pairs, tmp_path / "pool", shard_bytes=2 * PAIR_BYTES) == [5, 6, 7]
    assert _shards(tmp_path / "pool") == before


def test_a_pool_of_other_pairs_is_not_touched(pairs: list[Pair], tmp_path: Path) -> None:
    _pack(pairs, tmp_path / "pool")
    before = _shards(tmp_path / "pool")
    for others, size in ((pairs[:-1], 0), (pairs, 32)):
        with pytest.raises(DataError, match="holds a pool of other pairs or tiles"):
            _pack(others, tmp_path / "pool", size=size)
    (tmp_path / "pool" / "pool.json").write_text(json.dumps({"profile": {}}), encoding="utf-8")
    with pytest.raises(DataError, match="holds a pool of other pairs or tiles"):
        _pack(pairs, tmp_path / "pool")
    (tmp_path / "pool" / "pool.json").unlink()
    with pytest.raises(DataError, match=r"holds shards, but no pool\.json"):
        _pack(pairs, tmp_path / "pool")
    assert _shards(tmp_path / "pool") == before


def test_a_pair_that_can_not_be_packed_is_named(pairs: list[Pair], tmp_path: Path) -> None:
    with pytest.raises(DataError, match="pair 0 is 64x40, smaller than a tile of 48"):
        _pack(pairs, tmp_path / "tiles", size=48)
    pairs[5].sharp.write_bytes(b"no picture")
    with pytest.raises(DataError, match=r"5_sharp\.png can't be read"):
        _pack(pairs, tmp_path / "damaged")
    cv2.imwrite(str(pairs[5].sharp), np.zeros((8, 8, 3), np.uint8))
    with pytest.raises(DataError, match="pair 5: the blurred side is 48x64, the sharp side 8x8"):
        _pack(pairs, tmp_path / "sizes")
    assert not (tmp_path / "sizes" / "partial").exists()
