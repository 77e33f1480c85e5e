"""The largest size at which processing keeps up with the source, chosen without flicker."""

from __future__ import annotations

import math
from dataclasses import dataclass

STEPS = (1.0, 0.75, 0.5, 0.375, 0.25)
"""Sizes that are tried, as factors of the source's width and height."""


@dataclass(frozen=True, slots=True)
class AutoSizeOptions:
    """Conditions under which the size changes.

    Attributes:
        full: Share of the time between two frames, 0 to 1, that processing may take before the size shrinks.
        roomy: Largest share of that time, as predicted for the next larger size, at which the size grows.
        shrink_after: Seconds for which processing has to be too slow before the size shrinks.
        grow_after: Seconds for which there has to be room before the size grows. Doubled after each mistaken growth.
        longest: Largest value of ``grow_after`` in seconds, up to which it is doubled.
    """

    full: float = 0.95
    roomy: float = 0.7
    shrink_after: float = 1.5
    grow_after: float = 6.0
    longest: float = 120.0


class AutoSize:
    """Decides about the size from what is measured, a few times a second.

    Shrinking is quick, because the picture stutters; growing is slow, and slower after each mistake, because each
    change of size stops the picture for as long as the engine takes to prepare for it.
    """

    def __init__(self, options: AutoSizeOptions | None = None) -> None:
        self._options = options or AutoSizeOptions()
        self._step = 0
        self._since: float | None = None
        self._direction = 0
        self._grown_at = -math.inf
        self._patience = self._options.grow_after
        self.changes = 0
        """Number of times that the size was changed."""

    @property
    def factor(self) -> float:
        """Share of the source's width and height that is left, 0 to 1."""
        return STEPS[self._step]

    def update(self, now: float, service: float, interval: float) -> bool:
        """Takes what was measured, and decides.

        Args:
            now: Present time in seconds, by any clock that does not jump.
            service: Seconds that processing took a frame, recently, at the present size; NaN if unknown.
            interval: Seconds from frame to frame of the source, recently; NaN if unknown.

        Returns:
            Whether :attr:`factor` has changed.
        """
        if not (service > 0 and interval > 0):
            return False
        load = service / interval
        direction = self._wish(load)
        if direction != self._direction:
            self._direction, self._since = direction, now
        if direction == 0 or self._since is None:
            return False
        if now - self._since < (self._options.shrink_after if direction > 0 else self._patience):
            return False
        self._change(now, direction)
        return True

    def _wish(self, load: float) -> int:
        """1 to shrink, -1 to grow, 0 to stay."""
        if load > self._options.full:
            return 1 if self._step + 1 < len(STEPS) else 0
        if self._step > 0:
            foretold = load * (STEPS[self._step - 1] / STEPS[self._step]) ** 2
            if foretold <= self._options.roomy:
                return -1
        return 0

    def _change(self, now: float, direction: int) -> None:
        options = self._options
        if direction > 0:
            was_mistaken = now - self._grown_at < 2 * options.grow_after
            self._patience = min(2 * self._patience, options.longest) if was_mistaken else options.grow_after
        else:
            self._grown_at = now
        self._step += direction
        self._direction, self._since = 0, None
        self.changes += 1
