"""From the time stamps of a stream to the moments at which its frames were captured, on this machine's clock."""

from __future__ import annotations

JUMP = 5.0
"""Longest delay in seconds; a longer one means that the source's clock has changed."""

BACKWARD = 0.5
"""Most seconds by which stamps may go back: frames are reordered, or packets late."""

DRIFT = 0.0005
"""Rate at which two clocks may run apart, in seconds a second."""


class CaptureClock:
    """Tells when a frame was captured. Times are seconds by :func:`time.perf_counter`.

    A live source sends a frame the moment it has it, so the least delay between stamp and arrival that was ever seen
    is the distance of the two clocks, and whatever a frame comes later than that, it waited: in a network's, a
    system's or a decoder's queue. A source that is paced here begins with its first frame, and each frame is due at
    its stamp; coming late, it waited likewise.

    Args:
        paced: Whether frames come as fast as they are read.

    Attributes:
        restarts: Number of times that the clock began anew, because the stamps jumped or the delay was too long to be
            made up for.
    """

    def __init__(self, *, paced: bool) -> None:
        self._paced = paced
        self._offset: float | None = None
        self._last_stamp = self._last_arrival = 0.0
        self.restarts = 0

    def captured(self, stamp: float | None, arrival: float) -> float:
        """Time at which a frame was captured; for a paced source, the time at which it is due, perhaps in the future.

        Args:
            stamp: Time stamp of the frame in the stream, in seconds; None where it has none.
            arrival: Time at which the frame arrived.
        """
        if stamp is None:
            return arrival
        offset = arrival - stamp
        if self._offset is None:
            self._offset = offset
        elif stamp < self._last_stamp - BACKWARD or offset > self._offset + JUMP:
            self._offset = offset
            self.restarts += 1
        elif not self._paced:
            self._offset = min(offset, self._offset + DRIFT * max(arrival - self._last_arrival, 0.0))
        self._last_stamp, self._last_arrival = stamp, arrival
        return stamp + self._offset
