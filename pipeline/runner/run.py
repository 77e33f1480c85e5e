"""Runs a video through an engine: decode, infer and encode, each in a thread, with bounded queues between them.

What threads and queues are, and how they end, is in :mod:`pipeline.runner.threads`. The promises of a run:

- Events keep their order: a packet that is copied leaves between the same frames between which it came.
- Memory is bounded: two batches each side of the engine (one at work, one of look-ahead), reused for the whole run.
- The engine runs only for frames that need it. One that the gate lets pass takes no place in a batch, unless the engine
  looks at it beside others: see :mod:`pipeline.runner.window_chunks`.
- The first error of any stage stops the others and is re-raised in the caller, after every thread has ended.
- An interruption (Ctrl-C) and a cancellation do the same. Only a batch that the engine is working on is not waited for
  longer than :data:`INTERRUPT_GRACE` seconds, because it may take minutes; its thread then ends by itself after that
  batch.
"""

from __future__ import annotations

import gc
import threading
import time
from typing import TYPE_CHECKING

import av

from pipeline.errors import Cancelled, InputError
from pipeline.media.frames import write_planes
from pipeline.runner.chunks import Chunk, FrameChunks, FrameLoader, pad
from pipeline.runner.protocols import run_windows
from pipeline.runner.skip import FrameAction
from pipeline.runner.threads import POLL, Channel, Stage, Stopped
from pipeline.runner.timing import LatencyHistogram, RunProgress, RunResult, StageClock
from pipeline.runner.window_chunks import WindowChunks, batch_size
from pipeline.runner.windows import WindowPlaces
from pipeline.system.signals import raise_if_lost

if TYPE_CHECKING:
    from collections.abc import Callable
    from fractions import Fraction

    from network.planes import PlaneBatch
    from pipeline.runner.protocols import Engine, FrameSource, Sink
    from pipeline.runner.skip import FrameGate

RING = 2
"""Number of batches on each side of the engine: one at work and one of look-ahead. They are used in turn, so that the
planes of the last frame are still there when the next one is compared with them;
for that, there must be at least two."""

INTERRUPT_GRACE = 2.0
"""Most seconds that an interruption or a cancellation waits for the engine."""


def run(
    source: FrameSource,
    engine: Engine,
    sink: Sink,
    *,
    batch: int = 1,
    gate: FrameGate | None = None,
    interval: Fraction | None = None,
    on_device: bool = False,
    on_progress: Callable[[RunProgress], None] | None = None,
    on_stop: Callable[[], None] | None = None,
    cancel: threading.Event | None = None,
) -> RunResult:
    """Deblurs all frames of ``source`` into ``sink`` and finishes the sink.

    Args:
        source: Input that is read to its end, and not closed.
        engine: Engine that deblurs the frames. It is reset first, and used by one thread.
        sink: Output that is finished if all went well; the caller abandons it if anything is raised.
        batch: Frames that the engine makes at a time, at least 1. An engine that sees each frame by itself gets full
            batches, the last one padded; one with a window gets the neighbours beside them.
        gate: Decision which frames the engine gets, asked by one thread; None for all frames.
        interval: Seconds from one frame to the next, as the source has it. Frames that are more than
            :data:`pipeline.runner.windows.GAP` of it apart are no neighbours. None where it is not known.
        on_device: Frames are on the device that decoded them: they go from there to an engine that takes them, without
            a look by the gate, and to others by the memory of the processor.
        on_progress: Function that is called in the caller's thread about ten times a second, and once at the end.
        on_stop: Called in the caller's thread when the run stops before its end. Has to unblock whatever ``source``
            and ``sink`` may be waiting for, such as a pipe; the run's end waits for them.
        cancel: Ends the run when it is set, by any thread; None for a run that nobody cancels.

    Raises:
        Cancelled: If ``cancel`` was set and the output was not complete yet.
        InputError: If the source has no frame.
        KeyboardInterrupt: If the user interrupted and the output was not complete yet.
        Exception: Whatever a stage or ``on_progress`` raised first.
        ValueError: If ``batch`` is below 1.
    """
    if batch < 1:
        raise ValueError(f"a batch has at least one frame, not {batch}")
    started = time.perf_counter()
    engine.reset()
    flow = _Flow(source, engine, sink, batch, gate, interval, on_device=on_device)
    try:
        flow.start()
        while flow.is_running(POLL):
            raise_if_lost()
            if cancel is not None and cancel.is_set():
                raise Cancelled("interrupted")
            if on_progress is not None:
                on_progress(flow.progress)
    except BaseException as error:
        is_interruption = isinstance(error, KeyboardInterrupt | Cancelled)
        flow.stop.set()
        flow.join(on_stop, INTERRUPT_GRACE if is_interruption else None)
        if not (is_interruption and flow.is_finished):
            raise
    flow.join(on_stop)
    if flow.error is not None:
        raise flow.error
    if on_progress is not None:
        on_progress(flow.progress)
    return flow.result(time.perf_counter() - started)


