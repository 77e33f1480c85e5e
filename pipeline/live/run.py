"""One live run: a source, a session, its outputs and what goes with them, from start to an orderly end."""

from __future__ import annotations

import math
import time
from contextlib import ExitStack
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from network.counting import count_of, were
from pipeline.errors import DeblurError
from pipeline.live.auto_size import AutoSize
from pipeline.live.counters import FlowCount
from pipeline.live.input.feed import ReconnectingSource, ReconnectOptions
from pipeline.live.live_engine import LiveEngine
from pipeline.live.output.recording import Recording
from pipeline.live.output.worker import Output, OutputWorker
from pipeline.live.report import LiveReport, SizeChange
from pipeline.live.session import LiveSession, SessionOptions
from pipeline.live.status import Status, status_line

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from contextlib import AbstractContextManager

    from pipeline.live.input.address import Address
    from pipeline.runner.protocols import Engine

STEP = 0.02
"""Most seconds that the main loop waits at a time."""

STATUS_EVERY = 0.5
"""Seconds between two checks of the counts."""

END_GRACE = 5.0
"""Most seconds for the engine to process the frames that wait at the end."""


class Window(Protocol):
    """Shows results in the main thread; see :class:`pipeline.live.output.window.Preview`."""

    @property
    def name(self) -> str:
        """Name of the output for the user."""

    @property
    def count(self) -> FlowCount:
        """Counts of shown frames."""

    def step(self, timeout: float) -> bool:
        """Shows what is new; returns False if the user wants to quit."""

    def close(self) -> None:
        """Closes it."""


@dataclass(frozen=True, slots=True)
class LiveJob:
    """Source, outputs and options of a live run.

    Attributes:
        address: Source to read; None for nothing (pages may bring their own cameras).
        session: Options of the stream.
        reconnect: Options that say how the source is kept coming.
        outputs: Outputs that take the results.
        open_window: Function that opens the window; None for no window. It gets the session, a function that takes a
            line, and a function that starts or stops a recording and returns whether one is running.
        services: Other users of the engine, such as a web page; each is entered with the live engine and the session.
        duration: Seconds after the first frame (the start, without a source) to end; None for no end.
        auto_size: Whether to shrink frames until the engine keeps up.
        folder: Folder for recordings that are begun in the window.
    """

    address: Address | None
    session: SessionOptions = field(default_factory=SessionOptions)
    reconnect: ReconnectOptions = field(default_factory=ReconnectOptions)
    outputs: Sequence[Output] = ()
    open_window: Callable[[LiveSession, Callable[[str], None], Callable[[], bool]], Window] | None = None
    services: Sequence[Callable[[LiveEngine, LiveSession | None], AbstractContextManager[object]]] = ()
    duration: float | None = None
    auto_size: bool = False
    folder: Path = Path()


def run_live(job: LiveJob, engine: Engine, status: Status) -> LiveReport:
    """Runs until the source ends, the time is over, the user quits or presses Ctrl-C, or nothing is left to show to.

    All of these are regular ends: files are completed. So they are after an error, which the report has.

    Args:
        job: Source, outputs and options.
        engine: Engine, which this run alone uses.
        status: Display of the run's status.
    """
    return _Run(job, engine, status).run()


