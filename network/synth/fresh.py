"""Blur made anew in every step of training, from the sharp side of a pair that a pool holds.

A pool shows the same blur again and again. One path for the whole picture is a product in the frequency domain, so
quick that a loader makes it beside the training; depth, objects, roll, zoom and compression are left to the pool.
"""

from __future__ import annotations

import math
from dataclasses import replace
from typing import TYPE_CHECKING

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
    """Blurs a picture by a random path.

    Args:
        rng: Source of randomness; the same state gives the same pair.
        sharp: RGB, uint8 (H, W, 3).
        patch: Least height and width of the result in pixels. Paths that reach further than the borders around it
            allow are made shorter.

    Returns:
        The blurred and the sharp side, uint8 (2, H - 2 r, W - 2 r, 3), where the path reaches r pixels: what lies
        nearer to a border would show what is beyond it.

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
        return np.stack((sharp, sharp))
    length = blur_length(rng, PROFILE)
    times = np.linspace(-0.5, 0.5, sub_frames(length))
    path = length * smooth_path(rng, times, PROFILE.vibration, PROFILE.unsteadiness)
    path *= min(1.0, room / np.abs(path).max())
    response = steepness(rng, PROFILE)
    linear = to_linear(sharp, response)
    sides = photograph(rng, moved(linear, path), linear, PROFILE, response)
    reach = math.ceil(np.abs(path).max())
    return np.stack([side[reach : len(side) - reach, reach : side.shape[1] - reach] for side in sides])


def moved(linear: FloatArray, path: NDArray[np.float64]) -> FloatArray:
    """The mean of a picture at all points of a path, shifted by parts of pixels; what leaves one side enters the other.

    Args:
        linear: Linear light, float32 (H, W, 3).
        path: Positions, x and y in pixels, (points, 2).
    """
    height, width = linear.shape[:2]
    down = np.exp(-2j * np.pi * np.outer(np.fft.fftfreq(height), path[:, 1]))
    across = np.exp(-2j * np.pi * np.outer(path[:, 0], np.fft.rfftfreq(width)))
    transfer = (down @ across / len(path)).astype(np.complex64)
    spectrum = np.fft.rfft2(linear, axes=(0, 1)) * transfer[..., None]
    return np.asarray(np.fft.irfft2(spectrum, s=(height, width), axes=(0, 1)), np.float32)
