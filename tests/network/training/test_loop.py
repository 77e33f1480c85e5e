"""The training loop on a tiny pool."""

from __future__ import annotations

import json
import signal
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
import torch
from safetensors.torch import load_file

from network import weights
from network.errors import DataError, TrainingError
from network.models import registry
from network.training.checkpoint import TrainingState, step_of
from network.training.distributed import ALONE
from network.training.loop import CHECKPOINT, WEIGHTS, train
from network.training.optimisers import make_optimisers, make_scaler, rate_at
from network.training.pool import Pool, images
from network.training.recipes import PRESETS, Preset
from network.training.run_log import STARTS, RunRecord
from network.training.start import running_average
from network.training.step import NotFiniteError, take_step

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path


class InterruptingPool(Pool):
    """Pairs during whose fifth batch the user presses Ctrl-C."""

    def batch(self, rngs: Sequence[np.random.Generator], patch: int, fresh: float = 0.0) -> torch.Tensor:
        self.batches = getattr(self, "batches", 0) + 1
        if self.batches == 5:
            signal.raise_signal(signal.SIGINT)
        return super().batch(rngs, patch, fresh)


class Exploding(torch.nn.Module):
    """A network whose result is finite, and whose gradient is not."""

    multiple = 1

    def __init__(self) -> None:
        super().__init__()
        self.weight = torch.nn.Parameter(torch.zeros(1))

    def forward_scales(self, images: torch.Tensor) -> tuple[torch.Tensor, ...]:
        """The root of zero, whose slope is infinite."""
        return (images + self.weight.sqrt(),)


ARITHMETIC_AND_OPTIMISERS = [("fp32", "adamw"), ("bf16", "adamw"), ("fp16", "adam"), ("fp32", "muon")]


@pytest.mark.parametrize(("precision", "optimiser"), ARITHMETIC_AND_OPTIMISERS)
def test_a_resumed_run_repeats_an_uninterrupted_one_bit_for_bit(
    precision: str, optimiser: str, tiny: Preset, pool: Pool, tmp_path: Path
) -> None:
    recipe = replace(tiny, precision=precision, optimiser=optimiser, steps=6)
    whole = [progress.loss for progress in train(recipe, pool, tmp_path / "whole")]
    steps = train(recipe, pool, tmp_path / "cut")
    first = [next(steps).loss for _ in range(3)]
    steps.close()
    rest = [progress.loss for progress in train(recipe, pool, tmp_path / "cut")]
    assert first + rest == whole
    digests = {weights.load(tmp_path / run / WEIGHTS)[1].digest for run in ("cut", "whole")}
    assert len(digests) == 1, "the averaged weights differ"
    states = [load_file(tmp_path / run / CHECKPOINT) for run in ("cut", "whole")]
    assert all(torch.equal(states[0][name], states[1][name]) for name in states[1])


@pytest.mark.parametrize("precision", ["bf16", "fp16"])
def test_less_precise_arithmetic_is_used_and_comes_close(
    precision: str, tiny: Preset, pool: Pool, tmp_path: Path
) -> None:
    exact, coarse = (
        [step.loss for step in train(replace(tiny, precision=kind), pool, tmp_path / kind)]
        for kind in ("fp32", precision)
    )
    assert exact != coarse
    assert coarse == pytest.approx(exact, rel=0.05)
    assert RunRecord(tmp_path / precision).last["arithmetic"] == {"bf16": "bfloat16", "fp16": "float16"}[precision]
    assert {tensor.dtype for tensor in load_file(tmp_path / precision / CHECKPOINT).values()} <= {
        torch.float32,
        torch.int64,
    }


@pytest.mark.gpu
@pytest.mark.parametrize("precision", ["fp32", "auto"])
def test_a_cuda_device_trains_and_resumes_as_the_cpu_does(
    precision: str, tiny: Preset, pool: Pool, tmp_path: Path
) -> None:
    expected = [step.loss for step in train(tiny, pool, tmp_path / "cpu")]
    recipe = replace(tiny, precision=precision)
    steps = train(recipe, pool, tmp_path / "cuda", device="cuda")
    losses = [next(steps).loss for _ in range(4)]
    steps.close()
    losses += [step.loss for step in train(recipe, pool, tmp_path / "cuda", device="cuda")]
    assert losses == pytest.approx(expected, rel=0.05)


def test_an_interruption_leaves_a_whole_step_from_which_the_run_goes_on_exactly(
    tiny: Preset, pool: Pool, tmp_path: Path
) -> None:
    for _ in train(tiny, pool, tmp_path / "whole"):
        pass
    run = tmp_path / "cut"
    with pytest.raises(KeyboardInterrupt):
        for _ in train(tiny, InterruptingPool([tmp_path / "pool"]), run):
            pass
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler
    done = step_of(run / CHECKPOINT)
    assert 3 <= done <= 5
    assert [progress.step for progress in train(tiny, pool, run)] == list(range(done + 1, tiny.steps + 1))
    digests = {weights.load(folder / WEIGHTS)[1].digest for folder in (run, tmp_path / "whole")}
    assert len(digests) == 1


