"""A correction that is found at half the size, and added at full size."""

from __future__ import annotations

import itertools
import time
from dataclasses import replace

import numpy as np
import pytest

from network.planes import Layout, Matrix, PlaneBatch, PlaneSpec
from network.window.windows import MISSING, Window
from pipeline.engines.load import load_engine
from pipeline.engines.openvino import BATCH
from pipeline.errors import UsageError
from pipeline.runner.half_engine import HalfEngine, at_half_size, half_of
from pipeline.runner.protocols import TimedEngine
from pipeline.runner.trial import Trial
from tests.support.engines import BrighteningEngine, CopyingEngine, WindowEngine
from tests.support.windows import SPECS, moving_frames

EXACT = [
    PlaneSpec(*size, layout, depth)
    for size, layout, depth in itertools.product([(37, 21), (48, 32), (1, 1), (2, 1)], Layout, (8, 10, 16))
]


def noise(spec: PlaneSpec, frames: int = 2) -> PlaneBatch:
    """Every code that a word can hold, those that no depth has included."""
    random = np.random.default_rng(1)
    batch = PlaneBatch.empty(spec, frames)
    for plane in batch.planes:
        plane[...] = random.integers(0, 1 << spec.depth, plane.shape) << spec.code_shift
    return batch


@pytest.mark.parametrize("spec", [*EXACT, PlaneSpec(37, 21, Layout.YUV444P, 8, Matrix.RGB, full_range=True)], ids=str)
def test_an_engine_that_changes_nothing_gives_back_every_code(spec: PlaneSpec) -> None:
    engine = HalfEngine(CopyingEngine())
    batch, out = noise(spec), engine.buffers(spec, 2)
    before = [plane.copy() for plane in batch.planes]
    engine.run(batch, out)
    for given, kept, made in zip(batch.planes, before, out.planes, strict=True):
        np.testing.assert_array_equal(given, kept)
        np.testing.assert_array_equal(made, kept)


@pytest.mark.parametrize("layout", list(Layout))
@pytest.mark.parametrize("depth", [8, 10])
def test_the_identity_network_gives_back_every_code(layout: Layout, depth: int) -> None:
    engine = load_engine("openvino", "identity", scale=0.5)
    spec = PlaneSpec(37, 21, layout, depth)
    batch, out = engine.buffers(spec, 2), engine.buffers(spec, 2)
    for plane, codes in zip(batch.planes, noise(spec).planes, strict=True):
        plane[...] = codes
    engine.run(batch, out)
    for given, made in zip(batch.planes, out.planes, strict=True):
        np.testing.assert_array_equal(made, given)


@pytest.mark.parametrize("spec", SPECS, ids=str)
def test_a_change_is_added_to_every_sample_and_clipped(spec: PlaneSpec) -> None:
    class Seen(BrighteningEngine):
        def run(self, batch: PlaneBatch, out: PlaneBatch) -> None:
            assert batch.spec == half_of(spec)
            for plane in batch.planes:
                assert not (plane & ((1 << spec.code_shift) - 1)).any(), "low bits of a word are no part of a code"
            super().run(batch, out)

    amount = 20 << spec.code_shift
    engine = HalfEngine(Seen(amount))
    batch, out = moving_frames(spec, 2), PlaneBatch.empty(spec, 2)
    step, highest = 1 << spec.code_shift, (1 << spec.depth) - 1
    batch.planes[0][0, :20] = highest * step
    engine.run(batch, out)
    middle = np.s_[1, 30:-8, 8:-8]
    expected = np.minimum(batch.planes[0].astype(int) + amount, highest * step)
    np.testing.assert_array_equal(out.planes[0][middle], expected[middle])
    assert (out.planes[0][0, :10] == highest * step).all(), "what is white already stays in range"
    for given, kept in zip(batch.planes[1:], out.planes[1:], strict=True):
        np.testing.assert_array_equal(kept, given)


def test_frames_are_averaged_and_an_odd_edge_is_repeated() -> None:
    seen: list[np.ndarray] = []

    class Looking(CopyingEngine):
        def run(self, batch: PlaneBatch, out: PlaneBatch) -> None:
            seen.append(batch.planes[0][0].copy())
            super().run(batch, out)

    engine = HalfEngine(Looking())
    spec = PlaneSpec(3, 3, Layout.GRAY, 10)
    batch = PlaneBatch(spec, (np.array([[[0, 4, 100], [8, 12, 300], [40, 60, 1023]]], np.uint16),))
    engine.run(batch, PlaneBatch.empty(spec, 1))
    np.testing.assert_array_equal(seen[0], [[6, 200], [50, 1023]])


def test_neighbours_are_those_of_the_windows() -> None:
    spec, inner = PlaneSpec(16, 16, Layout.GRAY), WindowEngine()
    engine = HalfEngine(inner)
    assert engine.info.window == Window(1, 1)
    batch, out = engine.buffers(spec, 4), engine.buffers(spec, 2)
    for place, level in enumerate((10, 20, 40, 80)):
        batch.planes[0][place] = level
    windows = np.array([[MISSING, 0, 1], [1, 2, MISSING]], np.intp)
    engine.run(batch, out, windows)
    small, made = inner.buffers(half_of(spec), 4), inner.buffers(half_of(spec), 2)
    small.planes[0][...] = batch.planes[0][:, :8, :8]
    inner.run(small, made, windows)
    np.testing.assert_array_equal(out.planes[0][:, 0, 0], made.planes[0][:, 0, 0])


