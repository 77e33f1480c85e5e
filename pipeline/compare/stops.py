"""The frames that a page shows: spread evenly over a video of unknown length, and the extremes of a figure."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Generic, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Kept(Generic[T]):
    """A frame that is shown.

    Attributes:
        time: Time in seconds.
        value: The frame.
        rank: What it was chosen by.
    """

    time: float
    value: T
    rank: float = 0.0


class Even(Generic[T]):
    """Keeps frames at equal distances, ``most`` at most and half as many at least, whatever comes.

    Attributes:
        kept: The frames so far, in their order.
    """

    def __init__(self, most: int) -> None:
        """Begins empty; ``most`` is at least 2."""
        self._most, self._step, self._number = most, 1, 0
        self.kept: list[Kept[T]] = []

    def see(self, time: float, make: Callable[[], T]) -> None:
        """Takes the next frame; ``make`` is called if it is kept."""
        if self._number % self._step == 0:
            if len(self.kept) == self._most:
                self.kept = self.kept[::2]
                self._step *= 2
            if self._number % self._step == 0:
                self.kept.append(Kept(time, make()))
        self._number += 1


class Extremes(Generic[T]):
    """Keeps the frames with the greatest rank, no two of which lie close together in time.

    Attributes:
        kept: The frames so far, the greatest rank first.
    """

    def __init__(self, most: int, apart: float) -> None:
        """Begins empty.

        Args:
            most: Number of frames to keep.
            apart: Seconds between two of them, at least.
        """
        self._most, self._apart = most, apart
        self.kept: list[Kept[T]] = []

    def see(self, time: float, rank: float, make: Callable[[], T]) -> None:
        """Takes the next frame; ``make`` is called if it is kept for the time being."""
        near = [one for one in self.kept if abs(one.time - time) < self._apart]
        if any(one.rank >= rank for one in near):
            return
        others = [one for one in self.kept if one not in near]
        if len(others) >= self._most and rank <= others[-1].rank:
            return
        kept = [*others[: self._most - 1], Kept(time, make(), rank)]
        self.kept = sorted(kept, key=lambda one: -one.rank)