class _Run:
    """The state of one run."""

    def __init__(self, job: LiveJob, engine: Engine, status: Status) -> None:
        self._job, self._status = job, status
        self._notes: list[str] = []
        self._sizes: list[SizeChange] = []
        self._auto = AutoSize() if job.auto_size else None
        self._live_engine = LiveEngine(engine)
        self._session = None if job.address is None else self._live_engine.open(job.session)
        self._source: ReconnectingSource | None = None
        self._workers: list[OutputWorker] = []
        self._recording: OutputWorker | None = None
        self._window: Window | None = None
        self._started = self._ended = time.perf_counter()
        self._first_frame: float | None = None
        self._next_look = 0.0
        self._error: DeblurError | None = None

    def run(self) -> LiveReport:
        self._status.begin()
        try:
            with ExitStack() as stack:
                stack.callback(self._live_engine.close)
                self._start(stack)
                try:
                    self._loop()
                except KeyboardInterrupt:
                    self._tell("stopping")
                except DeblurError as error:
                    self._error = error
                self._finish()
                return self._report()
        finally:
            self._status.end()

    def _start(self, stack: ExitStack) -> None:
        job = self._job
        for service in job.services:
            stack.enter_context(service(self._live_engine, self._session))
        if job.address is None or self._session is None:
            return
        self._workers = [OutputWorker(output, self._session, self._tell) for output in job.outputs]
        if job.open_window is not None:
            self._window = job.open_window(self._session, self._tell, self._toggle_recording)
            stack.callback(self._window.close)
        session = self._session
        self._source = ReconnectingSource(job.address, session.push, self._tell, job.reconnect, session.cut)
        stack.callback(self._source.stop)
        for worker in self._workers:
            worker.start()
        self._source.start()

    def _loop(self) -> None:
        while not self._is_over():
            if self._window is None:
                time.sleep(STEP)
            elif not self._window.step(STEP):
                return
            now = time.perf_counter()
            if now >= self._next_look:
                self._next_look = now + STATUS_EVERY
                self._look(now)

    def _is_over(self) -> bool:
        now = time.perf_counter()
        if self._first_frame is None and (self._session is None or self._session.captured.passed):
            self._first_frame = now
        duration = math.inf if self._job.duration is None else self._job.duration
        if self._first_frame is not None and now - self._first_frame >= duration:
            return True
        if self._source is None:
            return False
        if self._session is not None and self._session.error is not None:
            raise self._session.error
        has_viewers = self._window is not None or bool(self._job.services)
        is_unseen = not has_viewers and all(worker.is_ended for worker in self._workers)
        return self._source.is_ended or is_unseen

    def _look(self, now: float) -> None:
        if self._session is None:
            return
        if self._auto is not None:
            self._fit(now, self._auto, self._session)
        self._status.update(status_line(self._session, self._counts()))

    def _tell_losses(self, source: ReconnectingSource) -> None:
        """Tells, at the end, what of the source could not be shown."""
        if source.corrupt:
            self._tell(f"{count_of(source.corrupt, 'packet')} could not be decoded")
        if source.skipped:
            self._tell(f"{count_of(source.skipped, 'packet')} {were(source.skipped)} skipped: decoding was late")

    def _fit(self, now: float, auto: AutoSize, session: LiveSession) -> None:
        rate, service = session.captured.rate, session.service.recent / 1000
        if session.source_size is None or not auto.update(now, service, 1 / rate if rate else math.nan):
            return
        width, height = (max(2, round(length * auto.factor)) for length in self._largest(session.source_size))
        session.size_limit = width, height
        self._sizes.append(SizeChange(now - self._started, (width, height)))
        self._tell(f"the size is now at most {width}x{height}, to hold {rate:.0f} frames/s")

    def _largest(self, source: tuple[int, int]) -> tuple[int, int]:
        """The size from which frames are shrunk: the source's, or what the user limited it to."""
        limit = self._job.session.size_limit
        return source if limit is None else (min(source[0], limit[0]), min(source[1], limit[1]))

    def _toggle_recording(self) -> bool:
        if self._session is None:
            return False
        recording, self._recording = self._recording, None
        if recording is not None and not recording.is_ended:
            recording.stop()
            return False
        path = self._job.folder / f"deblur-{datetime.now():%Y%m%d-%H%M%S}.mkv"  # noqa: DTZ005 - the user's own time
        try:
            self._recording = OutputWorker(Recording(path), self._session, self._tell)
        except DeblurError as error:
            self._tell(str(error))
            return False
        self._workers.append(self._recording)
        self._recording.start()
        self._tell(f"recording {path}")
        return True

    def _finish(self) -> None:
        """Closes source, session and outputs, in the order in which frames pass them."""
        self._ended = time.perf_counter()
        if self._source is not None:
            self._source.stop()
            self._error = self._error or self._source.error
            self._tell_losses(self._source)
        if self._session is not None:
            self._session.finish()
            deadline = time.perf_counter() + END_GRACE
            while not self._session.is_closed and time.perf_counter() < deadline:
                time.sleep(STEP)
            self._session.close()
        for worker in self._workers:
            worker.finish()
            self._error = self._error or worker.error

    def _counts(self) -> dict[str, FlowCount]:
        counts = {worker.output.name: worker.count for worker in self._workers}
        if self._window is not None:
            counts[self._window.name] = self._window.count
        return counts

    def _tell(self, line: str) -> None:
        self._notes.append(line)
        self._status.note(line)

    def _report(self) -> LiveReport:
        session, source = self._session, self._source
        since = self._started if self._first_frame is None else self._first_frame
        return LiveReport(
            source=self._job.address.name if self._job.address else "",
            seconds=self._ended - since,
            engine=self._live_engine.engine,
            look_ahead=session.look_ahead if session else 0,
            size=session.size if session else None,
            source_size=session.source_size if session else None,
            captured=session.captured if session else FlowCount(),
            processed=session.count if session else FlowCount(),
            service=session.service if session else FlowCount(),
            outputs=self._counts(),
            corrupt=source.corrupt if source else 0,
            skipped=source.skipped if source else 0,
            events=tuple(source.events) if source else (),
            gaps=tuple(source.gaps) if source else (),
            sizes=tuple(self._sizes),
            notes=tuple(self._notes),
            error=self._error,
        )
