"""The frames of a page: evenly spread and extreme, whatever the length; others are never made."""

from __future__ import annotations

import numpy as np
import pytest

from pipeline.compare.stops import Even, Extremes


@pytest.mark.parametrize("count", [1, 12, 13, 1000, 90_000])
def test_even_frames_have_equal_distances_and_a_bounded_number(count: int) -> None:
    even: Even[int] = Even(12)
    made = 0

    def make(number: int) -> int:
        nonlocal made
        made += 1
        return number

    for number in range(count):
        even.see(number / 25, lambda number=number: make(number))  # type: ignore[misc]
        assert len(even.kept) <= 12
    numbers = [one.value for one in even.kept]
    assert numbers[0] == 0
    assert len(numbers) >= min(count, 6)
    assert len(set(np.diff(numbers))) <= 1
    assert numbers[-1] + (numbers[1] if len(numbers) > 1 else 1) >= count - (numbers[1] if len(numbers) > 1 else 0)
    assert made <= 12 + 6 * 14


def test_extremes_are_the_greatest_that_lie_apart() -> None:
    ranks = np.random.default_rng(3).random(5000)
    ranks[1000:1010] = np.linspace(2, 3, 10)
    ranks[3000] = 2.5
    extremes: Extremes[int] = Extremes(3, apart=1.0)
    for number, rank in enumerate(ranks):
        extremes.see(number / 25, float(rank), lambda number=number: number)  # type: ignore[misc]
    kept = extremes.kept
    assert [one.value for one in kept[:2]] == [1009, 3000]
    assert len(kept) == 3
    assert [one.rank for one in kept] == sorted((one.rank for one in kept), reverse=True)
    times = sorted(one.time for one in kept)
    assert min(np.diff(times)) >= 1.0
