"""Keeps a source coming: connected again when it stalls or vanishes, with every gap on record."""

from __future__ import annotations

import math
import threading
import time
from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING

import av
import av.error

from pipeline.errors import DeblurError, InputError
from pipeline.live.backoff import FIRST, LAST, Backoff
from pipeline.live.input.connection import Connection, ReaderOptions

if TYPE_CHECKING:
    from collections.abc import Callable

    from pipeline.live.input.address import Address

MAX_ABANDONED = 4
"""Most threads that may hang in the system at a time; a further thread would hang like them."""

_POLL = 0.1


@dataclass(frozen=True, slots=True)
class ReconnectOptions:
    """Options to reconnect a source. Times are in seconds.

    Attributes:
        reader: Options of each connection.
        rate: Most frames a second; None for all frames.
        stall: Time without a frame, at least four times the usual, after which the source counts as stalled.
        give_up: Time without a frame after which the connection is abandoned and made again; files are waited for.
        first_retry: Pause before the second attempt; doubled with each attempt that fails.
        last_retry: Longest pause between two attempts.
    """

    reader: ReaderOptions = field(default_factory=ReaderOptions)
    rate: float | None = None
    stall: float = 1.0
    give_up: float = 6.0
    first_retry: float = FIRST
    last_retry: float = LAST


class EventKind(StrEnum):
    """Kind of an event of a source."""

    STALLED = "stalled"
    LOST = "lost"
    RESUMED = "resumed"
    CHANGED = "changed"


@dataclass(frozen=True, slots=True)
class Event:
    """An event of a source.

    Attributes:
        kind: Kind of the event.
        at: Time in seconds since the first frame.
        text: A line for people.
    """

    kind: EventKind
    at: float
    text: str


@dataclass(frozen=True, slots=True)
class Gap:
    """A time without frames.

    Attributes:
        at: Beginning of the gap, in seconds since the first frame.
        seconds: Length of the gap.
    """

    at: float
    seconds: float