class _Flow:
    """The state of one run."""

    def __init__(
        self,
        source: FrameSource,
        engine: Engine,
        sink: Sink,
        batch: int,
        gate: FrameGate | None,
        interval: Fraction | None,
        *,
        on_device: bool,
    ) -> None:
        self._source, self._engine, self._sink, self._gate = source, engine, sink, gate
        self._last_result: tuple[PlaneBatch, int] | None = None
        self.stop = threading.Event()
        self.error: BaseException | None = None
        self.is_finished = False
        self._error_lock = threading.Lock()
        self._clocks = {name: StageClock() for name in ("decode", "infer", "encode")}
        self._latency = LatencyHistogram()
        self._frames_out = self._packets = 0
        self._first_time: float | None = None
        self._last_time = 0.0
        loader, clock = FrameLoader(engine, gate, on_device=on_device), self._clocks["decode"]
        self._chunks: FrameChunks | WindowChunks
        if engine.info.window.frames == 1:
            self._free_inputs = self._ring(batch)
            self._chunks = FrameChunks(loader, batch, self._free_inputs, clock)
        else:
            places = WindowPlaces(engine.info.window, interval)
            may_pass = loader.gate is not None and loader.gate.may_keep
            self._free_inputs = self._ring(batch_size(places, batch, may_pass=may_pass))
            self._chunks = WindowChunks(loader, batch, places, self._free_inputs, clock)
        self._free_outputs = self._ring(batch)
        self._decoded: Channel[Chunk | None] = Channel(RING, self.stop)  # None ends the stream
        self._inferred: Channel[Chunk | None] = Channel(RING, self.stop)
        self._stages = [Stage(work, self.stop, self._fail) for work in (self._decode, self._infer, self._encode)]

    def _ring(self, size: int) -> Channel[PlaneBatch]:
        ring: Channel[PlaneBatch] = Channel(RING, self.stop)
        for _ in range(RING):
            ring.put(self._engine.buffers(self._source.spec, size))
        return ring

    def start(self) -> None:
        for stage in self._stages:
            stage.thread.start()

    def is_running(self, timeout: float) -> bool:
        """Waits ``timeout`` seconds at most for the last stage to end or any stage to fail."""
        return not self._stages[-1].wait(timeout) and not self.stop.is_set()

    def join(self, on_stop: Callable[[], None] | None, engine_grace: float | None = None) -> None:
        """Waits for every thread, for the engine's at most ``engine_grace`` seconds where that is given."""
        if self.stop.is_set() and on_stop is not None:
            on_stop()
        decode, infer, encode = self._stages
        for stage in (encode, decode):
            has_ended = False
            while not has_ended:
                # A further Ctrl-C must not break in here: the caller closes what these two threads use.
                try:
                    has_ended = stage.wait(POLL)
                except KeyboardInterrupt:
                    engine_grace = 0.0
        infer.wait(engine_grace)

    @property
    def progress(self) -> RunProgress:
        seconds = 0.0 if self._first_time is None else self._last_time - self._first_time
        return RunProgress(self._frames_out, seconds)

    def result(self, wall: float) -> RunResult:
        decode, infer, encode = (clock.total for clock in self._clocks.values())
        return RunResult(
            frames_in=self._chunks.frames,
            frames_out=self._frames_out,
            packets=self._packets,
            wall=wall,
            decode=decode,
            infer=infer,
            encode=encode,
            latency=self._latency.summary,
            duplicates=self._gate.duplicates if self._gate else 0,
            sharp=self._gate.sharp if self._gate else 0,
        )

    def _fail(self, error: BaseException) -> None:
        """Remembers the first error and stops all stages."""
        with self._error_lock:
            self.error = self.error or error
        self.stop.set()

    def _decode(self) -> None:
        clock = self._clocks["decode"]
        for chunk in self._chunks.chunks(self._source.events()):
            with clock.waiting():
                self._decoded.put(chunk)
        with clock.waiting():
            self._decoded.put(None)

    def _infer(self) -> None:
        clock = self._clocks["infer"]
        while True:
            with clock.waiting():
                chunk = self._decoded.get()
            if chunk is not None and chunk.planes is not None:
                blurred = chunk.planes
                with clock.waiting():
                    chunk.planes = self._free_outputs.get()
                with clock.busy():
                    if chunk.windows is None:
                        pad(blurred, chunk.filled)
                    run_windows(self._engine, blurred, chunk.planes, chunk.windows)
                self._free_inputs.put(blurred)
            with clock.waiting():
                self._inferred.put(chunk)
            if chunk is None:
                return

    def _encode(self) -> None:
        clock = self._clocks["encode"]
        while True:
            with clock.waiting():
                chunk = self._inferred.get()
            if chunk is None:
                break
            with clock.busy():
                self._write(chunk)
        if self._frames_out == 0:
            raise InputError("no frame of the input could be decoded; check that it is a whole video file")
        with clock.busy():
            self._sink.finish()
        self.is_finished = True

    def _write(self, chunk: Chunk) -> None:
        index = used = 0
        for event in chunk.events:
            if isinstance(event, av.Packet):
                self._sink.write_packet(event)
                self._packets += 1
                continue
            action = chunk.actions[index]
            if action is FrameAction.DEBLUR:
                self._keep_result(chunk.planes, used)
                used += 1
            if action is not FrameAction.KEEP:
                assert self._last_result is not None, "a frame repeats one that the engine saw"
                event = write_planes(*self._last_result, event)
            self._sink.write_frame(event)
            self._latency.add(time.perf_counter() - chunk.decoded[index])
            index += 1
            self._frames_out += 1
            if event.time is not None:
                self._first_time = event.time if self._first_time is None else self._first_time
                self._last_time = event.time
            if self.stop.is_set():
                raise Stopped

    def _keep_result(self, planes: PlaneBatch | None, index: int) -> None:
        """Keeps a result for later frames to repeat; the batch of the result before is then free."""
        assert planes is not None, "a chunk with frames for the engine has planes"
        if self._last_result is not None and self._last_result[0] is not planes:
            self._free_outputs.put(self._last_result[0])
        self._last_result = planes, index


def free_leftovers() -> None:
    """Frees the codecs and buffers of finished work now.

    A container of PyAV and its streams refer to each other, so that only the garbage collector finds them. It goes by
    the number of objects, of which a video makes few, and knows nothing of the threads and the tens of megabytes behind
    each of them: left alone, it had kept seven of the first ten segments' encoders.
    """
    gc.collect()
