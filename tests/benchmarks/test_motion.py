"""Other ways to find motion and to align do what they are compared for."""

from __future__ import annotations

import cv2
import motion as script
import numpy as np
import pytest

from network.window import alignment
from network.window.motion import averaged, find_flow
from tests.network.window.scenes import scene


def luma(shift: tuple[float, float] = (0, 0)) -> np.ndarray:
    return np.rint(scene(192, 256, shift).mean(2) * 219 + 16).astype(np.uint8)


def planes(shift: tuple[float, float]) -> tuple[np.ndarray, ...]:
    return luma(shift), luma(shift)[::2, ::2].copy(), luma(shift)[1::2, ::2].copy()


@pytest.mark.parametrize(("way", "mean"), [(script.in_bands, 0.01), (script.fixed_point, 0.3), (script.nearest, 10)])
def test_other_ways_to_align_come_to_the_same(way: script.Align, mean: float) -> None:
    random = np.random.default_rng(0)
    flow = cv2.GaussianBlur(random.normal(0, 6, (48, 64, 2)).astype(np.float32), (0, 0), 4) + np.float32([2, 1])
    given = planes((8, 5))
    found, expected = ([np.empty_like(plane) for plane in given] for _ in range(2))
    way(given, flow, tuple(found))
    alignment.align(given, flow, tuple(expected))
    for one, other in zip(found, expected, strict=True):
        assert np.abs(one.astype(int) - other).mean() < mean


def test_the_flow_back_is_the_inverse_of_the_flow_onward() -> None:
    earlier, later = averaged(luma()), averaged(luma((8, -4)))
    one = script.OneAPair(2)
    np.testing.assert_array_equal(one(earlier, later), find_flow(earlier, later))
    back = one(later, earlier)[8:-8, 8:-8]
    np.testing.assert_allclose(np.median(back, axis=(0, 1)), [2, -1], atol=0.15)


def test_every_way_is_timed() -> None:
    frames = [np.concatenate((luma((shift, 0)), np.full((96, 256), 128, np.uint8))) for shift in (-4, 0, 4)]
    chosen = list(script.ways())
    assert len({way.name for way in chosen}) == len(chosen)
    assert all(min(each) > 0 for each in script.times(chosen, frames, rounds=1))
