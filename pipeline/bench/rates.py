"""Rates as medians over rounds, with a warm-up that does not count."""

from __future__ import annotations

import statistics
import time
from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING

import numpy as np

from pipeline.runner.timing import Latency

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

ROUNDS = 5
WARM_UP = 0.2
"""Share of the time, 0 to 1, that is warm-up and does not count."""


@dataclass(frozen=True, slots=True)
class Rate:
    """A rate in frames a second.

    Attributes:
        rounds: Frames a second in each round.
        frames: Number of frames in all rounds together.
    """

    rounds: tuple[float, ...]
    frames: int

    @property
    def median(self) -> float:
        """Frames a second in the middle round."""
        return statistics.median(self.rounds)


def rate_of(step: Callable[[], int], seconds: float) -> tuple[Rate, list[float]]:
    """Measures work that is done step by step.

    Args:
        step: Function that does some frames and returns their number, at least 1.
        seconds: Length of the whole measurement, warm-up included. There is at least one step to warm up and one
            that counts.

    Returns:
        The rate, and the seconds of each step that counts.
    """
    started = time.perf_counter()
    step()
    while time.perf_counter() - started < WARM_UP * seconds:
        step()
    rounds: list[float] = []
    steps: list[float] = []
    total = 0
    length = max(started + seconds - time.perf_counter(), 0) / ROUNDS
    while len(rounds) < ROUNDS and (not rounds or time.perf_counter() - started < seconds):
        frames, begun = 0, time.perf_counter()
        last = begun
        while not frames or last - begun < length:
            frames += step()
            now = time.perf_counter()
            steps.append(now - last)
            last = now
        rounds.append(frames / (last - begun))
        total += frames
    return Rate(tuple(rounds), total), steps


def rate_of_times(times: Sequence[float], batch: int) -> Rate:
    """The rate at which something came out.

    Args:
        times: Times at which frames came, in seconds, ascending, at least two different ones.
        batch: Number of frames that come at a time; no round ends within them.
    """
    batch = batch if len(times) > batch else 1
    intervals = (len(times) - 1) // batch
    edges = [batch * (intervals * index // min(ROUNDS, intervals)) for index in range(min(ROUNDS, intervals) + 1)]
    rounds = tuple((end - begin) / max(times[end] - times[begin], 1e-9) for begin, end in pairwise(edges))
    return Rate(rounds, edges[-1])


def percentiles(seconds: Sequence[float]) -> Latency:
    """The percentiles that reports state, in milliseconds."""
    return Latency(*(1000 * float(value) for value in np.percentile(seconds, (50, 95, 99))))
