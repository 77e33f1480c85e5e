"""Places and windows of a stream's frames: who is whose neighbour, and where it lies."""

from __future__ import annotations

from fractions import Fraction

import pytest

from network.window.windows import Window
from pipeline.runner.windows import WindowPlaces

BOTH = Window(1, 1)


def rows(places: WindowPlaces, number: int) -> list[list[int]]:
    return [places.take().tolist() for _ in range(number)]


def test_a_frame_is_ready_when_its_neighbours_are_there() -> None:
    for window, ready in ((Window(1, 0), [True, True]), (BOTH, [False, True]), (Window(0, 2), [False, False])):
        places = WindowPlaces(window)
        found = []
        for _ in range(2):
            places.add()
            found.append(places.is_ready)
        assert found == ready


def test_neighbours_are_missing_at_both_ends() -> None:
    places = WindowPlaces(BOTH)
    for _ in range(3):
        places.add()
    assert rows(places, 3) == [[-1, 0, 1], [0, 1, 2], [1, 2, -1]]
    wide = WindowPlaces(Window(2, 1))
    for _ in range(4):
        wide.add()
    assert rows(wide, 4) == [[-1, -1, 0, 1], [-1, 0, 1, 2], [0, 1, 2, 3], [1, 2, 3, -1]]


def test_a_frame_that_repeats_another_shares_its_place_and_is_not_its_neighbour() -> None:
    places = WindowPlaces(BOTH)
    for repeats in (False, False, True, True, False):
        places.add(repeats=repeats)
    assert places.free == 3
    assert rows(places, 5) == [[-1, 0, 1], [0, 1, -1], [-1, 1, -1], [-1, 1, 2], [1, 2, -1]]


def test_frames_beside_a_part_are_neighbours_and_nothing_more() -> None:
    places = WindowPlaces(BOTH)
    places.add(only_beside=True)
    places.add()
    assert not places.is_ready
    places.add(only_beside=True)
    assert rows(places, 1) == [[0, 1, 2]]


@pytest.mark.parametrize("interval", [Fraction(1, 25), None])
def test_frames_far_apart_are_no_neighbours(interval: Fraction | None) -> None:
    places = WindowPlaces(BOTH, interval)
    # two and a half intervals are none too many
    for time in (0, 1, 2, Fraction(9, 2), Fraction(11, 2), Fraction(801, 100)):
        places.add(Fraction(time, 25))
    assert rows(places, 6) == [[-1, 0, 1], [0, 1, 2], [1, 2, 3], [2, 3, 4], [3, 4, -1], [-1 if interval else 4, 5, -1]]


def test_beyond_a_gap_no_frame_is_a_neighbour() -> None:
    places = WindowPlaces(Window(2, 2), Fraction(1))
    for time in (0, 10, 11, 12, 22):
        places.add(Fraction(time))
    assert rows(places, 3)[2] == [-1, 1, 2, 3, -1]


def test_without_times_there_are_no_gaps() -> None:
    places = WindowPlaces(BOTH, Fraction(1))
    for time in (None, Fraction(0), None, Fraction(50)):
        places.add(time)
    assert rows(places, 4) == [[-1, 0, 1], [0, 1, 2], [1, 2, 3], [2, 3, -1]]


def test_what_windows_still_reach_moves_to_the_beginning() -> None:
    places = WindowPlaces(BOTH)
    for _ in range(5):
        places.add()
    assert rows(places, 4)[-1] == [2, 3, 4]
    assert places.move() == [(3, 0), (4, 1)]
    assert (places.free, places.newest) == (2, 1)
    places.add()
    assert rows(places, 2) == [[0, 1, 2], [1, 2, -1]]


def test_the_latest_frame_is_kept_even_where_no_window_reaches_back() -> None:
    places = WindowPlaces(Window(0, 1))
    places.add()
    places.take()
    assert places.move() == [(0, 0)]
    places.add(repeats=True)
    places.add()
    assert rows(places, 2) == [[0, 1], [1, -1]]


@pytest.mark.parametrize("window", [BOTH, Window(0, 1), Window(1, 0), Window(2, 3)])
def test_a_batch_of_the_capacity_has_room_for_its_frames(window: Window) -> None:
    places = WindowPlaces(window)
    capacity = places.capacity(4)
    for _ in range(3):
        made = 0
        while made < 4:
            places.add()
            if places.is_ready:
                places.take()
                made += 1
        assert places.free <= capacity
        places.move()
