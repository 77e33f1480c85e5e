"""Blur of a known length for sharp pictures, for the scripts beside this one.

A straight stroke at a random angle, over which linear light is averaged: the same blur all over the picture, without
noise, without anything that moves by itself. It is far simpler than a camera's, and than what training sees. It tells
how much blur of which length is removed, and nothing else.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import cv2
import numpy as np

from network.data.pairs import pictures_in, read_picture
from network.evaluation.evaluate import Sample

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from numpy.typing import NDArray

    Picture = NDArray[np.uint8]

LENGTHS = (4, 8, 16, 32)
"""Lengths of strokes in pixels."""


def strokes(photos: Path, length: int, seed: int = 1) -> Iterator[Sample]:
    """Pairs made from sharp pictures, each with a stroke at an angle of its own.

    Args:
        photos: Folder of sharp pictures, which are cropped by half of the length.
        length: Length of the strokes, in pixels.
        seed: Seed of the angles.
    """
    for number, path in enumerate(pictures_in(photos)):
        angle = np.random.default_rng([seed, number]).uniform(0, np.pi)
        yield stroked(path.stem, light_of(read_picture(path)), length, angle)


def photographs(folder: Path) -> Iterator[Sample]:
    """Sharp pictures by themselves."""
    for path in pictures_in(folder):
        picture = read_picture(path)
        yield Sample(path.stem, picture, picture)


def stroked(name: str, light: NDArray[np.float32], length: int, angle: float) -> Sample:
    """A picture and what a stroke makes of it.

    Args:
        name: Name of the pair.
        light: Linear light of the picture, float32 (H, W, 3); more than 1 is clipped after the stroke.
        length: Length of the stroke, in pixels.
        angle: Angle of the stroke to the right, in radians.
    """
    blurred = np.asarray(cv2.filter2D(light, -1, kernel(length, angle)), np.float32)
    margin = -(-length // 2) + 1
    inner = (slice(margin, -margin), slice(margin, -margin))
    return Sample(name, codes_of(blurred[inner]), codes_of(light[inner]))


def kernel(length: float, angle: float) -> NDArray[np.float32]:
    """The weights of a straight stroke around the middle; they add up to 1."""
    parts = 16 * int(np.ceil(length))
    places = ((np.arange(parts) + 0.5) / parts - 0.5) * length
    reach = int(np.ceil(length / 2)) + 1
    weights = np.zeros((2 * reach + 1, 2 * reach + 1))
    across, down = reach + places * np.cos(angle), reach + places * np.sin(angle)
    left, top = np.floor(across).astype(int), np.floor(down).astype(int)
    for right in (0, 1):
        for below in (0, 1):
            share = np.abs(1 - right - (across - left)) * np.abs(1 - below - (down - top))
            np.add.at(weights, (top + below, left + right), share)
    return (weights / weights.sum()).astype(np.float32)


def light_of(codes: Picture) -> NDArray[np.float32]:
    """Linear light, 0 to 1, of sRGB's codes."""
    return _LIGHT[codes]


def codes_of(light: NDArray[np.float32]) -> Picture:
    """The nearest of sRGB's codes."""
    light = np.clip(light, 0, 1)
    codes = np.where(light <= 0.0031308, 12.92 * light, 1.055 * light ** (1 / 2.4) - 0.055)
    rounded: Picture = np.rint(255 * codes).astype(np.uint8)
    return rounded


def _table() -> NDArray[np.float32]:
    codes = np.arange(256) / 255
    return np.where(codes <= 0.04045, codes / 12.92, ((codes + 0.055) / 1.055) ** 2.4).astype(np.float32)


_LIGHT = _table()