def test_the_network_over_time_runs_at_half_the_size() -> None:
    spec = PlaneSpec(97, 65, depth=10)
    engine, inner = load_engine("openvino", scale=0.5, precision="fp32"), load_engine("openvino", precision="fp32")
    assert engine.info == inner.info
    frames = moving_frames(spec, 3)
    batch, out = engine.buffers(spec, 3), engine.buffers(spec, 3)
    for plane, codes in zip(batch.planes, frames.planes, strict=True):
        plane[...] = codes
    windows = engine.info.window.consecutive(3)
    engine.run(batch, out, windows)  # type: ignore[call-arg]
    changed = out.planes[0].astype(int) - batch.planes[0]
    assert changed.any()
    small, made = inner.buffers(half_of(spec), 3), inner.buffers(half_of(spec), 3)
    for plane, full in zip(small.planes, frames.planes, strict=True):
        padded = np.pad(full, ((0, 0), (0, full.shape[1] % 2), (0, full.shape[2] % 2)), mode="edge").astype(int)
        plane[...] = (
            padded[:, ::2, ::2] + padded[:, 1::2, ::2] + padded[:, ::2, 1::2] + padded[:, 1::2, 1::2] + 2
        ) >> 2
    inner.run(small, made, windows)  # type: ignore[call-arg]
    wanted = made.planes[0].astype(int) - small.planes[0]
    # In the middle of four small samples, the doubled change lies between theirs.
    around = np.stack([wanted[:, :-1, :-1], wanted[:, 1:, :-1], wanted[:, :-1, 1:], wanted[:, 1:, 1:]])
    inside = changed[:, 1 : 2 * around.shape[2] : 2, 1 : 2 * around.shape[3] : 2]
    assert (inside >= around.min(0) - 1).all()
    assert (inside <= around.max(0) + 1).all()


def test_frames_come_out_alike_whether_they_are_made_at_once_or_one_by_one() -> None:
    engine, spec = load_engine("openvino", precision="fp32", threads=2, scale=0.5), PlaneSpec(192, 160)
    assert engine.info.batch == BATCH
    trial = Trial(engine, spec, count := BATCH + 1)
    for plane, codes in zip(trial.blurred.planes, moving_frames(spec, trial.blurred.size).planes, strict=True):
        plane[...] = codes
    trial.run()
    alone = engine.buffers(spec, 1)
    for place in range(count):
        window = engine.info.window.consecutive(trial.blurred.size, 1 + place, 1)
        engine.run(trial.blurred, alone, window)  # type: ignore[call-arg]
        for one, other, blurred in zip(trial.sharp.planes, alone.planes, trial.blurred.planes, strict=True):
            assert (one[place] != blurred[1 + place]).any()
            np.testing.assert_allclose(one[place].astype(int), other[0].astype(int), atol=1)


@pytest.mark.parametrize("batch", [1, 4])
def test_frames_at_a_time_are_those_of_the_other_engine(batch: int) -> None:
    assert HalfEngine(WindowEngine(batch=batch)).info.batch == batch


def test_the_time_of_the_network_is_told_where_the_other_engine_tells() -> None:
    engine, spec = load_engine("openvino", precision="fp32", threads=1, scale=0.5), PlaneSpec(96, 64)
    assert isinstance(engine, TimedEngine)
    batch, out = engine.buffers(spec, 1), engine.buffers(spec, 1)
    for plane, codes in zip(batch.planes, moving_frames(spec, 1).planes, strict=True):
        plane[...] = codes
    told, begun = [engine.network_seconds], time.perf_counter()
    for _ in range(2):
        engine.run(batch, out)
        told.append(engine.network_seconds)
    assert 0 == told[0] < told[1] < told[2] < time.perf_counter() - begun
    assert not isinstance(at_half_size(WindowEngine()), TimedEngine)


def test_a_stream_of_another_kind_gets_other_memory() -> None:
    engine = HalfEngine(CopyingEngine())
    for spec in (PlaneSpec(16, 16), PlaneSpec(20, 12), PlaneSpec(16, 16)):
        batch, out = noise(spec), engine.buffers(spec, 2)
        engine.run(batch, out)
        np.testing.assert_array_equal(out.planes[0], batch.planes[0])
    assert len(engine._inputs) == len(engine._results) == 1


def test_half_of_a_frame_has_half_of_each_plane() -> None:
    for layout, width, height in itertools.product(Layout, range(1, 9), range(1, 9)):
        spec = PlaneSpec(width, height, layout)
        small = half_of(spec)
        assert small == replace(spec, width=-(-width // 2), height=-(-height // 2))
        for full, half in zip(spec.plane_shapes, small.plane_shapes, strict=True):
            assert half == (-(-full[0] // 2), -(-full[1] // 2), *full[2:])


@pytest.mark.parametrize("scale", [0.0, 0.25, 2.0, float("nan")])
def test_another_scale_is_refused(scale: float) -> None:
    with pytest.raises(UsageError, match=r"the scale must be 1 or 0\.5"):
        load_engine("openvino", scale=scale)
