"""Blur made anew in every step of training, from the sharp side of a pair that a pool holds.

A pool shows the same blur again and again. One path for the whole picture is a product in the frequency domain, so
quick that a loader makes it beside the training; depth, objects, roll, zoom and compression are left to the pool.
"""

from __future__ import annotations

import math
from dataclasses import replace
from typing import TYPE_CHECKING

import cv2
import numpy as np

from network.errors import DataError
from network.synth.camera import photograph, steepness
from network.synth.motion import smooth_path, sub_frames
from network.synth.pair import blur_length
from network.synth.profile import PROFILES
from network.synth.render import to_linear

if TYPE_CHECKING:
    from numpy.random import Generator
    from numpy.typing import NDArray

    FloatArray = NDArray[np.float32]
    Picture = NDArray[np.uint8]

PROFILE = replace(
    PROFILES["handheld"],
    shortest=2.0,
    longest=58.0,
    skew=1.25,
    defocus=0.0,
    noise=0.004,
    compression=0.0,
)
"""How fresh blur is distributed; what concerns warps, depth and objects has no meaning here."""


def fresh_pair(rng: Generator, sharp: Picture, patch: int) -> Picture:
    """Blurs a random part of a picture by a random path.

    Args:
        rng: Source of randomness; the same state gives the same pair.
        sharp: Sharp picture, RGB, uint8 (H, W, 3).
        patch: Height and width of the result in pixels. Paths that reach further than the borders around it allow
            are made shorter.

    Returns:
        The blurred and the sharp side, uint8 (2, patch, patch, 3).

    Raises:
        DataError: If the picture is not larger than a patch.
    """
    room = (min(sharp.shape[:2]) - patch) // 2
    if room < 1:
        raise DataError(
            f"pairs of {sharp.shape[1]}x{sharp.shape[0]} have no border around patches of {patch}, which fresh blur "
            "needs; set fresh=0 or a smaller patch"
        )
    if rng.random() < PROFILE.untouched:
        part = _part(rng, sharp, patch)
        return np.stack((part, part))
    length = blur_length(rng, PROFILE)
    times = np.linspace(-0.5, 0.5, sub_frames(length))
    path = length * smooth_path(rng, times, PROFILE.vibration, PROFILE.unsteadiness)
    path *= min(1.0, room / np.abs(path).max())
    response = steepness(rng, PROFILE)
    # What lies nearer to a border than the path reaches would show what is beyond it, so that much more is blurred; and
    # no more than that, since this is done while the cores are wanted for training.
    needed = patch + 2 * math.ceil(np.abs(path).max())
    part = _part(rng, sharp, min(cv2.getOptimalDFTSize(needed), *sharp.shape[:2]))
    border = (len(part) - patch) // 2
    linear = to_linear(part, response)
    blurred = moved(linear, path)
    inner = slice(border, border + patch)
    return np.stack(photograph(rng, blurred[inner, inner], linear[inner, inner], PROFILE, response))


def _part(rng: Generator, picture: Picture, side: int) -> Picture:
    top, left = (int(rng.integers(length - side + 1)) for length in picture.shape[:2])
    return picture[top : top + side, left : left + side]


def moved(linear: FloatArray, path: NDArray[np.float64]) -> FloatArray:
    """The mean of a picture at all points of a path, shifted by parts of pixels; what leaves one side enters the other.

    Args:
        linear: Picture in linear light, float32 (H, W, 3).
        path: Positions, x and y in pixels, (points, 2).
    """
    height, width = linear.shape[:2]
    down = np.exp(-2j * np.pi * np.outer(np.fft.fftfreq(height), path[:, 1]))
    across = np.exp(-2j * np.pi * np.outer(path[:, 0], np.fft.rfftfreq(width)))
    transfer = (down @ across / len(path)).astype(np.complex64)
    spectrum = np.fft.rfft2(linear, axes=(0, 1)) * transfer[..., None]
    return np.asarray(np.fft.irfft2(spectrum, s=(height, width), axes=(0, 1)), np.float32)
