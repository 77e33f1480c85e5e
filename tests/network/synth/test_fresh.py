"""Blur made anew from the sharp sides of a pool."""

from __future__ import annotations

from typing import TYPE_CHECKING

import cv2
import numpy as np
import pytest
import torch

from network.errors import DataError
from network.synth.fresh import fresh_pair, moved
from network.synth.motion import Motion, smooth_path
from network.synth.render import expose
from network.training.pool import Pool, images

if TYPE_CHECKING:
    from pathlib import Path

SIDE, PATCH = 96, 48


def _scene(seed: int = 0) -> np.ndarray:
    coarse = np.random.default_rng(seed).integers(0, 256, (12, 12, 3), dtype=np.uint8)
    return cv2.resize(coarse, (SIDE, SIDE), interpolation=cv2.INTER_CUBIC)


def test_a_path_blurs_as_an_exposure_does() -> None:
    linear = np.square(_scene().astype(np.float32) / 255)
    path = 12 * smooth_path(np.random.default_rng(3), np.linspace(-0.5, 0.5, 25), 0.1, 0.7)
    inner = np.s_[16:-16, 16:-16]
    differences = []
    for way in (-path, path):  # an exposure tells where each pixel is read from, which is the way back
        motion = Motion(way.astype(np.float32), np.zeros((25, 4), np.float32), None, (0.0, 0.0))
        differences.append(np.abs(moved(linear, path) - expose(linear, motion, [])[0])[inner].max())
    assert differences[0] < 0.01 < 0.05 < differences[1]


def test_no_motion_changes_nothing_and_whole_pixels_move_the_picture() -> None:
    linear = np.random.default_rng(0).random((33, 40, 3), np.float32)
    assert np.abs(moved(linear, np.zeros((3, 2))) - linear).max() < 1e-6
    there = moved(linear, np.array([[4.0, -3.0]]))
    assert np.abs(there - np.roll(linear, (-3, 4), (0, 1))).max() < 1e-5


def test_the_same_randomness_gives_the_same_pair_and_another_another() -> None:
    scene = _scene()
    first, same, other = (fresh_pair(np.random.default_rng(seed), scene, PATCH) for seed in (1, 1, 2))
    assert np.array_equal(first, same)
    assert not np.array_equal(first, other)


def test_a_pair_is_a_part_of_the_picture_without_what_came_round_the_border() -> None:
    # A ramp: each place may become as dark or bright as the places that a path can reach, and no more.
    ramp = np.broadcast_to(np.linspace(40, 230, SIDE).astype(np.uint8)[:, None], (SIDE, SIDE, 3))
    room, noise = (SIDE - PATCH) // 2, 6
    farthest = 0
    for seed in range(60):
        for scene in (ramp, ramp.transpose(1, 0, 2)):
            blurred, sharp = fresh_pair(np.random.default_rng(seed), scene, PATCH)
            assert blurred.shape == sharp.shape == (PATCH, PATCH, 3)
            slope = (int(sharp.max()) - int(sharp.min())) / (PATCH - 1)
            difference = np.abs(blurred.astype(int) - sharp).max()
            assert difference <= 1.3 * slope * room + noise
            farthest = max(farthest, int(difference))
    assert farthest > 3 * noise
    untouched = [fresh_pair(np.random.default_rng(seed), _scene(), PATCH) for seed in range(40)]
    assert any(np.array_equal(*pair) for pair in untouched), "untouched pairs keep sharp input sharp"


def test_pairs_without_a_border_are_refused() -> None:
    with pytest.raises(DataError, match="no border around patches of 95, which fresh blur needs; set fresh=0"):
        fresh_pair(np.random.default_rng(0), _scene(), SIDE - 1)


def test_a_share_of_a_batch_gets_fresh_blur(tmp_path: Path) -> None:
    sharp = np.stack([_scene(seed) for seed in range(4)])
    np.save(tmp_path / "pairs_0000000.npy", np.stack([np.zeros_like(sharp), sharp], axis=1))
    pool = Pool([tmp_path])
    cpu = torch.device("cpu")
    shares = []
    for fresh in (0.0, 0.5, 1.0):
        blurred, clean = images(pool.batch(np.random.default_rng(4).spawn(40), PATCH, fresh), cpu)
        assert clean.shape == blurred.shape == (40, 3, PATCH, PATCH)
        again, _ = images(pool.batch(np.random.default_rng(4).spawn(40), PATCH, fresh), cpu)
        assert blurred.equal(again)
        part, _ = images(pool.batch(np.random.default_rng(4).spawn(40)[10:30], PATCH, fresh), cpu)
        assert part.equal(blurred[10:30])
        shares.append(float((blurred.amax((1, 2, 3)) > 0).float().mean()))
    assert shares[0] == 0
    assert 0.25 < shares[1] < 0.75
    assert shares[2] == 1
