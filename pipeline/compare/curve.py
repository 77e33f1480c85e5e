"""Values over time in a bounded number of points, however many there were."""

from __future__ import annotations

from dataclasses import dataclass

MOST = 800
"""Greatest number of points that are kept."""


@dataclass(slots=True)
class _Value:
    total: float
    count: int
    low: float
    high: float

    def add(self, other: _Value) -> None:
        self.total += other.total
        self.count += other.count
        self.low, self.high = min(self.low, other.low), max(self.high, other.high)


class Curve:
    """Values of one measure for several videos, over time.

    When there are too many points, each two neighbours become one, which keeps their mean, least and greatest value.

    Attributes:
        times: Time of each point in seconds, ascending.
    """

    def __init__(self, videos: int, most: int = MOST) -> None:
        """Begins empty.

        Args:
            videos: Number of values at each time.
            most: Greatest number of points, at least 2.
        """
        self._most = most
        self._per_point = 1
        self._in_last = 0
        self._rows: list[list[_Value | None]] = []
        self._whole: list[_Value | None] = [None] * videos
        self.times: list[float] = []

    def __len__(self) -> int:
        """Number of points."""
        return len(self._rows)

    def add(self, time: float, values: tuple[float | None, ...]) -> None:
        """Adds the values of a frame.

        Args:
            time: Time of the frame in seconds, later than all before.
            values: A value for each video; None where there is none.
        """
        row = [None if value is None else _Value(value, 1, value, value) for value in values]
        _merge(self._whole, row)
        if self._rows and self._in_last < self._per_point:
            _merge(self._rows[-1], row)
            self._in_last += 1
            return
        if len(self._rows) == self._most:
            self._halve()
        self._rows.append(row)
        self.times.append(time)
        self._in_last = 1

    def mean(self, video: int) -> float | None:
        """Mean of all values of a video; None if there was none."""
        whole = self._whole[video]
        return None if whole is None else whole.total / whole.count

    def points(self, video: int) -> tuple[tuple[float | None, ...], ...]:
        """Mean, least and greatest value of a video at each point: three rows."""
        column = [row[video] for row in self._rows]
        return (
            tuple(None if value is None else value.total / value.count for value in column),
            tuple(None if value is None else value.low for value in column),
            tuple(None if value is None else value.high for value in column),
        )

    def _halve(self) -> None:
        for index in range(0, len(self._rows) - 1, 2):
            _merge(self._rows[index], self._rows[index + 1])
        self._rows, self.times = self._rows[::2], self.times[::2]
        self._per_point *= 2


def _merge(row: list[_Value | None], other: list[_Value | None]) -> None:
    for place, value in enumerate(other):
        if value is None:
            continue
        own = row[place]
        if own is None:
            row[place] = _Value(value.total, value.count, value.low, value.high)
        else:
            own.add(value)