def test_training_lowers_the_loss(tiny: Preset, tmp_path: Path) -> None:
    folder = tmp_path / "pool"
    folder.mkdir()
    sharp = np.kron(np.random.default_rng(1).integers(0, 256, (2, 8, 8, 3)), np.ones((1, 4, 4, 1))).astype(np.uint8)
    blurred = (sharp.astype(np.float32) + np.roll(sharp, 1, 2) + np.roll(sharp, 2, 2)) / 3
    np.save(folder / "pairs_0000000.npy", np.stack([blurred.astype(np.uint8), sharp], axis=1))
    longer = replace(tiny, options={"widths": [16, 16, 16], "depth": 1}, steps=150, noise=0.0)
    losses = [progress.loss for progress in train(longer, Pool([folder]), tmp_path / "run")]
    assert np.mean(losses[-20:]) < 0.8 * np.mean(losses[:10])


def test_the_run_starts_from_given_weights(tiny: Preset, pool: Pool, tmp_path: Path) -> None:
    for _ in train(tiny, pool, tmp_path / "first"):
        pass
    start = tmp_path / "first" / WEIGHTS
    for _ in train(
        replace(tiny, steps=1, rate=0.0, final_rate=0.0, weight_decay=0.0),
        pool,
        tmp_path / "second",
        start_from=start,
    ):
        pass
    before, after = (weights.load(path)[0].exit.weight for path in (start, tmp_path / "second" / WEIGHTS))
    assert torch.equal(before, after)
    with pytest.raises(TrainingError, match="the starting weights are idc-rt"):
        next(train(replace(tiny, options={}), pool, tmp_path / "third", start_from=start))


def test_work_adds_up_over_starts_and_over_the_weights_begun_with(tiny: Preset, pool: Pool, tmp_path: Path) -> None:
    begun_with = tmp_path / "begun_with.safetensors"
    network = registry.create(tiny.network, **tiny.options)
    weights.save(begun_with, network, name=tiny.network, options=tiny.options, card={"steps": 1000, "hours": 2.0})
    run = tmp_path / "run"
    steps = train(tiny, pool, run, start_from=begun_with)
    next(steps)
    steps.close()
    for _ in train(tiny, pool, run):
        pass
    card = weights.load(run / WEIGHTS)[1].card
    starts = [json.loads(line) for line in (run / STARTS).read_text(encoding="utf-8").splitlines()]
    assert [start["steps"] for start in starts] == [1, tiny.steps - 1]
    assert card["steps"] == 1000 + tiny.steps
    assert card["hours"] == pytest.approx(2.0 + sum(start["seconds"] for start in starts) / 3600, abs=2e-4)
    assert starts[0]["start_from"]["digest"] == weights.load(begun_with)[1].digest
    assert card["pool"] == {"pairs": 8, "digest": pool.digest}


def test_what_differs_from_the_last_start_is_told(tiny: Preset, pool: Pool, tmp_path: Path, told: list[str]) -> None:
    run = tmp_path / "run"
    next(train(tiny, pool, run))
    next(train(replace(tiny, rate=1e-3, seed=4), pool, run))
    lines = [line for line in told if not line.startswith("git.")]  # someone may have committed meanwhile
    assert lines == [
        "recipe.rate: 0.003 at the last start, 0.001 now",
        "recipe.seed: 0 at the last start, 4 now",
    ]


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"options": {"widths": [16, 8, 8], "depth": 1}}, "give another folder, or the same network and options"),
        ({"network": "idc", "options": {}}, "trains idc-rt"),
        ({"optimiser": "adamw"}, "it was trained by Muon and AdamW, not by AdamW"),
    ],
)
def test_a_run_of_something_else_is_refused(
    changes: dict[str, Any], message: str, tiny: Preset, pool: Pool, tmp_path: Path
) -> None:
    run = tmp_path / "run"
    next(train(tiny, pool, run))
    before = (run / CHECKPOINT).read_bytes()
    with pytest.raises(TrainingError, match=message):
        next(train(replace(tiny, **changes), pool, run))
    assert (run / CHECKPOINT).read_bytes() == before


