"""Which frames pass the network by, and that what comes out is what would have come out anyway."""

from __future__ import annotations

from fractions import Fraction
from itertools import pairwise
from typing import TYPE_CHECKING

import av
import numpy as np
import pytest

from network.planes import Layout, PlaneBatch, PlaneSpec
from pipeline.job import GateOptions
from pipeline.media.frames import plane_rows
from pipeline.media.native_formats import pixel_format_of
from pipeline.runner import run as runner
from pipeline.runner.skip import MARGIN, PATIENCE, FrameAction, FrameGate, Hysteresis
from tests.support.engines import InvertingEngine

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from network.window.windows import Windows

pytestmark = pytest.mark.timeout(30)

SPEC = PlaneSpec(34, 18, Layout.YUV420P)
EVERYTHING = GateOptions(duplicates=False)


class Clip:
    """A source of random pictures; the same number is the same picture in every sample."""

    def __init__(self, pictures: Sequence[int], spec: PlaneSpec = SPEC) -> None:
        self.pictures, self.spec = pictures, spec

    def events(self) -> Iterator[av.VideoFrame | av.Packet]:
        for time, picture in enumerate(self.pictures):
            yield av.Packet(str(time).encode())
            rng = np.random.default_rng(picture)
            frame = av.VideoFrame(self.spec.width, self.spec.height, pixel_format_of(self.spec))
            for index in range(len(frame.planes)):
                rows = plane_rows(frame, index)
                rows[...] = rng.integers(0, 1 << self.spec.depth, rows.shape) << self.spec.code_shift
            frame.pts, frame.time_base = time, Fraction(1, 25)
            yield frame


class Recorder:
    """A sink that keeps times and samples, and the bytes of packets."""

    def __init__(self) -> None:
        self.events: list[tuple[int | None, bytes] | bytes] = []

    def write_frame(self, frame: av.VideoFrame) -> None:
        samples = b"".join(plane_rows(frame, index).tobytes() for index in range(len(frame.planes)))
        self.events.append((frame.pts, samples))

    def write_packet(self, packet: av.Packet) -> None:
        self.events.append(bytes(packet))

    def finish(self) -> None:
        pass


class CountingEngine(InvertingEngine):
    """Inverts samples, and counts the frames in its batches but for those that repeat the one before."""

    def __init__(self) -> None:
        super().__init__()
        self.different = 0

    def run(self, batch: PlaneBatch, out: PlaneBatch, windows: Windows | None = None) -> None:
        super().run(batch, out, windows)
        self.different += 1 + sum(not np.array_equal(a, b) for a, b in pairwise(batch.planes[0]))


def go(pictures: Sequence[int], options: GateOptions, batch: int = 1, spec: PlaneSpec = SPEC) -> tuple:
    engine, sink = CountingEngine(), Recorder()
    result = runner.run(Clip(pictures, spec), engine, sink, batch=batch, gate=FrameGate(spec, options))
    return result, engine, sink.events


