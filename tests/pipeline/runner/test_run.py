"""The runner with a source, an engine and a sink in memory: order, padding, errors of every stage, interruption."""

from __future__ import annotations

import _thread
import threading
import time
from fractions import Fraction
from typing import TYPE_CHECKING

import av
import numpy as np
import pytest

from network.planes import Layout, Matrix, PlaneBatch, PlaneSpec
from pipeline.errors import Cancelled, EngineError, InputError, OutputError
from pipeline.media.frames import read_planes
from pipeline.runner import run as runner
from pipeline.runner.chunks import MAX_EVENTS
from pipeline.runner.skip import FrameGate
from pipeline.runner.timing import RunProgress
from tests.support.engines import InvertingEngine

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

pytestmark = pytest.mark.timeout(20)

SPEC = PlaneSpec(18, 10, Layout.YUV420P, 8, Matrix.BT601)
TIME_BASE = Fraction(1, 25)


def frame_of(number: int) -> av.VideoFrame:
    """A frame whose every sample is its number (modulo 256)."""
    frame = av.VideoFrame(SPEC.width, SPEC.height, "yuv420p")
    for plane in frame.planes:
        np.frombuffer(plane, np.uint8)[...] = number % 256
    frame.pts, frame.time_base = number, TIME_BASE
    return frame


class MemorySource:
    """``frames`` frames, with ``packets`` packets before each; ``before`` is called with each frame's number."""

    spec = SPEC

    def __init__(
        self, frames: int, packets: int = 0, before: Callable[[int], None] = lambda _number: None, trailing: int = 0
    ) -> None:
        self.frames, self.packets, self.before, self.trailing = frames, packets, before, trailing

    def events(self) -> Iterator[av.VideoFrame | av.Packet]:
        for number in range(self.frames):
            for packet in range(self.packets):
                yield av.Packet(f"{number}.{packet}".encode())
            self.before(number)
            yield frame_of(number)
        for packet in range(self.trailing):
            yield av.Packet(f"{self.frames}.{packet}".encode())


class MemorySink:
    """Keeps what it gets: the value and pts of each frame, the bytes of each packet."""

    def __init__(self, before: Callable[[int], None] = lambda _number: None) -> None:
        self.events: list[tuple[int, int] | bytes] = []
        self.before = before
        self.is_finished = False

    @property
    def frames(self) -> list[tuple[int, int]]:
        return [event for event in self.events if isinstance(event, tuple)]

    def write_frame(self, frame: av.VideoFrame) -> None:
        self.before(len(self.frames))
        values = np.unique(frame.to_ndarray())
        assert values.size == 1
        assert frame.pts is not None
        self.events.append((int(values[0]), frame.pts))

    def write_packet(self, packet: av.Packet) -> None:
        self.events.append(bytes(packet))

    def finish(self) -> None:
        self.is_finished = True


@pytest.fixture(autouse=True)
def _no_thread_is_left() -> Iterator[None]:
    yield
    ours = [thread for thread in threading.enumerate() if thread.name.startswith("deblur_")]
    for thread in ours:
        thread.join(1.0)  # for the instant between its last statement and its end
    assert [thread.name for thread in ours if thread.is_alive()] == []


