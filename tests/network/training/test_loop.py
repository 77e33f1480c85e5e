"""The training loop on a tiny pool."""

from __future__ import annotations

import json
import math
import signal
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import cv2
import numpy as np
import pytest
import torch
from safetensors.torch import load_file

from network import weights
from network.data.planes import to_frame
from network.data.windows import write_shard
from network.errors import TrainingError
from network.models import registry
from network.training import loop
from network.training.checkpoint import TrainingState, patches_of, step_of
from network.training.distributed import ALONE
from network.training.examples import Examples
from network.training.loop import CHECKPOINT, WEIGHTS, train
from network.training.optimisers import make_optimisers, make_scaler, rate_at
from network.training.recipes import PRESETS, Preset
from network.training.run_log import STARTS, RunRecord
from network.training.start import running_average
from network.training.step import StepResult, take_step
from network.training.windows import WindowBatch, WindowPool
from tests.support.scenes import Scene

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from network.training.pool import Pool
    from network.window.windows import Window


class InterruptingPool(WindowPool):
    """Windows during whose fifth batch the user presses Ctrl-C."""

    def batch(self, rngs: Sequence[np.random.Generator], patch: int) -> WindowBatch:
        self.batches = getattr(self, "batches", 0) + 1
        if self.batches == 5:
            signal.raise_signal(signal.SIGINT)
        return super().batch(rngs, patch)


class Exploding(torch.nn.Module):
    """A network whose result is finite, and whose gradient is not."""

    multiple = 1

    def __init__(self) -> None:
        super().__init__()
        self.weight = torch.nn.Parameter(torch.zeros(1))

    def forward_scales(self, images: torch.Tensor) -> tuple[torch.Tensor, ...]:
        """The root of zero, whose slope is infinite."""
        return (images + self.weight.sqrt(),)


class FaultyPool(WindowPool):
    """Windows whose batches of some steps hold no numbers."""

    faulty: tuple[int, ...] = ()

    def examples(self, batch: WindowBatch, window: Window, device: torch.device) -> Examples:
        self.step = getattr(self, "step", -1) + 1
        examples = super().examples(batch, window, device)
        if self.step in self.faulty:
            examples.inputs[0][0] = float("nan")
        return examples


ARITHMETIC_AND_OPTIMISERS = [("fp32", "adamw"), ("bf16", "adamw"), ("fp16", "adam"), ("fp32", "muon")]


@pytest.mark.parametrize(("precision", "optimiser"), ARITHMETIC_AND_OPTIMISERS)
def test_a_resumed_run_repeats_an_uninterrupted_one_bit_for_bit(
    precision: str, optimiser: str, tiny: Preset, pool: WindowPool, tmp_path: Path
) -> None:
    recipe = replace(tiny, precision=precision, optimiser=optimiser, until=12)
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
    precision: str, tiny: Preset, pool: WindowPool, tmp_path: Path
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
    precision: str, tiny: Preset, pool: WindowPool, tmp_path: Path
) -> None:
    expected = [step.loss for step in train(tiny, pool, tmp_path / "cpu")]
    recipe = replace(tiny, precision=precision)
    steps = train(recipe, pool, tmp_path / "cuda", device="cuda")
    losses = [next(steps).loss for _ in range(4)]
    steps.close()
    losses += [step.loss for step in train(recipe, pool, tmp_path / "cuda", device="cuda")]
    assert losses == pytest.approx(expected, rel=0.05)


