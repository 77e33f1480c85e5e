"""Which frames of a stream lie where in a batch, and which of them are whose neighbours."""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from itertools import pairwise
from typing import TYPE_CHECKING

import numpy as np

from network.window.windows import MISSING

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from network.window.windows import Window

GAP = Fraction(5, 2)
"""Frame intervals between two frames above which neither is a neighbour of the other."""


@dataclass(slots=True)
class _Placed:
    """A frame in the batch. One that repeats the frame before it shares that one's place."""

    place: int
    time: Fraction | None


class WindowPlaces:
    """Keeps the places of the latest frames of one stream, and tells the window of each frame that is to be made.

    Whoever fills the batch puts a frame at :attr:`free` and calls :meth:`add`, calls :meth:`take` while a frame
    :attr:`is_ready`, and when the batch is used up copies frames as :meth:`move` says and goes on.

    A neighbour is missing at either end of the stream, beyond a gap in time, and where it repeats the present frame.
    That depends on the frames of a window alone, so that a stream can be begun anywhere with the same result.

    Args:
        window: Neighbours that the engine looks at.
        interval: Seconds between two frames, by which gaps are told; None where that is not known: then the smaller
            distance beside a frame stands for it.

    Example:
        >>> from network.window.windows import Window
        >>> places = WindowPlaces(Window(1, 1))
        >>> for _ in range(2):
        ...     places.add()
        >>> places.is_ready
        True
        >>> places.take().tolist()
        [-1, 0, 1]
    """

    def __init__(self, window: Window, interval: Fraction | None = None) -> None:
        self._window, self._interval = window, interval
        # The latest frame is kept in any case: the next one may repeat it.
        self._remembered = max(window.before, 1)
        self._frames: list[_Placed] = []
        self._taken = 0
        self.free = 0
        """Place of the next frame."""

    def capacity(self, frames: int) -> int:
        """Size of a batch in which that many further frames have a place beside those that :meth:`move` keeps."""
        return self._remembered + frames + self._window.after

    def add(self, time: Fraction | None = None, *, repeats: bool = False, only_beside: bool = False) -> None:
        """Adds the next frame of the stream.

        Args:
            time: Time of the frame in seconds; None if unknown.
            repeats: The frame equals the one before it: it takes no place.
            only_beside: The frame is not to be made: it lies beside the part of the stream that is.
        """
        is_first = self._taken == len(self._frames)
        self._frames.append(_Placed(self.newest if repeats else self.free, time))
        self.free += not repeats
        if only_beside and is_first:
            self._forget()

    @property
    def newest(self) -> int:
        """Place of the latest frame."""
        return self._frames[-1].place

    @property
    def is_ready(self) -> bool:
        """Whether all neighbours of the next frame to be made are there."""
        return len(self._frames) - self._taken > self._window.after

    def take(self) -> NDArray[np.intp]:
        """The window of the next frame to be made; frames that have not come yet are missing."""
        frames, present, window = self._frames, self._taken, self._window
        row = np.full(window.frames, MISSING, np.intp)
        row[window.before] = frames[present].place
        interval = self._interval or self._smaller_distance()
        for step, number in ((-1, window.before), (1, window.after)):
            for distance in range(step, step * (number + 1), step):
                index = present + distance
                if not 0 <= index < len(frames) or _is_gap(frames[index - step], frames[index], interval):
                    break
                if frames[index].place != frames[present].place:
                    row[window.before + distance] = frames[index].place
        self._forget()
        return row

    def move(self) -> list[tuple[int, int]]:
        """Gives the frames that are still needed places at the beginning of a batch.

        Returns:
            Old place and new place of each, in ascending order; the new one is never behind the old one.
        """
        old = sorted({frame.place for frame in self._frames})
        new = {place: number for number, place in enumerate(old)}
        for frame in self._frames:
            frame.place = new[frame.place]
        self.free = len(old)
        return list(new.items())

    def _forget(self) -> None:
        """Counts one more frame as made, and forgets frames that no window reaches any more."""
        self._taken += 1
        useless = max(self._taken - self._remembered, 0)
        del self._frames[:useless]
        self._taken -= useless

    def _smaller_distance(self) -> Fraction | None:
        """The smaller distance in time from the next frame to be made to those beside it; None where unknown."""
        first, last = self._taken - min(self._window.before, 1), self._taken + min(self._window.after, 1)
        beside = self._frames[max(first, 0) : last + 1]
        distances = [distance for one, other in pairwise(beside) if (distance := _distance(one, other))]
        return min(distances, default=None)


def _is_gap(one: _Placed, other: _Placed, interval: Fraction | None) -> bool:
    distance = _distance(one, other)
    return distance is not None and interval is not None and distance > GAP * interval


def _distance(one: _Placed, other: _Placed) -> Fraction | None:
    return None if one.time is None or other.time is None else abs(other.time - one.time)