@pytest.mark.parametrize("batch", [1, 2, 3, 8])
@pytest.mark.parametrize("frames", [1, 2, 7, 300])
def test_every_frame_goes_through_the_engine_in_order(frames: int, batch: int) -> None:
    engine, sink = InvertingEngine(), MemorySink()
    result = runner.run(MemorySource(frames), engine, sink, batch=batch)
    assert sink.frames == [(255 - number % 256, number) for number in range(frames)]
    assert sink.is_finished
    assert (result.frames_in, result.frames_out, result.packets) == (frames, frames, 0)
    assert engine.resets == 1
    assert engine.runs == -(-frames // batch)


class LoadingEngine(InvertingEngine):
    """Takes frames by itself, as an engine does that has them on its device."""

    def __init__(self) -> None:
        super().__init__()
        self.loads: list[int] = []

    def load(self, frame: av.VideoFrame, batch: PlaneBatch, index: int) -> None:
        self.loads.append(index)
        read_planes(frame, batch, index)


@pytest.mark.parametrize("engine", [InvertingEngine(), LoadingEngine()])
def test_frames_on_a_device_go_to_engines_that_take_them_and_by_the_processor_to_others(
    engine: InvertingEngine,
) -> None:
    sink, gate = MemorySink(), FrameGate(SPEC)
    runner.run(MemorySource(7), engine, sink, batch=3, gate=gate, on_device=True)
    assert sink.frames == [(255 - number, number) for number in range(7)]
    if isinstance(engine, LoadingEngine):
        assert engine.loads == [0, 1, 2, 0, 1, 2, 0]


@pytest.mark.parametrize("batch", [1, 4])
def test_packets_keep_their_place_between_frames(batch: int) -> None:
    sink = MemorySink()
    result = runner.run(MemorySource(10, packets=3, trailing=2), InvertingEngine(), sink, batch=batch)
    expected: list[tuple[int, int] | bytes] = []
    for number in range(10):
        expected += [f"{number}.{packet}".encode() for packet in range(3)]
        expected.append((255 - number, number))
    expected += [b"10.0", b"10.1"]
    assert sink.events == expected
    assert result.packets == 32


def test_packets_by_the_thousand_before_the_first_frame_are_passed_on_in_order() -> None:
    sink = MemorySink()
    many = 5 * MAX_EVENTS + 3
    runner.run(MemorySource(2, packets=many), InvertingEngine(), sink, batch=4)
    assert sink.events[:many] == [f"0.{packet}".encode() for packet in range(many)]
    assert sink.events[many] == (255, 0)
    assert len(sink.events) == 2 * many + 2


def test_the_last_batch_is_padded_with_its_last_frame() -> None:
    engine = InvertingEngine()
    runner.run(MemorySource(5), engine, MemorySink(), batch=3)
    assert engine.seen == [[0, 1, 2], [3, 4, 4]]


def test_buffers_are_made_once_and_reused() -> None:
    short, long = InvertingEngine(), InvertingEngine()
    runner.run(MemorySource(1), short, MemorySink())
    runner.run(MemorySource(200), long, MemorySink())
    assert len(short.specs) == len(long.specs) == 2 * runner.RING


def test_the_decoder_is_never_further_ahead_than_the_rings_allow() -> None:
    written, ahead = 0, 0

    def count(number: int) -> None:
        nonlocal written
        written = number

    def compare(number: int) -> None:
        nonlocal ahead
        ahead = max(ahead, number - written)

    runner.run(MemorySource(100, before=compare), InvertingEngine(), MemorySink(count), batch=2)
    # Both rings full of batches of two, one frame in the decoder's hand, and one that the sink has just begun.
    assert ahead <= 2 * runner.RING * 2 + 2


def test_a_source_without_frames_is_an_input_error_and_nothing_is_finished() -> None:
    sink = MemorySink()
    with pytest.raises(InputError, match="no frame"):
        runner.run(MemorySource(0, trailing=3), InvertingEngine(), sink)
    assert not sink.is_finished


@pytest.mark.parametrize("at", [0, 1, 50])
@pytest.mark.parametrize("stage", ["decode", "infer", "encode"])
@pytest.mark.parametrize("batch", [1, 3])
def test_an_error_of_any_stage_reaches_the_caller_and_ends_every_thread(stage: str, at: int, batch: int) -> None:
    kinds = {"decode": InputError, "infer": EngineError, "encode": OutputError}

    def fail(number: int) -> None:
        if number == at:
            raise kinds[stage](f"injected at {number}")

    hooks = {name: fail if name == stage else lambda _number: None for name in kinds}
    sink = MemorySink(hooks["encode"])
    with pytest.raises(kinds[stage], match=f"injected at {at}"):
        runner.run(MemorySource(400, 1, hooks["decode"]), InvertingEngine(before=hooks["infer"]), sink, batch=batch)
    assert not sink.is_finished


def test_an_error_in_finish_reaches_the_caller() -> None:
    class FullDiskSink(MemorySink):
        def finish(self) -> None:
            raise OutputError("the disk is full")

    with pytest.raises(OutputError, match="disk is full"):
        runner.run(MemorySource(3), InvertingEngine(), FullDiskSink())


def test_an_error_of_the_progress_display_stops_the_run() -> None:
    def fail(_progress: RunProgress) -> None:
        raise ValueError("no terminal")

    slow = InvertingEngine(before=lambda _number: time.sleep(0.02))
    sink = MemorySink()
    with pytest.raises(ValueError, match="no terminal"):
        runner.run(MemorySource(10_000), slow, sink, on_progress=fail)
    assert not sink.is_finished


def test_an_error_while_the_source_waits_for_a_pipe_unblocks_it() -> None:
    pipe_has_data = threading.Event()

    def wait(number: int) -> None:
        if number == 5:
            pipe_has_data.wait()

    def fail(_number: int) -> None:
        raise OutputError("the disk is full")

    with pytest.raises(OutputError):
        runner.run(MemorySource(10, 0, wait), InvertingEngine(), MemorySink(fail), on_stop=pipe_has_data.set)


def test_an_error_while_the_sink_waits_for_a_pipe_unblocks_it() -> None:
    pipe_has_room = threading.Event()

    def fail(number: int) -> None:
        if number == 2:
            raise InputError("the cable came off")

    def wait(_number: int) -> None:
        pipe_has_room.wait()

    with pytest.raises(InputError):
        runner.run(MemorySource(10, 0, fail), InvertingEngine(), MemorySink(wait), on_stop=pipe_has_room.set)


def interrupt_at(at: int) -> Callable[[int], None]:
    def interrupt(number: int) -> None:
        if number == at:
            _thread.interrupt_main()

    return interrupt


@pytest.mark.parametrize("stage", ["decode", "infer", "encode"])
def test_an_interruption_stops_every_stage(stage: str) -> None:
    hooks = {name: lambda _number: time.sleep(0.002) for name in ("decode", "infer", "encode")}
    hooks[stage] = interrupt_at(20)
    sink = MemorySink(hooks["encode"])
    with pytest.raises(KeyboardInterrupt):
        runner.run(MemorySource(100_000, 0, hooks["decode"]), InvertingEngine(before=hooks["infer"]), sink)
    assert not sink.is_finished


def test_an_interruption_during_finish_comes_too_late() -> None:
    class SlowSink(MemorySink):
        def finish(self) -> None:
            _thread.interrupt_main()
            time.sleep(0.3)
            super().finish()

    sink = SlowSink()
    assert runner.run(MemorySource(3), InvertingEngine(), sink).frames_out == 3
    assert sink.is_finished


def test_an_interruption_does_not_wait_for_a_batch_that_takes_minutes() -> None:
    minutes_are_over = threading.Event()

    def wait(number: int) -> None:
        if number == 1:
            _thread.interrupt_main()
            minutes_are_over.wait()

    sink = MemorySink()
    with pytest.raises(KeyboardInterrupt):
        runner.run(MemorySource(10), InvertingEngine(before=wait), sink)
    assert not sink.is_finished
    minutes_are_over.set()
    for thread in threading.enumerate():
        if thread.name == "deblur_infer":
            thread.join()


@pytest.mark.parametrize("stage", ["decode", "infer", "encode"])
def test_an_event_cancels_every_stage(stage: str) -> None:
    cancel = threading.Event()
    hooks = {name: lambda _number: time.sleep(0.002) for name in ("decode", "infer", "encode")}
    hooks[stage] = lambda number: cancel.set() if number == 20 else None
    sink = MemorySink(hooks["encode"])
    with pytest.raises(Cancelled):
        runner.run(
            MemorySource(100_000, 0, hooks["decode"]), InvertingEngine(before=hooks["infer"]), sink, cancel=cancel
        )
    assert not sink.is_finished
    assert not [thread for thread in threading.enumerate() if thread.name.startswith("deblur_")]


def test_progress_reports_frames_and_their_own_time() -> None:
    seen: list[RunProgress] = []
    slow = InvertingEngine(before=lambda _number: time.sleep(0.01))
    runner.run(MemorySource(51), slow, MemorySink(), on_progress=seen.append)
    assert [progress.frames for progress in seen] == sorted(progress.frames for progress in seen)
    assert seen[-1] == RunProgress(51, pytest.approx(2.0))


def test_busy_and_waiting_time_go_to_the_right_stage() -> None:
    slow = InvertingEngine(before=lambda _number: time.sleep(0.01))
    result = runner.run(MemorySource(30), slow, MemorySink())
    assert result.infer.busy > 0.3
    assert result.decode.waiting > result.decode.busy
    assert result.encode.waiting > result.encode.busy
    assert result.wall >= result.infer.busy
    assert 10 <= result.latency.p50 <= result.latency.p95 <= result.latency.p99


def test_a_batch_has_at_least_one_frame() -> None:
    with pytest.raises(ValueError, match="at least one"):
        runner.run(MemorySource(1), InvertingEngine(), MemorySink(), batch=0)
