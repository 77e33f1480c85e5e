"""Whether a picture has the fine detail that a sharp one has: blurred and enlarged pictures are no targets.

A sharp photograph has, in every direction that it has structure in, a good part of the energy of one octave of spatial
frequency left in the next one up. Blur takes the highest octave away: a Gaussian and an enlargement do in every
direction, motion does along its path. So the measure is the ratio of the power in the octave below the Nyquist limit
to that in the octave beneath, by tile and by direction, and the worst direction counts. White noise fills the corners
of the spectrum as well, where a picture has next to nothing of its own, so each tile's corners say how much of its
power is noise.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import cv2
import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    FloatArray = NDArray[np.float32]
    Picture = NDArray[np.uint8]

SHARP = 0.05
"""Least :func:`sharpness` of a sharp picture.

Of 644 sharp photographs more than 98 % reach it. Of the same photographs none does after a Gaussian blur of 1.5 pixels,
with or without noise of 8 codes on top. 4 % do after straight motion of 5 pixels (whose spectrum has side lobes in the
highest octave), 8 % after such motion with noise, and 4 % after halving and doubling the size. What it does
not see through is strong compression, whose block edges look like detail.
"""

TILE = 64
_DIRECTIONS = 8
_LEAST_POWER = 20.0
"""Power spectral density in codes squared below which a tile shows nothing in a direction."""

_LEAST_SHARE = 0.1
"""Power in one direction, relative to a tile's strongest direction, below which the tile shows nothing there."""


def sharpness(picture: Picture) -> float:
    """How much of the power of the second highest octave is left in the highest one, in the worst direction.

    Args:
        picture: Picture, RGB, uint8 (H, W, 3).

    Returns:
        About 0.05 to 0.5 for a sharp picture and about 0.01 for a blurred one; NaN where there is too little detail to
        tell, or less than a tile (64 pixels). The upper quartile over the tiles counts, so that a background out of
        focus does no harm.
    """
    grey = cv2.cvtColor(picture, cv2.COLOR_RGB2GRAY).astype(np.float32)
    rows, columns = grey.shape[0] // TILE, grey.shape[1] // TILE
    if not rows or not columns:
        return math.nan
    grid = grey[: rows * TILE, : columns * TILE].reshape(rows, TILE, columns, TILE)
    tiles = grid.swapaxes(1, 2).reshape(-1, TILE, TILE)
    tiles = (tiles - tiles.mean((1, 2), keepdims=True)) * _WINDOW
    power = (np.abs(np.fft.rfft2(tiles)) ** 2 / np.square(_WINDOW).sum()).reshape(len(tiles), -1)
    noise = power[:, _CORNER].mean(1)
    fine = np.stack([power[:, high].mean(1) for high, _ in _BANDS]) - noise
    coarse = np.stack([power[:, low].mean(1) for _, low in _BANDS]) - noise
    # What a tile has of one strong direction leaks into the others, and leaks less of its finest detail.
    speaks = (coarse > _LEAST_POWER + 3 * noise) & (coarse > _LEAST_SHARE * coarse.max(0))
    worst = math.nan
    for high, low, tells in zip(fine, coarse, speaks, strict=True):
        if tells.sum() >= min(3, len(tiles)):
            ratio = float(np.percentile(np.maximum(high[tells], 0) / low[tells], 75))
            worst = ratio if math.isnan(worst) else min(worst, ratio)
    return worst


def is_sharp(picture: Picture) -> bool:
    """Whether a picture is fit as the sharp side of a pair: detailed, neither blurred nor enlarged."""
    return sharpness(picture) >= SHARP


def _bands() -> tuple[NDArray[np.bool_], list[tuple[NDArray[np.bool_], NDArray[np.bool_]]]]:
    """Coefficients of a tile's spectrum: the corners, and of each direction the highest octave and the one below."""
    x, y = np.meshgrid(np.fft.rfftfreq(TILE), np.fft.fftfreq(TILE))
    radius, angle = np.hypot(x, y).ravel(), np.arctan2(y, x).ravel()
    # Not up to 0.5: the anti-aliasing filters of cameras and of resizing end the spectrum before.
    high, low = (radius > 0.25) & (radius <= 0.45), (radius > 0.125) & (radius <= 0.25)
    bands = []
    for direction in np.arange(_DIRECTIONS) * np.pi / _DIRECTIONS:
        # Sectors overlap, so that no direction of motion falls between two.
        sector = np.abs((angle - direction + np.pi / 2) % np.pi - np.pi / 2) <= np.pi / _DIRECTIONS
        bands.append((high & sector, low & sector))
    return radius > 0.5, bands


_WINDOW = np.outer(np.hanning(TILE), np.hanning(TILE)).astype(np.float32)
_CORNER, _BANDS = _bands()
