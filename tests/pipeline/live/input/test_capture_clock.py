"""Capture times from time stamps: what waited is late, and another clock is no delay."""

from __future__ import annotations

import pytest

from pipeline.live.input.capture_clock import DRIFT, JUMP, CaptureClock


def test_a_frame_that_waited_is_late_by_as_much() -> None:
    clock = CaptureClock(paced=False)
    assert clock.captured(5.0, 100.0) == 100.0
    assert clock.captured(5.1, 100.1) == pytest.approx(100.1, abs=1e-3)
    assert clock.captured(5.2, 100.9) == pytest.approx(100.2, abs=1e-3)
    assert clock.restarts == 0


def test_the_least_delay_seen_is_the_distance_of_the_clocks() -> None:
    clock = CaptureClock(paced=False)
    clock.captured(0.0, 100.4)  # a backlog comes first, as from a server that sends the last second at once
    assert clock.captured(0.5, 100.5) == pytest.approx(100.5)
    assert clock.captured(0.6, 100.7) == pytest.approx(100.6, abs=1e-3)


def test_clocks_that_run_apart_are_followed() -> None:
    clock = CaptureClock(paced=False)
    lateness = 0.0
    for second in range(3600):
        arrival = 100.0 + second * (1 + DRIFT / 2)
        lateness = arrival - clock.captured(float(second), arrival)
    assert 0 <= lateness < 0.01


@pytest.mark.parametrize("paced", [False, True])
def test_stamps_that_begin_anew_restart_the_clock(paced: bool) -> None:
    clock = CaptureClock(paced=paced)
    clock.captured(50.0, 100.0)
    assert clock.captured(0.0, 101.0) == 101.0
    assert clock.restarts == 1


def test_a_delay_too_long_to_be_one_restarts_the_clock() -> None:
    clock = CaptureClock(paced=False)
    clock.captured(0.0, 100.0)
    assert clock.captured(0.1, 100.2 + JUMP) == 100.2 + JUMP
    assert clock.restarts == 1


def test_a_paced_source_is_due_by_its_stamps() -> None:
    clock = CaptureClock(paced=True)
    assert clock.captured(7.0, 100.0) == 100.0
    assert clock.captured(7.5, 100.01) == 100.5
    assert clock.captured(8.0, 101.2) == 101.0


def test_frames_without_stamps_are_captured_as_they_come() -> None:
    clock = CaptureClock(paced=False)
    assert clock.captured(None, 3.0) == 3.0
