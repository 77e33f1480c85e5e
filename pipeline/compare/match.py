"""Frames of several videos that belong to one moment, found by their times while the videos are read."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Generic, TypeVar

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from fractions import Fraction

T = TypeVar("T")
First = TypeVar("First")
Second = TypeVar("Second")


@dataclass(frozen=True, slots=True)
class Timed(Generic[T]):
    """Something at a time.

    Attributes:
        time: Time in seconds.
        value: What is there.
    """

    time: Fraction
    value: T


def matched(
    first: Iterable[Timed[First]], second: Iterable[Timed[Second]], tolerance: Fraction
) -> Iterator[tuple[Timed[First] | None, Timed[Second] | None]]:
    """Puts together what lies nearest to each other in time. Each side is read once, two ahead at most.

    Two belong together if neither has a nearer one on the other side (of two that are equally near, the earlier), and
    they are no farther apart than ``tolerance``.

    Args:
        first: One side, in ascending order of time.
        second: The other side, likewise.
        tolerance: Greatest distance of two that belong together, in seconds.

    Yields:
        In order of time, both of a pair, or one and None for what has no other.
    """
    left, right = _Queue(first), _Queue(second)
    while left.now is not None or right.now is not None:
        one, other = left.now, right.now
        if other is None or (one is not None and one.time < other.time - tolerance):
            yield left.take(), None
        elif one is None or other.time < one.time - tolerance:
            yield None, right.take()
        elif left.next is not None and abs(left.next.time - other.time) < abs(one.time - other.time):
            yield left.take(), None
        elif right.next is not None and abs(right.next.time - one.time) < abs(one.time - other.time):
            yield None, right.take()
        else:
            yield left.take(), right.take()


class _Queue(Generic[T]):
    """An iterator of which the next two are known."""

    def __init__(self, items: Iterable[Timed[T]]) -> None:
        self._items = iter(items)
        self.now = next(self._items, None)
        self.next = next(self._items, None)

    def take(self) -> Timed[T] | None:
        taken, self.now, self.next = self.now, self.next, next(self._items, None)
        return taken
