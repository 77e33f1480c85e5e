"""Time stamps that a muxer accepts: complete and strictly increasing, changed as little as possible."""

from __future__ import annotations


class Timeline:
    """Repairs the time stamps of one stream, in order.

    Stamps that already increase come back as they are. A missing stamp continues the stream by one step; a repeated
    or slightly earlier one moves up to the next free tick; after a jump far back (a restarted clock) the rest of
    the stream is shifted so that it goes on where it was.

    Attributes:
        repaired: How many stamps came back changed because they were missing or out of order.
        jumps: How many times the clock jumped back and the rest was shifted.
    """

    def __init__(self, step: int, jump: int) -> None:
        """Starts before the first stamp.

        Args:
            step: Ticks from one stamp to the next where nothing better is known, at least 1.
            jump: Ticks; a stamp that lies farther back than this restarts the clock.
        """
        self._step = max(step, 1)
        self._jump = jump
        self._offset = 0
        self._last: int | None = None
        self.repaired = 0
        self.jumps = 0

    def leaps(self, stamp: int | None) -> bool:
        """Whether a stamp lies so far from the last one that it is wrong, or begins something new.

        Args:
            stamp: As found, in ticks; None if it is missing.
        """
        return stamp is not None and self._last is not None and abs(stamp + self._offset - self._last) > self._jump

    def continues(self, stamp: int | None) -> bool:
        """Whether a stamp goes on soon after the last one.

        Args:
            stamp: As found, in ticks; None if it is missing.
        """
        return (
            stamp is not None
            and self._last is not None
            and self._last < stamp + self._offset <= self._last + self._jump
        )

    def place(self, stamp: int | None, fallback: int | None = None, duration: int | None = None) -> int:
        """The stamp to use.

        Args:
            stamp: As found, in ticks; None if it is missing.
            fallback: Used for a missing stamp if it lies after the last one.
            duration: Of this frame or packet, the step to the one after it; None or 0 if unknown.

        Returns:
            A stamp greater than every one returned before.
        """
        if self._last is None:
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
