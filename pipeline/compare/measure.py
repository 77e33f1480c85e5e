"""What became of a frame: how strong and steep its edges are, how much it changed, and how near it is to the truth."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import cv2
import numpy as np

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

    Picture = NDArray[np.uint8]
    Gradient = NDArray[np.float32]

EQUAL_PSNR = 100.0
"""PSNR that equal pictures count as, in dB: infinity has no mean and no place in a drawing."""

_STEEPEST = 0.99
"""Share of pixels that are no steeper than the steepest edges."""

_PER_CODE = 64
"""Steps a code that steepness is counted in."""

_STEPS = 181 * _PER_CODE
"""Number of steps: across and down, half of 255 codes a pixel each are the most that there can be."""


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


def gradient(picture: Picture) -> Gradient:
    """How steep the luma is at each pixel by Sobel's filter, in codes of 255 a pixel, float32 (H, W).

    A ramp has its slope, a step half its height on both sides.

    Args:
        picture: RGB, uint8 (H, W, 3).
    """
    luma = cv2.cvtColor(picture, cv2.COLOR_RGB2GRAY)
    across, down = (cv2.Sobel(luma, cv2.CV_32F, *order, scale=1 / 8) for order in ((1, 0), (0, 1)))
    # Eighths are exact in float32, so equal pictures have equal figures; cv2.magnitude's last bit varies with the place
    # in memory. In place, because fresh memory takes longer than the arithmetic.
    squares = np.square(across, out=across)
    squares += np.square(down, out=down)
    return np.sqrt(squares, out=squares)


def edge_strength(steepness: Gradient) -> float:
    """Root mean square of a :func:`gradient` (Tenengrad), in codes of 255 a pixel.

    It compares pictures of one moment alone: what is in a picture counts more than how sharp it is. Noise and the edges
    of a codec's blocks count as well.
    """
    return cv2.norm(steepness, cv2.NORM_L2) / math.sqrt(steepness.size)


def steepest_edges(steepness: Gradient) -> float:
    """99th percentile of a :func:`gradient`, in codes of 255 a pixel: how steep the steepest edges are.

    Blur flattens these most. Blocks that a codec leaves in flat parts are too weak to be among them; strong noise, text
    and the edges of black bars count. It compares pictures of one moment alone. In pictures of fewer than 100 pixels,
    it is the steepest pixel.
    """
    # A histogram: partial sorting takes many times as long where values repeat, as they do in flat parts.
    words = (steepness * _PER_CODE).astype(np.uint16)
    counts = cv2.calcHist([words], [0], None, [_STEPS], [0, _STEPS])
    up_to = np.cumsum(counts, dtype=np.float64)
    return float(np.searchsorted(up_to, _STEEPEST * steepness.size)) / _PER_CODE


@dataclass(frozen=True, slots=True)
class EdgeMeasure:
    """One measure of the edges of a picture, that needs no truth.

    Attributes:
        name: Name for people.
        digits: Digits behind the point.
        of: Function of the :func:`gradient` of a picture.
    """

    name: str
    digits: int
    of: Callable[[Gradient], float]


EDGE_MEASURES = (
    EdgeMeasure("edge strength", 3, edge_strength),
    EdgeMeasure("steepest edges, codes/pixel", 2, steepest_edges),
)
"""What is measured of every picture."""


def change(before: Picture, after: Picture) -> float:
    """How much a picture changed: mean absolute difference over pixels and colours, in codes of 255."""
    return float(cv2.norm(before, after, cv2.NORM_L1)) / before.size
