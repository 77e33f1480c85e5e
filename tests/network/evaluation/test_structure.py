"""MS-SSIM and GMSD against their definitions."""

from __future__ import annotations

import cv2
import numpy as np
import pytest

from network.evaluation.structure import MS_SSIM_LEAST, gmsd, ms_ssim
from tests.support.scenes import natural_picture


def test_equal_pictures_are_alike() -> None:
    picture = natural_picture(0)
    assert ms_ssim(picture, picture) == pytest.approx(1)
    assert gmsd(picture, picture) == 0


def test_the_smallest_picture_is_measured() -> None:
    picture = natural_picture(0)[:MS_SSIM_LEAST, :MS_SSIM_LEAST]
    assert 0 < ms_ssim(picture, picture // 2) < 1


def test_gmsd_is_the_deviation_of_the_similarity_of_gradients() -> None:
    first = natural_picture(2, 64)
    second = np.asarray(cv2.blur(first, (5, 5)), np.uint8)
    similarities = []
    for picture in (first, second):
        luma = np.rint(picture @ [0.299, 0.587, 0.114])
        # The mean of each sample and those to its right and below, at every second place.
        right = np.pad(luma, ((0, 1), (0, 1)))
        half = (right[:-1, :-1] + right[1:, :-1] + right[:-1, 1:] + right[1:, 1:])[::2, ::2] / 4
        wide = np.pad(half, 1)
        rows = wide[:-2] + wide[1:-1] + wide[2:]
        columns = wide[:, :-2] + wide[:, 1:-1] + wide[:, 2:]
        across, down = (rows[:, 2:] - rows[:, :-2]) / 3, (columns[2:] - columns[:-2]) / 3
        similarities.append(np.hypot(across, down))
    one, other = similarities
    expected = ((2 * one * other + 170) / (one**2 + other**2 + 170)).std()
    assert gmsd(first, second) == pytest.approx(expected, rel=1e-3)
