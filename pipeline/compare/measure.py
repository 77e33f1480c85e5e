"""What became of a frame: the strength of its edges, how much it changed, and how near it is to the truth."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import cv2

if TYPE_CHECKING:
    from collections.abc import Callable

    import numpy as np
    from numpy.typing import NDArray

    Picture = NDArray[np.uint8]

EQUAL_PSNR = 100.0
"""PSNR that equal pictures count as, in dB: infinity has no mean and no place in a drawing."""


@dataclass(frozen=True, slots=True)
class Measure:
    """One measure of likeness to the truth.

    Attributes:
        name: Name for people.
        digits: Digits behind the point.
        of: Function of a picture and the truth, both RGB, uint8 (H, W, 3).
        least: Least width and height of pictures that it can be taken of, in pixels.
        is_better_high: Whether a greater value is a better one.
    """

    name: str
    digits: int
    of: Callable[[Picture, Picture], float]
    least: int = 2
    is_better_high: bool = True


EDGES, SHARPNESS = "edge strength", "sharpness, 0 to 1"
"""Names of the measures that need no truth: :func:`edge_strength`, and the program's own estimate."""


def measures(size: tuple[int, int]) -> tuple[Measure, ...]:
    """The measures that pictures of a size allow.

    Args:
        size: Width and height in pixels.

    Raises:
        ModuleNotFoundError: If the extra ``compare`` is not installed.
    """
    # Only a truth needs them; they bring PyTorch.
    from network.evaluation import metrics, structure

    known = (
        Measure("PSNR, dB", 2, lambda picture, truth: min(metrics.psnr(picture, truth), EQUAL_PSNR)),
        Measure("SSIM", 4, metrics.ssim, metrics.WINDOW),
        Measure("MS-SSIM", 4, structure.ms_ssim, structure.MS_SSIM_LEAST),
        Measure("GMSD, lower is better", 4, structure.gmsd, is_better_high=False),
    )
    return tuple(measure for measure in known if min(size) >= measure.least)


def edge_strength(picture: Picture) -> float:
    """Root mean square of the luma's gradient by Sobel's filter (Tenengrad), in codes of 255 a pixel.

    It compares pictures of one moment alone: what is in a picture counts more than how sharp it is. Noise and the edges
    of a codec's blocks count as well.
    """
    luma = cv2.cvtColor(picture, cv2.COLOR_RGB2GRAY)
    across, down = (cv2.Sobel(luma, cv2.CV_32F, *order, scale=1 / 8) for order in ((1, 0), (0, 1)))
    squares = cv2.norm(across, cv2.NORM_L2SQR) + cv2.norm(down, cv2.NORM_L2SQR)
    return math.sqrt(squares / luma.size)


def change(before: Picture, after: Picture) -> float:
    """How much a picture changed: mean absolute difference over pixels and colours, in codes of 255."""
    return float(cv2.norm(before, after, cv2.NORM_L1)) / before.size
