"""The measures say more of what is sharper, changed more, or nearer to the truth."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import cv2
import numpy as np
import pytest

from pipeline.compare.measure import EQUAL_PSNR, change, edge_strength, gradient, measures, steepest_edges
from tests.support.scenes import natural_picture

if TYPE_CHECKING:
    from numpy.typing import NDArray


def grey(codes: NDArray[Any]) -> NDArray[np.uint8]:
    """A picture of these codes: all of them, or one row that is repeated."""
    rows = codes if codes.ndim == 2 else codes[None].repeat(100, 0)
    return np.ascontiguousarray(np.rint(rows).astype(np.uint8)[..., None].repeat(3, 2))


def blurred(picture: NDArray[np.uint8], size: int) -> NDArray[np.uint8]:
    return np.asarray(cv2.blur(picture, (size, size)), np.uint8)


def hard_noise(side: int) -> NDArray[np.uint8]:
    """Black and white pixels: nothing is steeper."""
    return grey(255 * np.random.default_rng(side).integers(0, 2, (side, side)))


def test_change_is_the_mean_difference() -> None:
    picture = natural_picture(0).clip(0, 250)
    assert change(picture, picture) == 0
    assert change(picture, picture + np.uint8(3)) == pytest.approx(3)


def test_edge_strength_is_the_slope_of_a_ramp_and_falls_with_blur() -> None:
    inner = edge_strength(gradient(grey(np.arange(0, 200, 2))))
    assert inner == pytest.approx(2, rel=0.02)
    picture = natural_picture(0)
    assert edge_strength(gradient(picture)) > 1.5 * edge_strength(gradient(blurred(picture, 7)))


@pytest.mark.parametrize("picture", [natural_picture(0), hard_noise(320), hard_noise(9)])
def test_the_steepest_edges_are_the_99th_percentile(picture: NDArray[np.uint8]) -> None:
    steepness = gradient(picture)
    expected = np.percentile(steepness, 99, method="inverted_cdf")
    assert steepest_edges(steepness) == pytest.approx(expected, abs=1 / 64)


@pytest.mark.parametrize(("width", "slope"), [(1, 50), (4, 25), (10, 10)])
def test_the_steepest_edges_have_the_slope_of_the_edge_however_flat_the_rest_is(width: int, slope: int) -> None:
    edge = grey(np.interp(np.arange(150), [70, 70 + width], [50, 150]))
    assert steepest_edges(gradient(edge)) == pytest.approx(slope, rel=0.02)


def test_blocks_in_flat_parts_do_not_count_as_steep() -> None:
    edge = np.interp(np.arange(320), [158, 170], [60, 180])
    blocks = 6 * np.random.default_rng(0).integers(-1, 2, (40, 40)).repeat(8, 0).repeat(8, 1)
    clean, blocky = gradient(grey(edge)), gradient(grey(edge + blocks))
    assert edge_strength(blocky) > 1.5 * edge_strength(clean)
    assert steepest_edges(blocky) == pytest.approx(steepest_edges(clean), rel=0.05)


@pytest.mark.parametrize("shape", [(1, 1, 3), (1, 9, 3), (2, 2, 3)])
def test_the_smallest_pictures_have_figures(shape: tuple[int, int, int]) -> None:
    assert steepest_edges(gradient(np.full(shape, 77, np.uint8))) == 0
    assert edge_strength(gradient(np.full(shape, 77, np.uint8))) == 0


def test_every_measure_prefers_the_picture_that_is_nearer_to_the_truth() -> None:
    pytest.importorskip("pytorch_msssim")
    truth = natural_picture(1)
    near, far = blurred(truth, 3), blurred(truth, 9)
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
