"""Instants between two frames."""

from __future__ import annotations

import numpy as np
import pytest

from network.evaluation.metrics import psnr
from network.synth.interpolate import between, estimate
from network.synth.light import to_codes, to_linear
from tests.support.scenes import Scene

INNER = np.s_[24:-24, 24:-24]


def _codes(light: np.ndarray) -> np.ndarray:
    return np.rint(255 * to_codes(light)).astype(np.uint8)


@pytest.mark.parametrize("time", [0.25, 0.5, 0.8])
def test_between_two_frames_a_scene_is_where_it_would_be(scene: Scene, time: float) -> None:
    first, second = scene.picture(0, 0, 160, 200), scene.picture(5, -3, 160, 200)
    step = estimate(first, second, border=24)
    assert step.holds
    assert step.path == pytest.approx(np.hypot(5, 3), abs=0.05)
    middle = _codes(between(to_linear(first), to_linear(second), step, time))
    assert psnr(middle[INNER], scene.picture(5 * time, -3 * time, 160, 200)[INNER]) > 42


def test_at_the_ends_it_is_the_frame_itself(scene: Scene) -> None:
    first, second = scene.picture(0, 0, 96, 96), scene.picture(2, 1, 96, 96)
    step = estimate(first, second)
    one, other = to_linear(first), to_linear(second)
    assert np.array_equal(between(one, other, step, 0.0), one)
    assert np.array_equal(between(one, other, step, 1.0), other)


def test_a_square_before_a_ground_is_not_smeared_over_what_it_hides(scene: Scene) -> None:
    """It moves to the right: on its right the ground becomes occluded, on its left it is revealed."""
    ground, square = scene.picture(0, 0, 160, 200), Scene(1, (170, 100, 100)).picture(0, 0, 64, 64)

    def frame(left: int) -> np.ndarray:
        picture = ground.copy()
        picture[48:112, left : left + 64] = square
        return picture

    first, last, true = frame(60), frame(68), frame(64)
    step = estimate(first, last)
    assert step.holds
    assert 0 < step.inconsistent < 0.1
    # The flow is the square's or the ground's everywhere, and not something between the two.
    assert (np.abs(step.forward[56:104, :, 0] - 4) > 2.5).mean() > 0.97
    middle = _codes(between(to_linear(first), to_linear(last), step, 0.5))
    mixed = _codes((to_linear(first) + to_linear(last)) / 2)
    around = np.s_[40:120, 44:150]
    assert psnr(middle[around], true[around]) > psnr(mixed[around], true[around]) + 5
    assert psnr(middle[56:104, 76:120], true[56:104, 76:120]) > 40  # inside the square
    assert psnr(middle[:, 150:176], true[:, 150:176]) > 40  # the ground beside it


def test_across_a_cut_nothing_holds(scene: Scene) -> None:
    first = scene.picture(0, 0, 160, 200)
    assert not estimate(first, Scene(5).picture(0, 0, 160, 200)).holds
    assert not estimate(first, np.clip(first + 60.0, 0, 255).astype(np.uint8)).holds  # a flash
    assert estimate(first, first).path == pytest.approx(0, abs=0.01)
