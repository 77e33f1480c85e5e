"""The intervals of a constant frame rate, for containers that have no other."""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction

FASTEST = Fraction(240)
"""Highest frame rate that is chosen for the sake of a few frames that are close together, in frames a second."""


@dataclass(frozen=True, slots=True)
class Slots:
    """The intervals, counted from the beginning of the output. A frame comes in the one whose begin is nearest.

    Attributes:
        rate: Frames a second.
        first: Time of the first frame in the input, in seconds. One interval begins exactly there.
        number: Number of that interval.
    """

    rate: Fraction
    first: Fraction = Fraction(0)
    number: int = 0

    def of(self, time: Fraction) -> int:
        """Number of the interval in which a frame of the input comes.

        Args:
            time: Time of the frame in the input, in seconds.
        """
        # Of two that are just an interval apart, none is rounded up and the other down, as to even numbers.
        ticks = 2 * (time - self.first) * self.rate + 1
        return self.number + ticks.numerator // (2 * ticks.denominator)

    def time(self, slot: int) -> Fraction:
        """Time in the input at which an interval begins, in seconds."""
        return self.first + (slot - self.number) / self.rate
