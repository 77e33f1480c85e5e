from __future__ import annotations

import math

import numpy as np
import pytest

from pipeline.runner.timing import LatencyHistogram


@pytest.mark.parametrize("percent", [1, 50, 95, 99, 100])
def test_percentiles_agree_with_numpy_to_one_percent(percent: int) -> None:
    latencies = np.random.default_rng(3).lognormal(-4, 1, 10_000)
    histogram = LatencyHistogram()
    for latency in latencies:
        histogram.add(latency)
    exact = np.percentile(latencies, percent, method="inverted_cdf")
    assert histogram.percentile(percent) == pytest.approx(exact, rel=0.01)


def test_without_frames_there_is_no_latency() -> None:
    assert math.isnan(LatencyHistogram().summary.p50)


def test_a_clock_that_stood_still_is_no_error() -> None:
    histogram = LatencyHistogram()
    histogram.add(0.0)
    assert histogram.percentile(50) < 1e-6