PATTERNS = {
    "none": list(range(20)),
    "all": [7] * 20,
    "pairs": [number // 2 for number in range(21)],
    "long stretches": [0] + [1] * 9 + [2, 3] + [4] * 30 + [5],
    "back and forth": [0, 1, 0, 1, 1, 0, 0, 0, 2],
    "at both ends": [0, 0, 0, 1, 2, 3, 3, 3],
}


@pytest.mark.parametrize("batch", [1, 2, 3, 8])
@pytest.mark.parametrize("name", PATTERNS)
def test_repeated_frames_come_out_bit_identical_with_fewer_runs(name: str, batch: int) -> None:
    pictures = PATTERNS[name]
    repeated = sum(a == b for a, b in pairwise(pictures))
    _, every, expected = go(pictures, EVERYTHING, batch)
    result, some, events = go(pictures, GateOptions(), batch)
    assert events == expected
    assert len(events) == 2 * len(pictures)
    assert (result.frames_in, result.frames_out, result.duplicates) == (len(pictures), len(pictures), repeated)
    assert some.different == len(pictures) - repeated
    assert some.runs <= every.runs
    if batch == 1:
        assert some.runs == len(pictures) - repeated


@pytest.mark.parametrize("batch", [2, 8])
def test_full_batches_are_made_of_the_frames_that_differ(batch: int) -> None:
    pictures = [number // 2 for number in range(64)]
    _, every, _ = go(pictures, EVERYTHING, batch)
    _, some, _ = go(pictures, GateOptions(), batch)
    assert every.runs == 64 // batch
    assert some.runs < 0.75 * every.runs


@pytest.mark.parametrize("layout", list(Layout))
@pytest.mark.parametrize("depth", [8, 10])
def test_one_sample_of_any_plane_makes_a_frame_another(layout: Layout, depth: int) -> None:
    spec = PlaneSpec(133, 70, layout, depth)
    for altered in (None, *range(len(spec.plane_shapes))):
        first, second = PlaneBatch.empty(spec, 1), PlaneBatch.empty(spec, 1)
        for plane in (*first.planes, *second.planes):
            plane[...] = 3
        if altered is not None:
            second.planes[altered].flat[-1] = 4
        gate = FrameGate(spec)
        actions = [gate.decide(first, 0), gate.decide(second, 0)]
        assert actions == [FrameAction.DEBLUR, FrameAction.REPEAT if altered is None else FrameAction.DEBLUR]
        assert gate.duplicates == (altered is None)


def blurred_or_sharp(pattern: str, spec: PlaneSpec) -> Iterator[PlaneBatch]:
    """One frame a letter: ``s`` sharp, ``b`` blurred, ``=`` the same as before."""
    rng = np.random.default_rng(3)
    last = None
    for letter in pattern:
        if letter != "=":
            last = PlaneBatch.empty(spec, 1)
            steps = rng.integers(0, 2, (spec.height // 8 + 1, spec.width // 8 + 1)) * 180 + 30
            luma = np.kron(steps, np.ones((8, 8)))[: spec.height, : spec.width]
            if letter == "b":
                luma = np.mean([np.roll(luma, shift, 1) for shift in range(8)], axis=0)
            last.planes[0][0] = luma.astype(np.uint8)
            for plane in last.planes[1:]:
                plane[...] = 128
        assert last is not None
        yield last


def test_sharp_frames_pass_after_a_while_and_blurred_ones_never() -> None:
    spec = PlaneSpec(160, 96)
    gate = FrameGate(spec, GateOptions(sharp=0.5))
    pattern = "b" + "s" * 8 + "b" + "s" * 3 + "b" + "s" * 6 + "==" + "b="
    actions = [gate.decide(batch, 0) for batch in blurred_or_sharp(pattern, spec)]
    needed = PATIENCE - 1
    expected = (
        [FrameAction.DEBLUR] * (1 + needed) + [FrameAction.KEEP] * (8 - needed)
        + [FrameAction.DEBLUR] * 5
        + [FrameAction.DEBLUR] * needed + [FrameAction.KEEP] * (6 - needed) + [FrameAction.KEEP] * 2
        + [FrameAction.DEBLUR, FrameAction.REPEAT]
    )  # fmt: skip
    assert actions == expected
    assert (gate.sharp, gate.duplicates) == (8 - needed + 6 - needed, 3)


def test_without_a_threshold_no_frame_passes_for_being_sharp() -> None:
    spec = PlaneSpec(160, 96)
    gate = FrameGate(spec)
    assert {gate.decide(batch, 0) for batch in blurred_or_sharp("s" * 20, spec)} == {FrameAction.DEBLUR}


class Sharp(Clip):
    """Sharp frames that all differ, then a blurred one."""

    def events(self) -> Iterator[av.VideoFrame | av.Packet]:
        for time, batch in enumerate(blurred_or_sharp("s" * 11 + "=b", self.spec)):
            frame = av.VideoFrame(self.spec.width, self.spec.height, "yuv420p")
            for index, plane in enumerate(batch.planes):
                plane_rows(frame, index)[...] = plane[0]
            frame.pts, frame.time_base = time, Fraction(1, 25)
            yield frame


@pytest.mark.parametrize("batch", [1, 4])
def test_sharp_frames_leave_a_run_untouched(batch: int) -> None:
    spec = PlaneSpec(160, 96)
    engine, sink, untouched = CountingEngine(), Recorder(), Recorder()
    result = runner.run(Sharp([], spec), engine, sink, batch=batch, gate=FrameGate(spec, GateOptions(sharp=0.5)))
    for frame in Sharp([], spec).events():
        untouched.write_frame(frame)
    same = [a == b for a, b in zip(sink.events, untouched.events, strict=True)]
    assert same == [False] * (PATIENCE - 1) + [True] * (12 - PATIENCE + 1) + [False]
    assert (result.frames_out, result.sharp, result.duplicates) == (13, 12 - PATIENCE, 1)
    assert engine.different == PATIENCE


def test_an_estimate_that_wavers_about_the_threshold_does_not_toggle() -> None:
    hysteresis = Hysteresis(0.5)
    wavering = [0.5 + (MARGIN / 2 if number % 2 else -MARGIN / 2) for number in range(50)]
    assert all(hysteresis.is_blurred(estimate) for estimate in wavering)
    clearly = [hysteresis.is_blurred(0.5 - MARGIN) for _ in range(PATIENCE)]
    assert clearly == [True] * (PATIENCE - 1) + [False]
    assert not any(hysteresis.is_blurred(0.5 - MARGIN / 2) for _ in range(50))
    assert hysteresis.is_blurred(0.5 + 1e-9)
