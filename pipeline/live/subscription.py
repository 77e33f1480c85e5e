"""The results of a session that wait for one output or viewer."""

from __future__ import annotations

import threading
import time
from collections import deque
from dataclasses import dataclass
from typing import TYPE_CHECKING

from pipeline.live.counters import FlowCount, FlowCounter

if TYPE_CHECKING:
    from collections.abc import Callable

    import av

    from pipeline.errors import EngineError


@dataclass(frozen=True, slots=True)
class LiveResult:
    """One frame, before and after. Times are seconds by :func:`time.perf_counter`.

    Attributes:
        original: Frame as it was captured, in the size and pixel format in which it was processed.
        frame: Deblurred frame, of the same size, format and colour tags; the very ``original`` while the session is off
            or its strength is 0.
        number: Number of the frame in the session, counted from 0 with those that were dropped.
        captured: Time of capture.
        started: Time at which processing began.
        finished: Time at which the result was ready.
    """

    original: av.VideoFrame
    frame: av.VideoFrame
    number: int
    captured: float
    started: float
    finished: float


class Subscription:
    """The results of a session for one output or viewer. Made by :meth:`LiveSession.subscribe`.

    Args:
        queue: Number of results that may wait, at least 1.
        on_ready: Function that is called whenever a result was added and at the end; None for nothing.
        on_close: Function that is called with the subscription when it is closed.
    """

    def __init__(
        self, queue: int, on_ready: Callable[[], None] | None, on_close: Callable[[Subscription], None]
    ) -> None:
        self._on_close = on_close
        self._error: EngineError | None = None
        self._results: deque[LiveResult] = deque()
        self._queue = queue
        self._on_ready = on_ready
        self._condition = threading.Condition()
        self._ended = False
        self._counter = FlowCounter()

    @property
    def count(self) -> FlowCount:
        """Counts of shown and dropped frames, and the latency from capture to display."""
        return self._counter.count()

    @property
    def is_ended(self) -> bool:
        """Whether nothing will come any more and nothing is left."""
        with self._condition:
            return self._ended and not self._results

    def get(self, timeout: float | None = None) -> LiveResult | None:
        """Takes the oldest result that waits.

        Args:
            timeout: Most seconds to wait for a result; None waits until the end of the session.

        Returns:
            The result; None if none came in that time or the session ended (see :attr:`is_ended`).

        Raises:
            EngineError: If the engine failed on a frame of this session.
        """
        with self._condition:
            self._condition.wait_for(lambda: self._results or self._ended, timeout)
            if self._results:
                return self._results.popleft()
        if self._error is not None:
            raise self._error
        return None

    def mark_shown(self, result: LiveResult) -> None:
        """Counts a result as shown (sent, written) just now."""
        now = time.perf_counter()
        self._counter.add(now - result.captured, now)

    def close(self) -> None:
        """Takes no more results."""
        self._on_close(self)
        self.end()

    def deliver(self, result: LiveResult) -> None:
        """Adds a result; called by the session."""
        with self._condition:
            if self._ended:
                return
            if len(self._results) == self._queue:
                self._results.popleft()
                self._counter.drop()
            self._results.append(result)
            self._condition.notify_all()
        if self._on_ready is not None:
            self._on_ready()

    def end(self, error: EngineError | None = None) -> None:
        """Ends it after the results that wait; called by the session. Harmless if it has ended.

        Args:
            error: Error that ended the session early; None if nothing did.
        """
        with self._condition:
            if self._ended:
                return
            self._ended, self._error = True, error
            self._condition.notify_all()
        if self._on_ready is not None:
            self._on_ready()
