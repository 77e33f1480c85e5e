"""A curve keeps means and extremes of any number of values in a bounded number of points."""

from __future__ import annotations

import numpy as np
import pytest

from pipeline.compare.curve import Curve


def test_few_values_stay_as_they_are() -> None:
    curve = Curve(2, most=8)
    for number in range(8):
        curve.add(number / 25, (float(number), None))
    means, lows, highs = curve.points(0)
    assert means == lows == highs == tuple(map(float, range(8)))
    assert curve.points(1)[0] == (None,) * 8
    assert curve.mean(0) == 3.5
    assert curve.mean(1) is None


@pytest.mark.parametrize("count", [9, 100, 12_345])
def test_many_values_become_few_points_that_hold_every_extreme(count: int) -> None:
    values = np.random.default_rng(0).random(count)
    values[count // 2] = 7.0
    curve = Curve(1, most=8)
    for number, value in enumerate(values):
        curve.add(number / 25, (float(value),))
        assert len(curve) <= 8
    means, lows, highs = curve.points(0)
    assert 4 <= len(means) == len(curve.times) <= 8
    assert max(high for high in highs if high is not None) == 7.0
    assert min(low for low in lows if low is not None) == values.min()
    assert curve.mean(0) == pytest.approx(values.mean())
    assert list(curve.times) == sorted(set(curve.times))
    # Each point but the last stands for equally many values.
    step = round((curve.times[1] - curve.times[0]) * 25)
    assert means[0] == pytest.approx(values[:step].mean())
