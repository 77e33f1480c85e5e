"""Pools of windows: reproducible, complete, made of what they say, and kept fresh."""

from __future__ import annotations

import json
from dataclasses import replace
from itertools import islice
from typing import TYPE_CHECKING

import cv2
import numpy as np
import pytest

from network.errors import DataError
from network.synth import make_pool as module
from network.synth.make_pool import PoolOptions, keep_ring, make_pool
from network.synth.profile import PROFILES
from network.training.windows import WindowPool

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

PROFILE = replace(PROFILES["handheld"], longest=8.0)


@pytest.fixture
def photos(natural: Callable[[int], np.ndarray], tmp_path: Path) -> list[Path]:
    paths = []
    for number in range(2):
        paths.append(tmp_path / f"photo{number}.png")
        cv2.imwrite(str(paths[-1]), natural(number)[:160, :200])
    return paths


def _make(photos: list[Path], out: Path, **options: int) -> tuple[np.ndarray, np.ndarray]:
    *_, done = make_pool(photos, out, PROFILE, PoolOptions(windows=6, size=48, **options))
    assert done == 6
    return np.load(out / "windows_00000000.npy"), np.load(out / "flows_00000000.npy")


def test_the_same_seed_gives_the_same_windows(photos: list[Path], tmp_path: Path) -> None:
    windows, flows = _make(photos, tmp_path / "one", seed=5, workers=1)
    again = _make(photos, tmp_path / "two", seed=5, workers=2)
    assert np.array_equal(windows, again[0])
    assert np.array_equal(flows, again[1], equal_nan=True)
    assert not np.array_equal(windows, _make(photos, tmp_path / "other", seed=6, workers=1)[0])
    assert (windows.shape, flows.shape) == ((6, 4, 72, 48), (6, 4, 12, 12))
    pool = WindowPool([tmp_path / "one"])
    assert (len(pool), pool.is_ring) == (6, False)
    record = json.loads((tmp_path / "one" / "pool.json").read_text(encoding="utf-8"))
    assert record["options"]["seed"] == 5
    assert record["profile"]["longest"] == 8.0
    assert record["photos"] == ["photo0.png", "photo1.png"]


def test_shards_that_are_there_are_kept_and_rests_removed(photos: list[Path], tmp_path: Path) -> None:
    out = tmp_path / "pool"
    _make(photos, out, workers=1)
    shard = out / "windows_00000000.npy"
    before = shard.stat().st_mtime_ns
    rest = out / "flows_00000256.npy"
    rest.write_bytes(b"of a process that was killed before it wrote the windows")
    _make(photos, out, workers=1)
    assert shard.stat().st_mtime_ns == before
    assert not rest.exists()


def test_a_pool_of_something_else_is_left_alone(photos: list[Path], tmp_path: Path) -> None:
    _make(photos, tmp_path / "pool", workers=1)
    with pytest.raises(DataError, match="holds a pool of other windows"):
        _make(photos, tmp_path / "pool", seed=1)
    with pytest.raises(DataError, match="holds a pool of other windows"):
        next(keep_ring(photos, tmp_path / "pool", PROFILE, PoolOptions(windows=6, size=48)))
    with pytest.raises(DataError, match="size must be a multiple of 16, not 50"):
        PoolOptions(size=50)
    with pytest.raises(DataError, match="no sharp photographs or videos"):
        next(make_pool([], tmp_path / "none", PROFILE, PoolOptions()))


def test_a_ring_is_filled_and_then_replaces_its_oldest_windows(
    photos: list[Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "SHARD_WINDOWS", 2)  # each process that writes is told how many
    out, options = tmp_path / "ring", PoolOptions(windows=4, size=48, workers=1)

    def names() -> list[str]:
        return sorted(path.stem for path in out.glob("*.npy"))

    sizes = list(islice(keep_ring(photos, out, PROFILE, options), 4))
    assert sizes == [2, 4, 4, 4]
    assert names() == ["flows_00000004", "flows_00000006", "windows_00000004", "windows_00000006"]
    pool = WindowPool([out])
    assert (len(pool), pool.is_ring, pool.digest) == (4, True, "ring")
    # Started again, it goes on with new windows, and a pool that is read meanwhile sees them when it looks.
    before = pool.window(0)[0].copy()
    list(islice(keep_ring(photos, out, PROFILE, options), 2))
    assert names() == ["flows_00000008", "flows_00000010", "windows_00000008", "windows_00000010"]
    assert np.array_equal(pool.window(0)[0], before)  # a shard that was removed can still be read
    pool.refresh()
    assert not np.array_equal(pool.window(0)[0], before)
    # The same windows as those of a pool of that length.
    list(make_pool(photos, tmp_path / "pool", PROFILE, replace(options, windows=10)))
    assert np.array_equal(pool.window(0)[0], WindowPool([tmp_path / "pool"]).window(8)[0])