@pytest.mark.parametrize(
    ("changes", "device", "message"),
    [
        ({"patch": 24}, "cpu", "patch is 24, but idc-rt needs a multiple of 16"),
        ({"network": "identity", "options": {}}, "cpu", "has nothing to train"),
        ({"loss": "guess"}, "cpu", "loss is one of"),
        ({}, "abacus", "device 'abacus' can't be used"),
    ],
)
def test_a_recipe_that_can_not_be_run_is_refused(
    changes: dict[str, Any], device: str, message: str, tiny: Preset, pool: Pool, tmp_path: Path
) -> None:
    with pytest.raises(TrainingError, match=message):
        next(train(replace(tiny, **changes), pool, tmp_path / "run", device=device))
    assert not (tmp_path / "run").exists()


def test_a_choice_that_a_field_has_not_is_refused(tiny: Preset) -> None:
    with pytest.raises(TrainingError, match="precision is one of fp32, bf16, fp16, auto, not 'fp8'"):
        replace(tiny, precision="fp8")  # type: ignore[arg-type]


def test_a_loss_that_is_not_a_number_stops_and_keeps_the_batch(tiny: Preset, pool: Pool, tmp_path: Path) -> None:
    run = tmp_path / "run"
    with pytest.raises(TrainingError, match="the batch is in"):
        for _ in train(replace(tiny, noise=float("inf")), pool, run):
            pass
    with np.load(run / "not_a_number_0.npz") as batch:
        assert batch["blurred"].shape == (2, 3, 32, 32)
    assert not (run / CHECKPOINT).exists()


def test_a_gradient_that_is_not_finite_stops_and_moves_nothing(tiny: Preset) -> None:
    network = Exploding()
    recipe = replace(tiny, optimiser="adam")
    cpu = torch.device("cpu")
    state = TrainingState(
        network, running_average(network, 0.9), make_optimisers(network, recipe), make_scaler(torch.float32, cpu)
    )
    model = ALONE.wrap(network, cpu)
    images = torch.rand(2, 3, 32, 32)
    with pytest.raises(NotFiniteError, match="gradient"):
        take_step(state, model, recipe, torch.float32, ALONE, images, images / 2, interrupted=False)
    assert network.weight.item() == 0


def test_fp16_lowers_its_scale_before_it_gives_up(tiny: Preset) -> None:
    network = Exploding()
    recipe = replace(tiny, optimiser="adam")
    cpu = torch.device("cpu")
    state = TrainingState(
        network, running_average(network, 0.9), make_optimisers(network, recipe), make_scaler(torch.float16, cpu)
    )
    model = ALONE.wrap(network, cpu)
    images = torch.rand(2, 3, 32, 32)
    norms: list[float] = []

    def train_on() -> None:
        while True:
            result = take_step(state, model, recipe, torch.float16, ALONE, images, images / 2, interrupted=False)
            norms.append(result.gradient_norm)

    with pytest.raises(NotFiniteError, match="gradient"):
        train_on()
    assert len(norms) == 16  # from 2^16 to 1
    assert not np.isfinite(norms).any()
    assert network.weight.item() == 0


def test_a_damaged_checkpoint_is_named(tiny: Preset, pool: Pool, tmp_path: Path) -> None:
    run = tmp_path / "run"
    run.mkdir()
    (run / CHECKPOINT).write_bytes(b"no tensors")
    with pytest.raises(TrainingError, match="can't be resumed"):
        next(train(tiny, pool, run))


def test_rates_follow_their_schedules(tiny: Preset) -> None:
    paper = PRESETS["idc-gopro"]
    assert rate_at(paper, 0) == pytest.approx(1e-4)
    assert rate_at(paper, paper.steps // 2) == pytest.approx(1e-5)
    assert rate_at(paper, paper.steps) == pytest.approx(1e-6)
    rates = [rate_at(tiny, step) for step in range(tiny.steps + 1)]
    assert rates == pytest.approx([1.5e-3, 3e-3, 3e-3, 3e-3, 3e-3, 3e-3, 2.0003e-3, 1.0007e-3, 1e-6], rel=1e-3)


def test_an_empty_or_damaged_pool_is_named(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="deblur synth"):
        Pool([tmp_path])
    (tmp_path / "pairs_0000000.npy").write_bytes(b"\x93NUMPY")
    with pytest.raises(DataError, match="damaged"):
        Pool([tmp_path])


def test_patches_larger_than_the_pairs_are_refused(pool: Pool) -> None:
    with pytest.raises(DataError, match="too small for patches of 64"):
        pool.batch([np.random.default_rng(0)], 64)


def test_both_sides_of_a_pair_are_cropped_and_turned_alike(tmp_path: Path) -> None:
    rng = np.random.default_rng(2)
    sharp = rng.integers(0, 255, (4, 20, 24, 3), dtype=np.uint8)
    np.save(tmp_path / "pairs_0000000.npy", np.stack([sharp + 1, sharp], axis=1))
    blurred, clean = images(Pool([tmp_path]).batch(rng.spawn(16), 16), torch.device("cpu"))
    torch.testing.assert_close(blurred - clean, torch.full_like(clean, 1 / 255))
