"""How long to wait between attempts to connect."""

from __future__ import annotations

FIRST = 0.5
LAST = 8.0


class Backoff:
    """Pauses that double with each attempt that fails, up to a longest one.

    Args:
        first: First pause, in seconds.
        last: Longest pause, in seconds.
    """

    def __init__(self, first: float = FIRST, last: float = LAST) -> None:
        self._first, self._last = first, last
        self._next = first

    def pause(self) -> float:
        """The pause before the next attempt, in seconds; the one after that is twice as long."""
        pause = self._next
        self._next = min(2 * pause, self._last)
        return pause

    def reset(self) -> None:
        """Begins with the first pause again, because an attempt was successful."""
        self._next = self._first