def test_an_interruption_leaves_a_whole_step_from_which_the_run_goes_on_exactly(
    tiny: Preset, pool: WindowPool, tmp_path: Path
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
    assert [progress.step for progress in train(tiny, pool, run)] == list(range(done + 1, 9))
    digests = {weights.load(folder / WEIGHTS)[1].digest for folder in (run, tmp_path / "whole")}
    assert len(digests) == 1


def test_a_resumed_run_on_pairs_repeats_an_uninterrupted_one_bit_for_bit(
    tiny_pairs: Preset, pair_pool: Pool, tmp_path: Path
) -> None:
    whole = [progress.loss for progress in train(tiny_pairs, pair_pool, tmp_path / "whole")]
    steps = train(tiny_pairs, pair_pool, tmp_path / "cut")
    first = [next(steps).loss]
    steps.close()
    assert first + [progress.loss for progress in train(tiny_pairs, pair_pool, tmp_path / "cut")] == whole
    states = [load_file(tmp_path / run / CHECKPOINT) for run in ("cut", "whole")]
    assert all(torch.equal(states[0][name], states[1][name]) for name in states[1])


@pytest.mark.parametrize("frames", [1, 3])
def test_training_learns_a_few_windows_by_heart(frames: int, tiny: Preset, tmp_path: Path) -> None:
    folder = tmp_path / "pool"
    folder.mkdir()
    pictures = [Scene(seed).picture(0, 0, 48, 48).astype(np.float32) / 255 for seed in (1, 2)]
    sharp = np.stack([to_frame(picture) for picture in pictures])
    blurred = np.stack([to_frame(np.asarray(cv2.blur(picture, (9, 9)), np.float32)) for picture in pictures])
    windows = np.stack([blurred, blurred, blurred, sharp], axis=1)
    write_shard(folder, "0", windows, np.zeros((2, 4, 12, 12), np.float16))
    options = {"widths": [16, 16, 16], "depth": 1, "motion": 4, "frames": frames}
    recipe = replace(tiny, options=options, until=320, fall_from=240, warmup=5, batch=4, rate=1e-2)
    steps = list(train(recipe, WindowPool([folder]), tmp_path / "run"))
    assert np.mean([step.loss for step in steps[-20:]]) < 0.7 * np.mean([step.loss for step in steps[:5]])
    assert np.mean([step.gain for step in steps[-20:]]) > 2
    assert np.mean([step.gain for step in steps[:2]]) < 0.3


def test_the_run_starts_from_given_weights(tiny: Preset, pool: WindowPool, tmp_path: Path) -> None:
    for _ in train(tiny, pool, tmp_path / "first"):
        pass
    start = tmp_path / "first" / WEIGHTS
    for _ in train(
        replace(tiny, until=tiny.until + tiny.batch, rate=0.0),
        pool,
        tmp_path / "second",
        start_from=start,
    ):
        pass
    before, after = (weights.load(path)[0].exit.weight for path in (start, tmp_path / "second" / WEIGHTS))
    assert torch.equal(before, after)
    with pytest.raises(TrainingError, match="the starting weights are idc-video"):
        next(train(replace(tiny, options={}), pool, tmp_path / "third", start_from=start))


def test_work_adds_up_over_starts_and_over_the_weights_begun_with(
    tiny: Preset, pool: WindowPool, tmp_path: Path
) -> None:
    begun_with = tmp_path / "begun_with.safetensors"
    network = registry.create(tiny.network, **tiny.options)
    weights.save(begun_with, network, name=tiny.network, options=tiny.options, card={"patches": 1000, "hours": 2.0})
    run, recipe = tmp_path / "run", replace(tiny, until=1016, fall_from=1010)
    steps = train(recipe, pool, run, start_from=begun_with)
    first = next(steps)
    steps.close()
    rest = list(train(recipe, pool, run))
    assert [progress.patches for progress in (first, *rest)] == list(range(1002, 1017, 2))
    # The rate falls by patches over all runs, and rises by steps of this one.
    rates = [progress.rate / recipe.rate for progress in (first, *rest)]
    assert rates == pytest.approx([0.5, 1, 1, 1, 1, 1, 2 / 3, 1 / 3])
    card = weights.load(run / WEIGHTS)[1].card
    starts = [json.loads(line) for line in (run / STARTS).read_text(encoding="utf-8").splitlines()]
    assert [(start["patches"], start["steps"]) for start in starts] == [(1000, 1), (1002, 7)]
    assert card["patches"] == patches_of(run / CHECKPOINT) == 1016
    assert card["hours"] == pytest.approx(2.0 + sum(start["seconds"] for start in starts) / 3600, abs=2e-4)
    assert starts[0]["start_from"]["digest"] == weights.load(begun_with)[1].digest
    assert card["pool"] == {"size": 8, "digest": pool.digest}


def test_a_ring_is_looked_at_anew_while_training_goes_on(
    tiny: Preset, pool: WindowPool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(loop, "REFRESH", 4)
    folder = tmp_path / "pool"
    (folder / "pool.json").write_text('{"ring": true}', encoding="utf-8")
    ring = WindowPool([folder])
    assert len(ring) == len(pool) == 8
    steps = train(tiny, ring, tmp_path / "run")
    next(steps)
    for path in folder.glob("*_00000000.npy"):
        path.unlink()
    rng = np.random.default_rng(4)
    write_shard(folder, "00000008", rng.integers(0, 9, (1, 4, 72, 48), dtype=np.uint8), np.zeros((1, 4, 12, 12), "f2"))
    assert len(list(steps)) == 7
    assert len(ring) == 4
    assert RunRecord(tmp_path / "run").last["pool"] == {"size": None, "digest": "ring"}


def test_what_differs_from_the_last_start_is_told(
    tiny: Preset, pool: WindowPool, tmp_path: Path, told: list[str]
) -> None:
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
        ({"network": "idc", "options": {}, "loss": "mixed"}, "trains idc-video"),
        ({"optimiser": "adamw"}, "it was trained by Muon and AdamW, not by AdamW"),
    ],
)
def test_a_run_of_something_else_is_refused(
    changes: dict[str, Any], message: str, tiny: Preset, pool: WindowPool, tmp_path: Path
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
        ({"patch": 24}, "cpu", "patch is 24, but idc-video needs a multiple of 16"),
        ({"network": "identity", "options": {}}, "cpu", "has nothing to train"),
        ({}, "abacus", "device 'abacus' can't be used"),
    ],
)
def test_a_recipe_that_can_not_be_run_is_refused(
    changes: dict[str, Any], device: str, message: str, tiny: Preset, pool: WindowPool, tmp_path: Path
) -> None:
    with pytest.raises(TrainingError, match=message):
        next(train(replace(tiny, **changes), pool, tmp_path / "run", device=device))
    assert not (tmp_path / "run").exists()


