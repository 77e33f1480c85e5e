"""Pools of pairs: reproducible, complete, and made of what they say."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import TYPE_CHECKING

import cv2
import numpy as np
import pytest

from network.evaluation.metrics import psnr
from network.synth.make_pool import SHARD_PAIRS, PoolOptions, make_pool
from network.synth.pair import blur_pair
from network.synth.profile import PROFILES
from network.training.pool import Pool

if TYPE_CHECKING:
    from pathlib import Path

PROFILE = replace(PROFILES["handheld"], longest=8.0)


@pytest.fixture
def photos(tmp_path: Path) -> list[Path]:
    rng = np.random.default_rng(0)
    paths = []
    for number in range(2):
        coarse = rng.integers(0, 256, (20, 25, 3), dtype=np.uint8)
        picture = cv2.resize(coarse, (200, 160), interpolation=cv2.INTER_NEAREST)
        paths.append(tmp_path / f"photo{number}.png")
        cv2.imwrite(str(paths[-1]), picture)
    return paths


def _make(photos: list[Path], out: Path, **options: int) -> np.ndarray:
    *_, done = make_pool(photos, out, PROFILE, PoolOptions(pairs=6, size=48, **options))
    assert done == 6
    return np.load(out / "pairs_0000000.npy")


def test_the_same_seed_gives_the_same_pairs_with_any_number_of_workers(photos: list[Path], tmp_path: Path) -> None:
    one = _make(photos, tmp_path / "one", seed=5, workers=1)
    assert np.array_equal(one, _make(photos, tmp_path / "two", seed=5, workers=2))
    assert not np.array_equal(one, _make(photos, tmp_path / "other", seed=6, workers=1))
    assert one.shape == (6, 2, 48, 48, 3)
    assert len(Pool([tmp_path / "one"])) == 6
    description = json.loads((tmp_path / "one" / "pool.json").read_text(encoding="utf-8"))
    assert description["options"]["seed"] == 5
    assert description["profile"]["longest"] == 8.0


def test_a_shard_that_is_there_is_kept(photos: list[Path], tmp_path: Path) -> None:
    _make(photos, tmp_path / "pool", workers=1)
    shard = tmp_path / "pool" / "pairs_0000000.npy"
    before = shard.stat().st_mtime_ns
    _make(photos, tmp_path / "pool", workers=1)
    assert shard.stat().st_mtime_ns == before


def _scene() -> np.ndarray:
    coarse = np.random.default_rng(1).integers(0, 256, (16, 16, 3), dtype=np.uint8)
    return cv2.resize(coarse, (128, 128), interpolation=cv2.INTER_NEAREST)


def test_an_untouched_pair_is_its_source() -> None:
    scene = _scene()
    blurred, sharp = blur_pair(np.random.default_rng(0), scene, replace(PROFILE, untouched=1.0))
    assert np.array_equal(blurred, scene)
    assert np.array_equal(sharp, scene)


def test_longer_paths_blur_more() -> None:
    scores = []
    for length in (1.0, 4.0, 16.0):
        profile = replace(PROFILE, shortest=length, longest=length, untouched=0.0, compression=0.0, noise=0.0)
        pairs = [blur_pair(np.random.default_rng(seed), _scene(), profile) for seed in range(4)]
        scores.append(np.mean([psnr(*pair) for pair in pairs]))
    assert scores[0] > scores[1] + 2 > scores[2] + 4


def test_a_steeper_response_brightens_the_blurred_side_alone() -> None:
    plain = replace(PROFILE, untouched=0.0, compression=0.0, defocus=0.0, noise=0.0, highlights=0.0, shortest=8.0)
    for seed in range(4):
        blurred, sharp = blur_pair(np.random.default_rng(seed), _scene(), replace(plain, steepness=1.0))
        brighter, same = blur_pair(np.random.default_rng(seed), _scene(), replace(plain, steepness=8.0))
        # Objects have soft edges, whose mixture depends on the response too.
        assert np.median(np.abs(same.astype(int) - sharp)) == 0
        assert brighter.mean() > blurred.mean() + 1


def test_compression_touches_the_blurred_side_alone() -> None:
    clean = replace(PROFILE, untouched=0.0, compression=0.0, objects=0.0)
    for seed in range(4):
        blurred, sharp = blur_pair(np.random.default_rng(seed), _scene(), clean)
        worse, same = blur_pair(np.random.default_rng(seed), _scene(), replace(clean, compression=1.0))
        assert np.array_equal(sharp, same)
        assert not np.array_equal(blurred, worse)
        assert psnr(blurred, worse) > 18


@pytest.mark.slow
def test_shards_made_by_several_workers_are_those_of_one(photos: list[Path], tmp_path: Path) -> None:
    profile = replace(PROFILE, shortest=1.0, longest=2.0, objects=0.0, compression=0.0)
    for workers in (1, 2):
        options = PoolOptions(pairs=SHARD_PAIRS + 2, size=32, workers=workers)
        assert list(make_pool(photos, tmp_path / str(workers), profile, options)) == [SHARD_PAIRS, SHARD_PAIRS + 2]
    one, two = Pool([tmp_path / "1"]), Pool([tmp_path / "2"])
    assert len(one) == SHARD_PAIRS + 2
    assert one.digest == two.digest
