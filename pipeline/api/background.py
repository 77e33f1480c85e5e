"""Frames that threads deblur ahead of the program that asks for them."""

from __future__ import annotations

import atexit
import contextlib
import threading
from typing import TYPE_CHECKING

from pipeline.errors import UsageError
from pipeline.job import GateOptions
from pipeline.runner.run import run
from pipeline.runner.skip import FrameGate
from pipeline.runner.threads import Channel, Stage, Stopped

if TYPE_CHECKING:
    from collections.abc import Iterator
    from fractions import Fraction

    import av
    from av.stream import Stream

    from pipeline.runner.protocols import Engine, FrameSource
    from pipeline.runner.timing import RunProgress


class _Abandoned(Exception):  # noqa: N818 - it ends a run quietly, and is no error
    """Nobody wants the frames any more."""


class BackgroundRun:
    """A run whose frames are fetched one by one, in place of being written to a file.

    :func:`pipeline.runner.run.run` decodes and deblurs in threads of its own, a few frames ahead. Whoever makes a run
    calls :meth:`close`, after which none of its threads is left, or :meth:`stop`, after which they end by themselves.

    Args:
        source: The frames, and packets that are passed over. Its ``events`` are read by another thread.
        engine: The engine.
        batch: Frames that the engine gets at a time, at least 1.
        name: Name of the source, for messages.
        interval: Seconds from one frame to the next; None if unknown.
    """

    def __init__(
        self, source: FrameSource, engine: Engine, batch: int, name: str, interval: Fraction | None = None
    ) -> None:
        self._source, self._engine, self._batch, self._name = source, engine, batch, name
        self._interval = interval
        self._stop = threading.Event()
        self._error: BaseException | None = None
        self._fetched: Channel[av.VideoFrame | None] = Channel(2 * batch, self._stop)  # None ends the stream
        self._stage = Stage(self._run, self._stop, self._fail)

    def frames(self) -> Iterator[av.VideoFrame]:
        """Starts the threads, and yields the deblurred frames in their order.

        Raises:
            UsageError: If the run was closed meanwhile.
            Exception: Whatever decoding or the engine raised.
        """
        # When the interpreter shuts down, daemon threads stand still before generators are closed, which would then
        # wait for them without end.
        atexit.register(self.close)
        self._stage.thread.start()
        try:
            while (frame := self._fetched.get()) is not None:
                yield frame
        except Stopped:
            raise UsageError(f"{self._name} was closed while its frames were read") from None
        if self._error is not None:
            raise self._error

    @property
    def is_over(self) -> bool:
        """Whether no thread of the run is left."""
        return self._stage.wait(0)

    def stop(self) -> None:
        """Tells the threads to end, and does not wait for them."""
        self._stop.set()

    def close(self) -> None:
        """Ends the threads and waits for them: at most for the batch that the engine is working on."""
        self.stop()
        interruption: KeyboardInterrupt | None = None
        has_ended = False
        while not has_ended:
            # Ctrl-C must not break in here: the caller closes what the threads use.
            try:
                has_ended = self._stage.wait(None)
            except KeyboardInterrupt as error:
                interruption = error
        atexit.unregister(self.close)
        if interruption is not None:
            raise interruption

    def write_frame(self, frame: av.VideoFrame) -> None:
        """Takes a frame as the sink of the run, waiting for room."""
        try:
            self._fetched.put(frame)
        except Stopped:
            raise _Abandoned from None

    def write_packet(self, packet: av.Packet[Stream]) -> None:
        """Ignores a packet."""

    def finish(self) -> None:
        """Does nothing: the run's own thread marks the end."""

    def _run(self) -> None:
        run(
            self._source,
            self._engine,
            self,
            batch=self._batch,
            gate=FrameGate(self._source.spec, GateOptions()),
            interval=self._interval,
            on_progress=self._look,
        )
        self._fetched.put(None)

    def _look(self, _progress: RunProgress) -> None:
        if self._stop.is_set():
            raise _Abandoned

    def _fail(self, error: BaseException) -> None:
        if not isinstance(error, _Abandoned):
            self._error = error
        with contextlib.suppress(Stopped):
            self._fetched.put(None)  # behind the frames that are done
