"""The size that holds the frame rate: quick to shrink, slow to grow, and no flicker."""

from __future__ import annotations

import math
from itertools import pairwise

import pytest

from pipeline.live.auto_size import STEPS, AutoSize

INTERVAL = 1 / 30


def simulate(auto: AutoSize, full_size_seconds: float, seconds: float, start: float = 0.0) -> list[tuple[float, float]]:
    """Lets a machine that takes so long for a frame of full size run; returns when the factor became what."""
    changes = []
    for tick in range(int(seconds * 2)):
        now = start + tick / 2
        if auto.update(now, full_size_seconds * auto.factor**2, INTERVAL):
            changes.append((now, auto.factor))
    return changes


def test_a_machine_that_keeps_up_stays_at_full_size() -> None:
    auto = AutoSize()
    assert simulate(auto, 0.5 * INTERVAL, 60) == []
    assert auto.factor == 1


@pytest.mark.parametrize("load", [1.2, 2.0, 5.0, 12.0])
def test_the_largest_size_that_keeps_up_is_found_and_kept(load: float) -> None:
    auto = AutoSize()
    simulate(auto, load * INTERVAL, 30)
    assert auto.factor == next(step for step in STEPS if load * step**2 <= 0.95)
    settled = auto.changes
    simulate(auto, load * INTERVAL, 300, start=30)
    assert auto.changes == settled


def test_nothing_is_smaller_than_the_smallest() -> None:
    auto = AutoSize()
    simulate(auto, 100 * INTERVAL, 60)
    assert auto.factor == STEPS[-1]


def test_one_slow_moment_changes_nothing() -> None:
    auto = AutoSize()
    for tick in range(40):
        auto.update(tick / 2, (3 if tick % 4 == 0 else 0.5) * INTERVAL, INTERVAL)
    assert auto.changes == 0


def test_it_grows_again_when_there_is_room_and_later_than_it_shrank() -> None:
    auto = AutoSize()
    shrunk = simulate(auto, 1.5 * INTERVAL, 10)
    assert [factor for _, factor in shrunk] == [0.75]
    grown = simulate(auto, 0.6 * INTERVAL, 30, start=10)
    assert [factor for _, factor in grown] == [1.0]
    assert grown[0][0] - 10 > shrunk[0][0]


def test_growing_in_vain_is_tried_ever_more_seldom() -> None:
    """A machine whose smaller size looks easy, but that never holds the larger one."""
    auto, grown = AutoSize(), []
    for tick in range(2000):
        load = 1.5 if auto.factor == 1 else 0.3
        if auto.update(tick / 2, load * INTERVAL, INTERVAL) and auto.factor == 1:
            grown.append(tick / 2)
    pauses = [later - earlier for earlier, later in pairwise(grown)]
    assert len(grown) > 3
    assert pauses[-1] > 60
    assert pauses == sorted(pauses)


def test_nothing_is_decided_without_measurements() -> None:
    auto = AutoSize()
    for tick in range(100):
        assert not auto.update(float(tick), math.nan, INTERVAL)
        assert not auto.update(float(tick), 1.0, math.nan)
