"""Smooth random motion over three exposures: the present frame's, and those before and after it.

Time is in frame intervals, and zero is the middle of the present exposure, where everything is in its place.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING, Literal

import numpy as np

if TYPE_CHECKING:
    from numpy.random import Generator
    from numpy.typing import ArrayLike, NDArray

    Values = NDArray[np.float64]

GRID = np.linspace(-1.6, 1.6, 129)
"""Instants at which trajectories are known: an exposure of a whole interval ends at 1.5."""

_MIDDLE = len(GRID) // 2
_STEP = float(GRID[1] - GRID[0])

_MEMORIES = (0.12, 0.2, 0.35, 0.6, 1.0, 1.8, 3.5)
"""Correlation times of velocity: short ones make a path dwell and dart, long ones bend it."""

Style = Literal["pan", "shake", "mixed"]
"""How a path goes: mostly one way, any way, or something between."""


@dataclass(frozen=True, slots=True, eq=False)
class Trajectory:
    """Values that change smoothly with time and are zero at time zero.

    Attributes:
        values: (129, n): the values at each instant of :data:`GRID`.
    """

    values: Values

    def at(self, times: ArrayLike) -> Values:
        """Values at times within the grid, linear between its instants: (..., n) for times (...)."""
        place = (np.asarray(times, np.float64) - GRID[0]) / _STEP
        before = np.minimum(np.maximum(place.astype(np.intp), 0), len(GRID) - 2)
        share = (place - before)[..., None]
        values: Values = self.values[before] * (1 - share) + self.values[before + 1] * share
        return values

    def length(self, middle: float, duration: float) -> float:
        """Length of the path from half a duration before a time to half a duration after it."""
        times = np.linspace(middle - duration / 2, middle + duration / 2, 65)
        return float(np.linalg.norm(np.diff(self.at(times), axis=0), axis=1).sum())

    def scaled(self, factor: float) -> Trajectory:
        """All values times a factor."""
        return Trajectory(self.values * factor)

    def within(self, limit: float) -> Trajectory:
        """Scaled down, if need be, so that no value is beyond a limit."""
        farthest = float(np.abs(self.values).max())
        return self.scaled(limit / farthest) if farthest > limit else self

    def plus(self, other: Trajectory) -> Trajectory:
        """The sum of two trajectories."""
        return Trajectory(self.values + other.values)


STILL = Trajectory(np.zeros((len(GRID), 2)))
"""A path that stays where it is."""


def random_path(rng: Generator, length: float, duration: float, limit: float, style: Style) -> Trajectory:
    """A path in the plane.

    Args:
        rng: Source of randomness.
        length: Length of the path during the present exposure, in pixels, unless the limit makes it shorter.
        duration: Duration of an exposure, 0 to 1.
        limit: Greatest distance from the origin along either axis, at any time.
        style: How the path goes.
    """
    heading = rng.standard_normal(2)
    heading /= max(float(np.linalg.norm(heading)), 1e-9)
    if style == "pan":
        velocity = heading * (1 + 0.3 * _smooth(rng, 1)) + 0.25 * _smooth(rng, 2)
    elif style == "shake":
        velocity = _smooth(rng, 2)
    else:
        velocity = heading * rng.uniform(0.2, 1) + _smooth(rng, 2)
    return _of_length(velocity, length, duration).within(limit)


def random_turn(rng: Generator, amount: float, duration: float, limit: float, *, steady: bool) -> Trajectory:
    """A single value that turns one way or the other, such as an angle.

    Args:
        rng: Source of randomness.
        amount: By how much it changes during the present exposure, to and fro, unless the limit makes it less.
        duration: Duration of an exposure, 0 to 1.
        limit: Greatest value at any time.
        steady: Whether it goes on in one direction at nearly the same speed.
    """
    velocity = rng.choice([-1, 1]) + 0.3 * _smooth(rng, 1) if steady else _smooth(rng, 1)
    return _of_length(velocity, amount, duration).within(limit)


def _smooth(rng: Generator, columns: int) -> Values:
    """A Gaussian process of variance 1 on the grid, (129, columns)."""
    memory = _MEMORIES[int(rng.integers(len(_MEMORIES)))]
    smooth: Values = _factor(memory) @ rng.standard_normal((len(GRID), columns))
    return smooth


@cache
def _factor(memory: float) -> Values:
    """Cholesky factor of the covariance of a correlation time."""
    covariance = np.exp(-0.5 * ((GRID[:, None] - GRID) / memory) ** 2)
    return np.asarray(np.linalg.cholesky(covariance + 1e-5 * np.eye(len(GRID))), np.float64)


def _of_length(velocity: Values, length: float, duration: float) -> Trajectory:
    """The integral of a velocity, scaled to a length during the present exposure."""
    steps = np.cumsum((velocity[1:] + velocity[:-1]) / 2 * _STEP, axis=0)
    values = np.concatenate((np.zeros((1, velocity.shape[1])), steps))
    path = Trajectory(values - values[_MIDDLE])
    return path.scaled(length / max(path.length(0.0, duration), 1e-6))
