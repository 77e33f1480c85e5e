"""The training loop on a tiny pool."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
import pytest
import torch

from network import weights
from network.errors import DataError, TrainingError
from network.pool import Pool
from network.presets import PRESETS, Preset
from network.optimise import rate_at
from network.train import CHECKPOINT, WEIGHTS, train

if TYPE_CHECKING:
    from pathlib import Path

TINY = Preset(
    options={"widths": [8, 8, 8], "depth": 1},
    batch=2,
    patch=32,
    steps=8,
    warmup=2,
    decay=3,
    rate=3e-3,
    noise=2.0,
)


@pytest.fixture
def pool(tmp_path: Path) -> Pool:
    folder = tmp_path / "pool"
    folder.mkdir()
    rng = np.random.default_rng(0)
    np.save(folder / "pairs_0000000.npy", rng.integers(0, 256, (5, 2, 40, 40, 3), dtype=np.uint8))
    np.save(folder / "pairs_0000005.npy", rng.integers(0, 256, (3, 2, 40, 40, 3), dtype=np.uint8))
    return Pool([folder])


def test_a_resumed_run_repeats_an_uninterrupted_one_bit_for_bit(pool: Pool, tmp_path: Path) -> None:
    whole = [progress.loss for progress in train(TINY, pool, tmp_path / "whole")]
    steps = train(TINY, pool, tmp_path / "cut")
    first = [next(steps).loss for _ in range(3)]
    steps.close()  # as Ctrl-C in the caller does
    rest = [progress.loss for progress in train(TINY, pool, tmp_path / "cut")]
    assert first + rest == whole
    cut, complete = (weights.load(tmp_path / run / WEIGHTS)[1] for run in ("cut", "whole"))
    assert cut.digest == complete.digest


def test_training_lowers_the_loss(tmp_path: Path) -> None:
    folder = tmp_path / "pool"
    folder.mkdir()
    sharp = np.kron(np.random.default_rng(1).integers(0, 256, (2, 8, 8, 3)), np.ones((1, 4, 4, 1))).astype(np.uint8)
    blurred = (sharp.astype(np.float32) + np.roll(sharp, 1, 2) + np.roll(sharp, 2, 2)) / 3
    np.save(folder / "pairs_0000000.npy", np.stack([blurred.astype(np.uint8), sharp], axis=1))
    longer = replace(TINY, options={"widths": [16, 16, 16], "depth": 1}, steps=150, noise=0.0)
    losses = [progress.loss for progress in train(longer, Pool([folder]), tmp_path / "run")]
    assert np.mean(losses[-20:]) < 0.8 * np.mean(losses[:10])


def test_the_run_starts_from_given_weights(pool: Pool, tmp_path: Path) -> None:
    for _ in train(TINY, pool, tmp_path / "first"):
        pass
    start = tmp_path / "first" / WEIGHTS
    for _ in train(
        replace(TINY, steps=1, rate=0.0, final_rate=0.0, weight_decay=0.0),
        pool,
        tmp_path / "second",
        start_from=start,
    ):
        pass
    before, after = (weights.load(path)[0].exit.weight for path in (start, tmp_path / "second" / WEIGHTS))
    assert torch.equal(before, after)
    with pytest.raises(TrainingError, match="idc-rt"):
        next(train(replace(TINY, options={}), pool, tmp_path / "third", start_from=start))


def test_a_loss_that_is_not_a_number_stops_and_keeps_the_batch(pool: Pool, tmp_path: Path) -> None:
    run = tmp_path / "run"
    with pytest.raises(TrainingError, match="the batch is in"):
        for _ in train(replace(TINY, noise=float("inf")), pool, run):
            pass
    with np.load(run / "not_a_number.npz") as batch:
        assert batch["blurred"].shape == (2, 3, 32, 32)
    assert not (run / CHECKPOINT).exists()


def test_a_damaged_checkpoint_is_named(pool: Pool, tmp_path: Path) -> None:
    run = tmp_path / "run"
    run.mkdir()
    (run / CHECKPOINT).write_bytes(b"no tensors")
    with pytest.raises(TrainingError, match="can't be resumed"):
        next(train(TINY, pool, run))


def test_rates_follow_their_schedules() -> None:
    paper = PRESETS["idc-gopro"]
    assert rate_at(paper, 0) == pytest.approx(1e-4)
    assert rate_at(paper, paper.steps // 2) == pytest.approx(1e-5)
    assert rate_at(paper, paper.steps) == pytest.approx(1e-6)
    rates = [rate_at(TINY, step) for step in range(TINY.steps + 1)]
    assert rates == pytest.approx([1.5e-3, 3e-3, 3e-3, 3e-3, 3e-3, 3e-3, 2.0003e-3, 1.0007e-3, 1e-6], rel=1e-3)


def test_an_empty_or_damaged_pool_is_named(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="deblur synth"):
        Pool([tmp_path])
    (tmp_path / "pairs_0000000.npy").write_bytes(b"\x93NUMPY")
    with pytest.raises(DataError, match="damaged"):
        Pool([tmp_path])


def test_patches_larger_than_the_pairs_are_refused(pool: Pool) -> None:
    with pytest.raises(DataError, match="too small for patches of 64"):
        pool.batch(np.random.default_rng(0), 1, 64)


def test_both_sides_of_a_pair_are_cropped_and_turned_alike(tmp_path: Path) -> None:
    rng = np.random.default_rng(2)
    sharp = rng.integers(0, 255, (4, 20, 24, 3), dtype=np.uint8)
    np.save(tmp_path / "pairs_0000000.npy", np.stack([sharp + 1, sharp], axis=1))
    blurred, clean = Pool([tmp_path]).batch(rng, 16, 16)
    torch.testing.assert_close(blurred - clean, torch.full_like(clean, 1 / 255))