def test_a_choice_that_a_field_has_not_is_refused(tiny: Preset) -> None:
    with pytest.raises(TrainingError, match="precision is one of fp32, bf16, fp16, auto, not 'fp8'"):
        replace(tiny, precision="fp8")  # type: ignore[arg-type]


def test_a_step_without_finite_numbers_moves_nothing_and_is_told(
    tiny: Preset, pool: WindowPool, tmp_path: Path, told: list[str]
) -> None:
    assert len(pool) == 8
    faulty = FaultyPool([tmp_path / "pool"])
    faulty.faulty = (3,)
    states = []
    for _ in train(tiny, faulty, tmp_path / "run", checkpoint_every=0.0):
        states.append(load_file(tmp_path / "run" / CHECKPOINT))  # noqa: PERF401 - the file changes with each step
    before, after = states[2], states[3]
    assert all(torch.equal(before[name], after[name]) for name in before)
    assert all(bool(tensor.isfinite().all()) for tensor in load_file(tmp_path / "run" / CHECKPOINT).values())
    assert [line for line in told if "moved nothing" in line] == ["the loss is nan at step 3, which moved nothing"]


def test_too_many_such_steps_end_the_run_and_keep_the_batch(
    tiny: Preset, pool: WindowPool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert len(pool) == 8
    monkeypatch.setattr(loop, "MOST_FAULTS", 2)
    faulty = FaultyPool([tmp_path / "pool"])
    faulty.faulty = (1, 2, 4)
    run = tmp_path / "run"
    with pytest.raises(TrainingError, match=r"the loss is nan at step 4, .*; the batch is in"):
        for _ in train(tiny, faulty, run):
            pass
    with np.load(run / "not_a_number_0.npz") as batch:
        assert batch["input_0"].shape == (2, 72, 8, 8)
        assert batch["target"].shape == (2, 24, 8, 8)
    assert not (run / CHECKPOINT).exists()


def _exploding(precision: torch.dtype, tiny: Preset) -> Callable[[], StepResult]:
    """Steps of a network whose gradient is not finite."""
    network, recipe = Exploding(), replace(tiny, optimiser="adam", loss="mixed")
    cpu = torch.device("cpu")
    state = TrainingState(
        network, running_average(network, 0.9), make_optimisers(network, recipe), make_scaler(precision, cpu)
    )
    model = ALONE.wrap(network, cpu)
    images = torch.rand(2, 3, 32, 32)
    examples = Examples((images,), images, images / 2, 3, lambda pictures: pictures)

    def step() -> StepResult:
        result = take_step(state, model, recipe, precision, ALONE, examples, interrupted=False)
        assert network.weight.item() == 0
        return result

    return step


def test_a_gradient_that_is_not_finite_moves_nothing(tiny: Preset) -> None:
    result = _exploding(torch.float32, tiny)()
    assert "gradient" in result.fault
    assert not result.moved
    assert math.isfinite(result.loss)


def test_fp16_lowers_its_scale_before_that_counts_as_a_fault(tiny: Preset) -> None:
    step = _exploding(torch.float16, tiny)
    results = [step() for _ in range(17)]
    assert [result.overflowed for result in results] == [True] * 16 + [False]  # from 2^16 to 1
    assert not any(result.moved for result in results)
    assert "gradient" in results[-1].fault


def test_a_damaged_checkpoint_is_named(tiny: Preset, pool: WindowPool, tmp_path: Path) -> None:
    run = tmp_path / "run"
    run.mkdir()
    (run / CHECKPOINT).write_bytes(b"no tensors")
    with pytest.raises(TrainingError, match="can't be resumed"):
        next(train(tiny, pool, run))


def test_rates_follow_their_schedules(tiny: Preset) -> None:
    paper = PRESETS["idc-gopro"]
    assert rate_at(paper, 0, 0) == pytest.approx(1e-4)
    assert rate_at(paper, 7, paper.until // 2) == pytest.approx(1e-5)
    assert rate_at(paper, 7, paper.until) == pytest.approx(1e-6)
    rates = [rate_at(tiny, step, 2 * step) for step in range(9)]
    assert rates == pytest.approx([1.5e-3, 3e-3, 3e-3, 3e-3, 3e-3, 3e-3, 2e-3, 1e-3, 0])
    for patches in (342_000, 10_000_000):  # no fall where it begins after the end
        assert rate_at(replace(tiny, until=20_000_000, fall_from=20_000_000), 500, patches) == 3e-3
