"""Which frames count as neighbours, and how long one is waited for."""

from __future__ import annotations

from typing import Any

import pytest

from network.window.windows import Window
from pipeline.live.neighbours import Captured, Moment, Neighbours

BOTH = Window(1, 1)


class Camera:
    """Pushes numbered frames at given times, and remembers the windows that come out."""

    def __init__(self, window: Window = BOTH, look_ahead: int = 1) -> None:
        self.neighbours = Neighbours(window, look_ahead)
        self.seen: list[tuple[int | None, int, int | None]] = []
        self.now = 100.0

    def push(self, step: float = 0.04, count: int = 1) -> None:
        for _ in range(count):
            self.now += step
            frame: Any = object()
            self.note(self.neighbours.push(frame, self.now, self.now))

    def note(self, moment: Moment | None) -> None:
        if moment is not None:
            before, after = (_number(one) for one in (moment.before, moment.after))
            self.seen.append((before, moment.present.number, after))


def _number(captured: Captured | None) -> int | None:
    return None if captured is None else captured.number


def test_with_look_ahead_each_frame_waits_for_the_next() -> None:
    camera = Camera()
    camera.push(count=3)
    assert camera.seen == [(None, 0, 1), (0, 1, 2)]
    camera.note(camera.neighbours.release())
    assert camera.seen[2:] == [(1, 2, None)]
    assert camera.neighbours.release() is None


def test_without_look_ahead_no_frame_waits() -> None:
    camera = Camera(look_ahead=0)
    camera.push(count=3)
    assert camera.seen == [(None, 0, None), (0, 1, None), (1, 2, None)]
    assert camera.neighbours.due is None


def test_an_engine_that_sees_one_frame_gets_one_and_waits_for_none() -> None:
    camera = Camera(Window(0, 0))
    camera.push(count=2)
    assert camera.seen == [(None, 0, None), (None, 1, None)]
    assert camera.neighbours.look_ahead == 0


@pytest.mark.parametrize("look_ahead", [0, 1])
def test_after_a_gap_of_more_than_two_and_a_half_intervals_neighbours_are_missing(look_ahead: int) -> None:
    camera = Camera(look_ahead=look_ahead)
    camera.push(count=60)
    camera.push(0.09)  # two intervals and a quarter: 60 is a neighbour
    camera.push(count=60)
    camera.push(0.11)  # 121 is none
    camera.push(count=2)
    seen = {present: (before, after) for before, present, after in camera.seen}
    assert seen[60] == (59, 61 if look_ahead else None)
    assert seen[120] == (119, None)
    assert seen[121] == (None, 122 if look_ahead else None)
    assert seen[122][0] == 121


def test_one_long_gap_does_not_hide_the_next() -> None:
    camera = Camera(look_ahead=0)
    camera.push(count=60)
    camera.push(60)
    camera.push()
    camera.push(0.5)
    assert camera.seen[-3:] == [(None, 60, None), (60, 61, None), (None, 62, None)]


@pytest.mark.parametrize("step", [1 / 240, 1 / 10, 1.0])
def test_a_pace_is_learnt(step: float) -> None:
    camera = Camera(look_ahead=0)
    camera.push(count=60)
    camera.push(step, count=40)
    assert camera.seen[-1][0] == 98
    camera.push(step * 3)
    assert camera.seen[-1][0] is None


def test_a_frame_that_is_held_back_goes_after_two_and_a_half_intervals() -> None:
    camera = Camera()
    camera.push(count=60)
    due = camera.neighbours.due
    assert due is not None
    assert due - camera.now == pytest.approx(0.1, abs=0.01)
    assert camera.neighbours.release(due - 0.01) is None
    camera.note(camera.neighbours.release(due))
    assert camera.seen[-1] == (58, 59, None)
    assert camera.neighbours.due is None
    camera.push(0.08)  # it was late to be waited for, and yet it follows
    camera.push()
    assert camera.seen[-1] == (59, 60, 61)


def test_a_cut_parts_what_lies_on_either_side_of_it() -> None:
    camera = Camera()
    camera.push(count=3)
    camera.note(camera.neighbours.cut())
    camera.push(count=2)
    assert camera.seen[2:] == [(1, 2, None), (None, 3, 4)]
    assert camera.neighbours.cut() is not None
    assert camera.neighbours.cut() is None


def test_frames_that_come_at_the_same_time_are_neighbours() -> None:
    camera = Camera(look_ahead=0)
    camera.push(0.0, count=3)
    assert camera.seen[-1] == (1, 2, None)
