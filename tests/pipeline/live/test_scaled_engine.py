"""An engine whose correction is scaled."""

from __future__ import annotations

import numpy as np
import pytest

from network.planes import Layout, PlaneBatch, PlaneSpec
from network.window.windows import MISSING
from pipeline.live.scaled_engine import ScaledEngine
from tests.support.engines import BrighteningEngine, SeeingEngine

SPEC = PlaneSpec(8, 6, Layout.YUV420P)


def batch_of(*levels: int) -> PlaneBatch:
    batch = PlaneBatch.empty(SPEC, len(levels))
    for plane in batch.planes:
        for row, level in enumerate(levels):
            plane[row] = level
    return batch


@pytest.mark.parametrize(("strength", "change"), [(0.0, 0), (0.5, 10), (1.0, 20), (1.5, 30)])
def test_a_share_of_the_correction_is_applied(strength: float, change: int) -> None:
    engine = ScaledEngine(BrighteningEngine(20), strength)
    batch, out = batch_of(10, 100), PlaneBatch.empty(SPEC, 2)
    engine.run(batch, out)
    assert [int(out.planes[0][row].flat[0]) for row in range(2)] == [10 + change, 100 + change]
    np.testing.assert_array_equal(out.planes[1], batch.planes[1])
    np.testing.assert_array_equal(batch.planes[0][1], 100)


def test_the_present_frame_of_each_window_is_scaled() -> None:
    inner = SeeingEngine(20)
    engine = ScaledEngine(inner, 0.5)
    made = PlaneBatch.empty(SPEC, 2)
    windows = np.array([[0, 1, 2], [1, 2, MISSING]], np.intp)
    engine.run(batch_of(10, 50, 90), made, windows)
    assert [int(made.planes[0][row].flat[0]) for row in range(2)] == [60, 100]
    engine.reset()
    assert inner.resets == 1
    assert engine.info == inner.info


def test_a_strength_out_of_range_is_refused() -> None:
    with pytest.raises(ValueError, match="from 0 to"):
        ScaledEngine(BrighteningEngine(), 2.0)
