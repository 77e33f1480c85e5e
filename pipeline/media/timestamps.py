"""Repair of time stamps, so that a muxer accepts them: complete, strictly increasing, and changed little."""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from fractions import Fraction

COUNTING_PACKETS = frozenset({"avi"})
"""Containers that say when a packet is decoded, by the number of those before it, and never when it is shown."""


class Timeline:
    """Repairs the time stamps of one stream, in order.

    Stamps that already increase are returned unchanged. A missing stamp is one step after the stamp before it; those
    before the first known one can be counted back from it. A repeated or slightly earlier stamp moves up to the next
    free tick. After a jump far back (a restarted clock), the rest of the stream is shifted so that it continues where
    it was.

    Attributes:
        repaired: Number of stamps that were changed because they were missing or out of order.
        jumps: Number of times that the clock jumped back and the rest was shifted.
    """

    def __init__(self, step: int, jump: int) -> None:
        """Prepares for the first stamp.

        Args:
            step: Default distance from one stamp to the next, in ticks, at least 1.
            jump: Largest step back, in ticks, that still counts as disorder; a larger one is a restarted clock.
        """
        self._step = max(step, 1)
        self._jump = jump
        self._offset = 0
        self._last: int | None = None
        self._before: deque[int] = deque()
        self.repaired = 0
        self.jumps = 0

    @property
    def last(self) -> int | None:
        """The last stamp that was returned, in ticks; None before the first."""
        return self._last

    def count_back(self, count: int, known: int, interval: Fraction) -> None:
        """Gives the stamps that are missing at the beginning places before the first known one.

        Args:
            count: Number of missing stamps.
            known: First known stamp, in ticks.
            interval: Distance from one stamp to the next, in ticks, at least 1.
        """
        self._before.extend(known - round(number * interval) for number in range(count, 0, -1))

    def leaps(self, stamp: int | None) -> bool:
        """Whether a stamp is so far from the last one that it is wrong, or that a new clock begins.

        Args:
            stamp: Time stamp in the input, in ticks; None if it is missing.
        """
        return stamp is not None and self._last is not None and abs(stamp + self._offset - self._last) > self._jump

    def strides(self, stamp: int | None) -> bool:
        """Whether a stamp is later than the next one usually is: there is a gap before it, or it is wrong.

        Args:
            stamp: Time stamp in the input, in ticks; None if it is missing.
        """
        return stamp is not None and self._last is not None and stamp + self._offset - self._last > 2 * self._step

    def midway(self, stamp: int) -> int | None:
        """The stamp half way from the last one to another one, as it would be in the input; None before the first.

        Args:
            stamp: Time stamp in the input, in ticks.
        """
        return None if self._last is None else (self._last - self._offset + stamp) // 2

    def continues(self, stamp: int | None) -> bool:
        """Whether a stamp follows soon after the last one.

        Args:
            stamp: Time stamp in the input, in ticks; None if it is missing.
        """
        return (
            stamp is not None
            and self._last is not None
            and self._last < stamp + self._offset <= self._last + self._jump
        )

    def place(self, stamp: int | None, fallback: int | None = None, duration: int | None = None) -> int:
        """Returns the stamp to use for the next frame or packet.

        Args:
            stamp: Time stamp in the input, in ticks; None if it is missing.
            fallback: Stamp to use for a missing stamp, in ticks, if it is later than the last one.
            duration: Duration of this frame or packet, in ticks: the step to the next one. None or 0 if unknown.

        Returns:
            Stamp greater than all stamps returned before, in ticks.
        """
        if stamp is not None:
            self._before.clear()
        if self._before:
            self.repaired += 1
            placed = self._before.popleft()
        elif self._last is None:
            placed = next((value for value in (stamp, fallback) if value is not None), 0)
            self.repaired += stamp is None
        elif stamp is None:
            self.repaired += 1
            shifted = None if fallback is None else fallback + self._offset
            placed = shifted if shifted is not None and shifted > self._last else self._last + self._step
        else:
            placed = stamp + self._offset
            if placed <= self._last - self._jump:
                self.jumps += 1
                self._offset = self._last + self._step - stamp
                placed = stamp + self._offset
            elif placed <= self._last:
                self.repaired += 1
                placed = self._last + 1
        self._last = placed
        if duration:
            self._step = duration
        return placed
