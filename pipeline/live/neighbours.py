"""Which captured frames stand beside each other in time, and which of them the engine may have to wait for.

Dropped frames do not count here: the neighbours of a frame are those that were captured just before and after it, even
where the engine had no time for them. A frame is kept by reference, so that this costs no copy.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from pipeline.runner.windows import GAP

if TYPE_CHECKING:
    import av

    from network.window.windows import Window

_FIRST_INTERVAL = 0.1
"""Seconds from frame to frame that are assumed until some have come."""

_MEMORY = 8
"""Number of frames over which the interval is averaged."""


@dataclass(frozen=True, slots=True)
class Captured:
    """A frame as it was captured.

    Attributes:
        frame: Frame in any pixel format.
        number: Number of the frame in its session, counted from 0.
        captured: Time of capture, in seconds by :func:`time.perf_counter`.
    """

    frame: av.VideoFrame
    number: int
    captured: float


@dataclass(frozen=True, slots=True)
class Moment:
    """A frame to deblur, and those beside it in time.

    Attributes:
        present: Frame to deblur.
        before: Frame before it; None where it is missing.
        after: Frame after it; None where it is missing, or is not waited for.
    """

    present: Captured
    before: Captured | None = None
    after: Captured | None = None


class Neighbours:
    """Finds the neighbours of the frames of one session, one frame at a time. Not for several threads at once.

    Args:
        window: Neighbours that the engine looks at. A side without any is always missing here, and no frame is kept.
        look_ahead: 1 holds a frame back until the next one has come, 0 does not.
    """

    def __init__(self, window: Window, look_ahead: int) -> None:
        self._sees_before = window.before > 0
        self.look_ahead = look_ahead if window.after > 0 else 0
        self._interval = _FIRST_INTERVAL
        self._count = 0
        self._last: Captured | None = None
        self._last_captured: float | None = None
        self._held: Moment | None = None
        self._held_since = 0.0

    @property
    def due(self) -> float | None:
        """Time at which the frame that is held back goes without the next one; None where none is held back."""
        return None if self._held is None else self._held_since + GAP * self._interval

    def push(self, frame: av.VideoFrame, captured: float, now: float) -> Moment | None:
        """Takes a frame that was captured.

        Args:
            frame: Frame in any pixel format.
            captured: Time of capture, in seconds.
            now: Present time, by the same clock.

        Returns:
            The moment that can be deblurred now: that of this frame, or with ``look_ahead`` that of the one before it;
            None where that has gone already.
        """
        present = Captured(frame, self._count, captured)
        self._count += 1
        follows = self._follows(captured)
        ready = None
        if self._held is not None:
            ready = Moment(self._held.present, self._held.before, present if follows else None)
        moment = Moment(present, self._last if follows else None)
        self._last = present if self._sees_before else None
        if not self.look_ahead:
            return moment
        self._held, self._held_since = moment, now
        return ready

    def release(self, now: float | None = None) -> Moment | None:
        """Gives up waiting for the next frame.

        Args:
            now: Present time, in seconds, before which the frame has to be :attr:`due`; None for at once.

        Returns:
            The moment that was held back, without the next frame; None where none was, or it is not due.
        """
        if self.due is None or (now is not None and now < self.due):
            return None
        moment, self._held = self._held, None
        return moment

    def cut(self) -> Moment | None:
        """Parts the next frame from those before it, as when a source was connected again.

        Returns:
            The moment that was held back; None where none was.
        """
        self._last = self._last_captured = None
        return self.release()

    def _follows(self, captured: float) -> bool:
        """Whether a frame comes right after the last one; takes note of the interval."""
        last, self._last_captured = self._last_captured, captured
        if last is None:
            return False
        step, longest = captured - last, GAP * self._interval
        # A gap counts as the longest step only: it says little of the pace. A new pace is learnt within a few frames.
        self._interval += (min(max(step, 0.0), longest) - self._interval) / _MEMORY
        return step <= longest
