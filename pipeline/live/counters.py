"""Counts, rates and latencies of a stream that has no end: recent values to show, whole ones for the report."""

from __future__ import annotations

import math
import threading
import time
from collections import deque
from dataclasses import dataclass
from statistics import median

from pipeline.runner.timing import Latency, LatencyHistogram

RECENT = 2.0
"""Length of the recent past, in seconds."""

_NO_LATENCY = Latency(math.nan, math.nan, math.nan)


@dataclass(frozen=True, slots=True)
class FlowCount:
    """Counts of the frames at one place of a live stream.

    Attributes:
        passed: Number of frames that came through.
        dropped: Number of frames that were left out there because newer ones had come.
        rate: Frames a second that came through in the last two seconds.
        recent: Median time from capture to this place in the last two seconds, in milliseconds; NaN without frames.
        latency: Time from capture to this place over the whole stream.
    """

    passed: int = 0
    dropped: int = 0
    rate: float = 0.0
    recent: float = math.nan
    latency: Latency = _NO_LATENCY


class FlowCounter:
    """Counts what comes through one place. For any number of threads."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._passed = self._dropped = 0
        self._recent: deque[tuple[float, float]] = deque()
        self._latency = LatencyHistogram()

    def add(self, seconds: float, now: float | None = None) -> None:
        """Counts a frame that came through.

        Args:
            seconds: Time since the frame was captured, in seconds.
            now: Time of :func:`time.perf_counter`; None for the present.
        """
        now = time.perf_counter() if now is None else now
        with self._lock:
            self._passed += 1
            self._latency.add(seconds)
            self._recent.append((now, seconds))
            self._forget(now)

    def drop(self) -> None:
        """Counts a frame that was left out."""
        with self._lock:
            self._dropped += 1

    def count(self, now: float | None = None) -> FlowCount:
        """The counts so far.

        Args:
            now: Time of :func:`time.perf_counter`; None for the present.
        """
        now = time.perf_counter() if now is None else now
        with self._lock:
            self._forget(now)
            # Intervals, not frames: two frames a tenth of a second apart are ten a second. A stream that has just
            # stopped becomes slower with every moment that no frame comes.
            span = now - self._recent[0][0] if len(self._recent) > 1 else 0.0
            return FlowCount(
                self._passed,
                self._dropped,
                rate=(len(self._recent) - 1) / span if span > 0 else 0.0,
                recent=1000 * median(value for _, value in self._recent) if self._recent else math.nan,
                latency=self._latency.summary,
            )

    def _forget(self, now: float) -> None:
        while self._recent and self._recent[0][0] < now - RECENT:
            self._recent.popleft()