class ReconnectingSource:
    """Reads a source until it ends or is stopped. What is read goes to ``deliver``, what happens to ``tell``.

    Attributes:
        events: Events of the source, in order.
        gaps: Times without frames that were over :attr:`ReconnectOptions.stall`.
        error: Error that ended the source; None at a regular end.
    """

    def __init__(
        self,
        address: Address,
        deliver: Callable[[av.VideoFrame, float], None],
        tell: Callable[[str], None],
        options: ReconnectOptions | None = None,
        on_lost: Callable[[], None] | None = None,
    ) -> None:
        """Prepares the source.

        Args:
            address: Source to read.
            deliver: Function that takes each frame and its capture time; one thread calls it at a time.
            tell: Function that takes a line for the user at once when something happens.
            options: Options to reconnect the source.
            on_lost: Function that is called when the connection is lost: the next frame is that of another one.
        """
        self._on_lost = on_lost
        self._address, self._deliver, self._tell = address, deliver, tell
        self._options = options or ReconnectOptions()
        self._stop, self._ended = threading.Event(), threading.Event()
        self._thread = threading.Thread(target=self._supervise, name="deblur-feed", daemon=True)
        self._connections: list[Connection] = []
        self._shape: tuple[int, int, str] | None = None
        self._first = self._last = 0.0
        self._interval = self._next_due = 0.0
        self._has_frames = self._is_interrupted = False
        self.events: list[Event] = []
        self.gaps: list[Gap] = []
        self.error: DeblurError | None = None
        self._corrupt = self._skipped = 0

    def start(self) -> None:
        """Begins to read."""
        self._thread.start()

    def stop(self) -> None:
        """Reads no further. Returns within about a second, whatever the source does."""
        self._stop.set()
        for connection in self._connections:
            connection.abandon()
        if self._thread.ident is not None:
            self._thread.join(1.0)

    @property
    def is_ended(self) -> bool:
        """Whether nothing more will come."""
        return self._ended.is_set()

    @property
    def corrupt(self) -> int:
        """Number of packets that could not be decoded."""
        return self._corrupt + sum(one.corrupt for one in self._connections[-1:])

    @property
    def skipped(self) -> int:
        """Number of packets that were not decoded, because decoding was late."""
        return self._skipped + sum(one.skipped for one in self._connections[-1:])

    def _supervise(self) -> None:
        try:
            self._keep_coming()
        except DeblurError as error:
            self.error = error
        finally:
            self._ended.set()

    def _keep_coming(self) -> None:
        backoff = Backoff(self._options.first_retry, self._options.last_retry)
        while not self._stop.is_set():
            self._add_up()
            connection = Connection(self._address, self._options.reader, self._take)
            self._connections = [one for one in self._connections if not one.wait(0)] + [connection]
            connection.start()
            self._watch(connection)
            has_an_end = self._address.is_paced_here
            if self._stop.is_set() or (connection.error is None and connection.wait(0) and has_an_end):
                return
            why = _reason(connection)
            if has_an_end or not self._has_frames:
                raise _failure(self._address, connection.error, why)
            if isinstance(connection.error, DeblurError) and not isinstance(connection.error, InputError):
                raise connection.error
            if connection.opened:
                backoff.reset()
            pause = backoff.pause()
            self._happened(EventKind.LOST, f"{self._address.name} is lost ({why}); connecting again in {pause:g} s")
            self._is_interrupted = True
            if self._on_lost is not None:
                self._on_lost()
            self._stop.wait(pause)
            while sum(not one.wait(0) for one in self._connections) >= MAX_ABANDONED:
                if self._stop.wait(_POLL):
                    return

    def _add_up(self) -> None:
        """Keeps the counts of the last connection, which the next one is about to follow."""
        self._corrupt, self._skipped = self.corrupt, self.skipped

    def _watch(self, connection: Connection) -> None:
        """Waits until a connection ends or is abandoned."""
        options = self._options
        patience = options.give_up + options.reader.open_timeout
        while not connection.wait(_POLL):
            silence = time.perf_counter() - connection.last_sign
            give_up = max(options.give_up, 10 * self._interval) if connection.opened else patience
            if self._address.is_paced_here and connection.opened:
                give_up = math.inf  # it could only be begun again from its start
            if self._stop.is_set() or silence > give_up:
                connection.abandon()
                return
            if connection.opened and silence > self._stall and not self._is_interrupted:
                self._is_interrupted = True
                self._happened(EventKind.STALLED, f"{self._address.name} has stalled")

    @property
    def _stall(self) -> float:
        return max(self._options.stall, 4 * self._interval)

    def _take(self, frame: av.VideoFrame, captured: float) -> None:
        now = time.perf_counter()
        if not self._has_frames:
            self._first, self._has_frames = now, True
        else:
            self._look_for_gap(now - self._last)
        self._last = now
        shape = (frame.width, frame.height, frame.format.name)
        if self._shape is not None and shape != self._shape:
            before, after = (f"{width}x{height} {name}" for width, height, name in (self._shape, shape))
            self._happened(EventKind.CHANGED, f"{self._address.name} changed from {before} to {after}")
        self._shape = shape
        if self._is_due(captured):
            self._deliver(frame, captured)

    def _look_for_gap(self, silence: float) -> None:
        # A file's own pauses are no gaps.
        if self._is_interrupted or (silence > self._stall and not self._address.is_paced_here):
            self.gaps.append(Gap(self._last - self._first, silence))
            self._happened(EventKind.RESUMED, f"{self._address.name} is back after {silence:.1f} s")
            self._is_interrupted = False
        else:
            self._interval += (silence - self._interval) / 8

    def _is_due(self, captured: float) -> bool:
        """Whether a frame belongs to those that are left where a rate was asked for."""
        if self._options.rate is None:
            return True
        step = 1 / self._options.rate
        # A quarter of a step of grace, or a source of that very rate would lose frames to its own jitter.
        if captured < self._next_due - step / 4:
            return False
        self._next_due = max(self._next_due + step, captured + step / 2)
        return True

    def _happened(self, kind: EventKind, text: str) -> None:
        self.events.append(Event(kind, time.perf_counter() - self._first, text))
        self._tell(text)


def _reason(connection: Connection) -> str:
    if not connection.wait(0):
        return "it gives no frames"
    error = connection.error
    if error is None:
        return "it ended"
    if isinstance(error, av.error.ExitError):
        return "no data came in time"
    if isinstance(error, OSError | av.error.FFmpegError):
        return (error.strerror or type(error).__name__).lower()
    return str(error) or type(error).__name__


def _failure(address: Address, error: Exception | None, why: str) -> DeblurError:
    if isinstance(error, DeblurError):
        return error
    failure = InputError(f"{address.name} can't be read: {why}; check that it is there, and that nobody else uses it")
    failure.__cause__ = error
    return failure
