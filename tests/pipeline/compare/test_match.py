"""Frames belong together by time, each side is read little ahead."""

from __future__ import annotations

from fractions import Fraction
from typing import TYPE_CHECKING

import pytest

from pipeline.compare.match import Timed, matched

if TYPE_CHECKING:
    from collections.abc import Iterator


def films(*times: float) -> Iterator[Timed[float]]:
    return (Timed(Fraction(str(time)), time) for time in times)


def pairs(first: list[float], second: list[float], tolerance: float = 0.02) -> list[tuple[float | None, float | None]]:
    found = matched(films(*first), films(*second), Fraction(str(tolerance)))
    return [(one and one.value, other and other.value) for one, other in found]


@pytest.mark.parametrize(
    ("first", "second", "expected"),
    [
        ([0, 0.04, 0.08], [0, 0.04, 0.08], [(0, 0), (0.04, 0.04), (0.08, 0.08)]),
        # A frame is missing: the later ones still find theirs.
        ([0, 0.04, 0.08, 0.12], [0, 0.08, 0.12], [(0, 0), (0.04, None), (0.08, 0.08), (0.12, 0.12)]),
        ([0, 0.08], [0, 0.04, 0.08, 0.12], [(0, 0), (None, 0.04), (0.08, 0.08), (None, 0.12)]),
        # Times rounded by a container.
        ([0, 0.033, 0.067], [0.001, 0.034, 0.066], [(0, 0.001), (0.033, 0.034), (0.067, 0.066)]),
        # Twice as many frames: the nearer one is taken, not the first that is near enough.
        ([0.04], [0.025, 0.039, 0.055], [(None, 0.025), (0.04, 0.039), (None, 0.055)]),
        ([0.025, 0.039, 0.055], [0.04], [(0.025, None), (0.039, 0.04), (0.055, None)]),
        ([0, 0.04], [1, 1.04], [(0, None), (0.04, None), (None, 1), (None, 1.04)]),
        ([], [0.5], [(None, 0.5)]),
        ([], [], []),
    ],
)
def test_nearest_frames_are_pairs(
    first: list[float], second: list[float], expected: list[tuple[float | None, float | None]]
) -> None:
    assert pairs(first, second) == expected


def test_every_frame_comes_once_and_in_order_whatever_the_times() -> None:
    first = [0.0, 0.01, 0.05, 0.051, 0.3, 0.9, 0.91, 0.92]
    second = [0.004, 0.03, 0.052, 0.32, 0.905, 0.906, 2.0]
    found = pairs(first, second, 0.03)
    assert [one for one, _ in found if one is not None] == first
    assert [other for _, other in found if other is not None] == second
    for one, other in found:
        if one is not None and other is not None:
            assert abs(one - other) <= 0.03


def test_both_sides_are_read_two_ahead_at_most() -> None:
    read = [0, 0]

    def endless(side: int) -> Iterator[Timed[int]]:
        number = 0
        while True:
            read[side] += 1
            yield Timed(Fraction(number, 25), number)
            number += 1

    found = matched(endless(0), endless(1), Fraction(1, 50))
    for taken in range(1, 1000):
        next(found)
        assert max(read) <= taken + 2
