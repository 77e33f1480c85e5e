"""Similarity of two pictures, by the field's conventions."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import cv2
import numpy as np
from skimage.metrics import peak_signal_noise_ratio, structural_similarity

from network.colour import LUMA_WEIGHTS
from network.planes import Matrix

if TYPE_CHECKING:
    from numpy.typing import NDArray

WINDOW = 11
"""Height and width of SSIM's window in pixels; no picture may be smaller."""

DETAIL_SIGMA = 16.0
"""Standard deviation in pixels of the Gaussian mean that detail PSNR leaves out."""


def psnr(first: NDArray[np.uint8], second: NDArray[np.uint8]) -> float:
    """Peak signal-to-noise ratio over all colours of 8-bit pictures, in dB; infinite where they are equal.

    Args:
        first: First picture, RGB, uint8 (H, W, 3), not cropped.
        second: Second picture, of the same shape.
    """
    with np.errstate(divide="ignore"):
        return float(peak_signal_noise_ratio(first, second, data_range=255))  # type: ignore[no-untyped-call]


def detail_psnr(first: NDArray[np.uint8], second: NDArray[np.uint8]) -> float:
    """PSNR of what two pictures differ in besides brightness, in dB; infinite where they are equal.

    From the difference its Gaussian mean of sigma :data:`DETAIL_SIGMA` is taken, which is what they differ in over
    areas that are much larger than blur. What remains is detail: a result that is only brighter or darker than it
    should be loses nothing, and one that only mends brightness gains nothing.

    Args:
        first: First picture, RGB, uint8 (H, W, 3).
        second: Second picture, of the same shape.
    """
    difference = first.astype(np.float32) - second
    difference -= cv2.GaussianBlur(difference, (0, 0), DETAIL_SIGMA)
    error = float(np.mean(np.square(difference, dtype=np.float64)))
    return 10 * math.log10(255**2 / error) if error > 0 else math.inf


def brightness(first: NDArray[np.uint8], second: NDArray[np.uint8]) -> float:
    """Mean over pixels and colours of one picture less another, in codes of 255; negative where it is darker."""
    return float(first.mean(dtype=np.float64) - second.mean(dtype=np.float64))


def mean_luma(picture: NDArray[np.uint8]) -> float:
    """Mean of BT.709's luma of RGB (H, W, 3), in codes of 255."""
    red, blue = LUMA_WEIGHTS[Matrix.BT709]
    means = picture.mean(axis=(0, 1), dtype=np.float64)
    return float(means @ (red, 1 - red - blue, blue))


def ssim(first: NDArray[np.uint8], second: NDArray[np.uint8]) -> float:
    """Structural similarity as scikit-image computes it with the settings of Wang et al. 2004.

    Gaussian weights of sigma 1.5 (an 11x11 window), sample covariance off, mean over colours.

    Args:
        first: First picture, RGB, uint8 (H, W, 3), at least 11x11.
        second: Second picture, of the same shape.
    """
    return float(
        structural_similarity(  # type: ignore[no-untyped-call]
            first,
            second,
            channel_axis=-1,
            gaussian_weights=True,
            sigma=1.5,
            use_sample_covariance=False,
            data_range=255,
        )
    )
