"""The measures say more of what is sharper, changed more, or nearer to the truth."""

from __future__ import annotations

import cv2
import numpy as np
import pytest

from pipeline.compare.measure import EQUAL_PSNR, change, edge_strength, measures
from tests.support.scenes import natural_picture


def test_change_is_the_mean_difference() -> None:
    picture = natural_picture(0).clip(0, 250)
    assert change(picture, picture) == 0
    assert change(picture, picture + np.uint8(3)) == pytest.approx(3)


def test_edge_strength_is_the_slope_of_a_ramp_and_falls_with_blur() -> None:
    ramp = np.repeat(np.arange(0, 200, 2, dtype=np.uint8)[None], 100, 0)[..., None].repeat(3, 2)
    inner = edge_strength(np.ascontiguousarray(ramp[1:-1, 1:-1]))
    assert inner == pytest.approx(2, rel=0.02)
    picture = natural_picture(0)
    assert edge_strength(picture) > 1.5 * edge_strength(np.asarray(cv2.blur(picture, (7, 7)), np.uint8))


def test_every_measure_prefers_the_picture_that_is_nearer_to_the_truth() -> None:
    pytest.importorskip("pytorch_msssim")
    truth = natural_picture(1)
    near, far = (np.asarray(cv2.blur(truth, (size, size)), np.uint8) for size in (3, 9))
    taken = measures((320, 320))
    assert [measure.name.split(",")[0] for measure in taken] == ["PSNR", "SSIM", "MS-SSIM", "GMSD"]
    for measure in taken:
        sign = 1 if measure.is_better_high else -1
        assert sign * measure.of(near, truth) > sign * measure.of(far, truth), measure.name
    assert taken[0].of(truth, truth) == EQUAL_PSNR


def test_measures_that_need_larger_pictures_are_left_out() -> None:
    pytest.importorskip("pytorch_msssim")
    assert [measure.name for measure in measures((160, 400)) if "MS" in measure.name] == ["GMSD, lower is better"]
    assert len(measures((161, 400))) == 4
    assert len(measures((10, 10))) == 2
