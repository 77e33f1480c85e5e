"""Counts of an endless stream: recent values forget, whole ones don't."""

from __future__ import annotations

import math

import pytest

from pipeline.live.counters import FlowCounter


def test_the_rate_is_that_of_the_last_two_seconds() -> None:
    counter = FlowCounter()
    for number in range(300):
        counter.add(0.1, now=number / 30)
    for number in range(30):
        counter.add(0.3, now=10 + number / 10)
    count = counter.count(now=12.9)
    assert count.rate == pytest.approx(10, rel=0.06)
    assert count.recent == pytest.approx(300)
    assert count.passed == 330
    assert count.latency.p50 == pytest.approx(100, rel=0.01)
    assert count.latency.p95 == pytest.approx(300, rel=0.01)


def test_a_stream_that_stops_has_no_rate_any_more() -> None:
    counter = FlowCounter()
    for number in range(30):
        counter.add(0.1, now=number / 30)
    assert counter.count(now=1.5).rate < 25
    late = counter.count(now=9.0)
    assert late.rate == 0
    assert math.isnan(late.recent)
    assert late.passed == 30


def test_without_frames_there_is_no_latency() -> None:
    count = FlowCounter().count()
    assert (count.passed, count.dropped, count.rate) == (0, 0, 0)
    assert math.isnan(count.latency.p99)


def test_drops_are_counted_apart() -> None:
    counter = FlowCounter()
    counter.drop()
    counter.add(0.1)
    counter.drop()
    assert (counter.count().passed, counter.count().dropped) == (1, 2)
