"""Where the time of a run goes: how long each stage works and waits, and how long a frame is under way."""

from __future__ import annotations

import math
import time
from collections import Counter
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator


@dataclass(frozen=True, slots=True)
class StageTime:
    """How a stage spent its wall time.

    Attributes:
        busy: Seconds at work.
        waiting: Seconds waiting for another stage.
    """

    busy: float
    waiting: float


@dataclass(frozen=True, slots=True)
class Latency:
    """Percentiles of the time a frame is under way, in milliseconds, to within 1 %; NaN without frames."""

    p50: float
    p95: float
    p99: float


@dataclass(frozen=True, slots=True)
class RunProgress:
    """How far a run is.

    Attributes:
        frames: Number of frames handed to the encoder so far.
        seconds: How much of the video that is, in seconds of its own time.
    """

    frames: int
    seconds: float


@dataclass(frozen=True, slots=True)
class RunResult:
    """What a complete run did.

    Attributes:
        frames_in: Number of frames decoded.
        frames_out: Number of frames handed to the encoder.
        packets: Number of packets copied.
        wall: Seconds from start to end.
        decode: Time of the first stage: decoding, and copying planes into the engine's memory.
        infer: Time of the second stage: the engine.
        encode: Time of the third stage: copying planes out, encoding, writing.
        latency: Time from a frame's decoding until the encoder has taken the result.
        duplicates: Number of frames that repeat the result of the frame before because they equal it.
        sharp: Number of frames that were left as they are because they are sharp.
    """

    frames_in: int
    frames_out: int
    packets: int
    wall: float
    decode: StageTime
    infer: StageTime
    encode: StageTime
    latency: Latency
    duplicates: int = 0
    sharp: int = 0


class StageClock:
    """Adds up the time that one stage works and waits. For one thread."""

    def __init__(self) -> None:
        self._busy = 0.0
        self._waiting = 0.0

    @contextmanager
    def busy(self) -> Iterator[None]:
        """Counts the body's time as work."""
        start = time.perf_counter()
        try:
            yield
        finally:
            self._busy += time.perf_counter() - start

    @contextmanager
    def waiting(self) -> Iterator[None]:
        """Counts the body's time as waiting."""
        start = time.perf_counter()
        try:
            yield
        finally:
            self._waiting += time.perf_counter() - start

    @property
    def total(self) -> StageTime:
        """The sums so far."""
        return StageTime(self._busy, self._waiting)


class LatencyHistogram:
    """Latencies in buckets 1 % apart, so that a stream of days needs no more memory than one of seconds."""

    _RATIO = math.log(1.01)

    def __init__(self) -> None:
        self._buckets: Counter[int] = Counter()

    def add(self, seconds: float) -> None:
        """Counts one frame that was under way for ``seconds``."""
        self._buckets[round(math.log(max(seconds, 1e-9)) / self._RATIO)] += 1

    def percentile(self, percent: float) -> float:
        """The smallest latency, in seconds, that ``percent`` of the frames do not exceed; NaN without frames.

        Args:
            percent: Percentage of the frames, above 0 and at most 100.
        """
        rank = math.ceil(self._buckets.total() * percent / 100)
        for bucket in sorted(self._buckets):
            rank -= self._buckets[bucket]
            if rank <= 0:
                return math.exp(bucket * self._RATIO)
        return math.nan

    @property
    def summary(self) -> Latency:
        """The percentiles that reports state."""
        return Latency(*(1000 * self.percentile(percent) for percent in (50, 95, 99)))
