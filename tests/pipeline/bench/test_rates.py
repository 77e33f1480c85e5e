"""Rates, with the warm-up left out."""

from __future__ import annotations

import time

import pytest

from pipeline.bench.rates import ROUNDS, Rate, percentiles, rate_of, rate_of_times

pytestmark = pytest.mark.timeout(30)


def test_steps_are_counted_in_rounds() -> None:
    def step() -> int:
        time.sleep(0.001)
        return 3

    rate, steps = rate_of(step, 1.0)  # rounds so long that a busy machine does not swallow one
    assert len(rate.rounds) == ROUNDS
    assert rate.frames == 3 * len(steps)
    assert min(rate.rounds) <= rate.median <= max(rate.rounds)


def test_work_that_takes_longer_than_its_time_is_measured_once_after_the_warm_up() -> None:
    calls: list[float] = []

    def slow() -> int:
        calls.append(time.perf_counter())
        time.sleep(0.05)
        return 2

    rate, steps = rate_of(slow, 0.01)
    assert len(calls) == 2
    assert rate.frames == 2
    assert len(rate.rounds) == len(steps) == 1
    assert rate.median <= 2 / 0.05


def test_the_first_step_does_not_count() -> None:
    calls = 0

    def first_is_slow() -> int:
        nonlocal calls
        calls += 1
        time.sleep(0.3 if calls == 1 else 0.001)
        return 1

    _, steps = rate_of(first_is_slow, 0.6)
    assert max(steps) < 0.3


@pytest.mark.parametrize(("frames", "batch", "rounds"), [(2, 1, 1), (4, 1, 3), (51, 1, 5), (17, 8, 2), (3, 8, 2)])
def test_steady_times_give_their_rate(frames: int, batch: int, rounds: int) -> None:
    rate = rate_of_times([0.25 * number for number in range(frames)], batch)
    assert rate.rounds == pytest.approx((4.0,) * rounds)
    assert rate.median == pytest.approx(4.0)


def test_frames_that_come_in_batches_give_the_rate_of_the_batches() -> None:
    times = [number // 4 + 0.001 * (number % 4) for number in range(40)]
    assert rate_of_times(times, 4).median == pytest.approx(4.0)


def test_one_slow_round_does_not_move_the_median() -> None:
    times = [float(number) for number in range(26)]
    times[13:] = [value + 100 for value in times[13:]]
    assert rate_of_times(times, 1).median == pytest.approx(1.0)
    assert isinstance(rate_of_times(times, 1), Rate)


def test_percentiles_are_in_milliseconds() -> None:
    latency = percentiles([0.001 * number for number in range(1, 101)])
    assert latency.p50 == pytest.approx(50.5)
    assert 95 <= latency.p95 <= 96
    assert 99 <= latency.p99 <= 100
