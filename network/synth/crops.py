"""Crops of photographs: sharp ground to blur, in colours of its own."""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING

import cv2
import numpy as np

from network.data.pairs import read_picture

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from numpy.random import Generator
    from numpy.typing import NDArray

    Picture = NDArray[np.uint8]

_LARGEST = 1440
"""Pixels of the shorter side to which larger photographs are reduced: full size, they hold little detail and much
memory."""

_TRIES = 3

KEPT = 48
"""Number of photographs that a process keeps decoded."""


@lru_cache(maxsize=KEPT)
def _photograph(path: Path) -> Picture:
    picture = read_picture(path)
    height, width = picture.shape[:2]
    return _resized(picture, _LARGEST / min(height, width)) if min(height, width) > _LARGEST else picture


def random_crop(rng: Generator, photos: Sequence[Path], side: int) -> Picture:
    """A square out of one of the photographs, at its own size or reduced.

    Flat sky teaches nothing, so most crops are the richest in detail of three.

    Args:
        rng: Source of randomness.
        photos: Photographs.
        side: Height and width of the crop in pixels.

    Returns:
        RGB, uint8 (side, side, 3).
    """
    picture = _photograph(photos[int(rng.integers(len(photos)))])
    shorter = min(picture.shape[:2])
    if shorter < side:
        picture = _resized(picture, side / shorter)
    elif shorter > 1.15 * side and rng.random() < 0.5:
        picture = _resized(picture, rng.uniform(side / shorter, 1.0))
    height, width = picture.shape[:2]
    best, most = picture, -1.0
    for _ in range(_TRIES if rng.random() < 0.7 else 1):
        top, left = int(rng.integers(height - side + 1)), int(rng.integers(width - side + 1))
        crop = picture[top : top + side, left : left + side]
        grey = cv2.cvtColor(np.ascontiguousarray(crop[::2, ::2]), cv2.COLOR_RGB2GRAY)
        detail = float(cv2.Laplacian(grey, cv2.CV_32F).std())
        if detail > most:
            best, most = crop, detail
    return best


def tinted(rng: Generator, picture: Picture) -> Picture:
    """A picture, mirrored or not, perhaps with other colours, brightness and saturation."""
    if rng.random() < 0.5:
        picture = picture[:, ::-1]
    if rng.random() < 0.25:
        picture = picture[..., rng.permutation(3)]
    if rng.random() < 0.35:
        table = 255 * (np.arange(256) / 255) ** rng.uniform(0.65, 1.5) + 0.5
        picture = np.take(table.astype(np.uint8), picture)
    if rng.random() < 0.15:
        grey = picture.mean(2, keepdims=True)
        picture = np.clip(grey + (picture - grey) * rng.uniform(0, 1.4) + 0.5, 0, 255).astype(np.uint8)
    return np.ascontiguousarray(picture)


def _resized(picture: Picture, factor: float) -> Picture:
    height, width = picture.shape[:2]
    size = max(1, int(np.ceil(width * factor - 1e-6))), max(1, int(np.ceil(height * factor - 1e-6)))
    interpolation = cv2.INTER_AREA if factor < 1 else cv2.INTER_CUBIC
    return np.asarray(cv2.resize(picture, size, interpolation=interpolation), np.uint8)
