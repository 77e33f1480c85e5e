"""One pair of a blurred and a sharp picture from a sharp photograph."""

from __future__ import annotations

from typing import TYPE_CHECKING

import cv2
import numpy as np

from network.synth.camera import highlight_gain, photograph, raised, steepness
from network.synth.driving import light_lamps
from network.synth.motion import camera_motion, object_motion, sub_frames
from network.synth.render import MovingObject, expose, to_linear

if TYPE_CHECKING:
    from numpy.random import Generator
    from numpy.typing import NDArray

    from network.synth.profile import BlurProfile

    FloatArray = NDArray[np.float32]
    Picture = NDArray[np.uint8]


def blur_pair(
    rng: Generator, scene: Picture, profile: BlurProfile, other: Picture | None = None
) -> tuple[Picture, Picture]:
    """Blurs a sharp picture.

    Args:
        rng: Source of randomness; the same state gives the same pair.
        scene: Sharp picture, RGB, uint8 (H, W, 3), with a margin that the caller crops (see :func:`margin`).
        profile: Distribution of the blur.
        other: Sharp picture, RGB, at least as large, from which objects are cut; None for none.

    Returns:
        Blurred and sharp picture, uint8 (H, W, 3).
    """
    if rng.random() < profile.untouched:
        return scene, scene
    height, width = scene.shape[:2]
    length = blur_length(rng, profile)
    with_objects = other is not None and rng.random() < profile.objects
    object_lengths = [length * rng.uniform(0, 1.5) for _ in range(int(rng.integers(1, 4)))] if with_objects else []
    frames = sub_frames(max([length, *object_lengths]))
    response = steepness(rng, profile)
    linear = to_linear(scene, response)
    if rng.random() < profile.highlights:
        linear = raised(*highlight_gain(rng), linear)
    if profile.lamps and rng.random() < profile.lamps:
        linear = light_lamps(rng, linear)
    camera = camera_motion(rng, profile, length, frames, height, width)
    objects = []
    if other is not None:
        for path in object_lengths:
            mask = _blob(rng, height, width)
            picture = to_linear(np.ascontiguousarray(other[:height, :width]), response)
            objects.append(MovingObject(picture, mask, object_motion(rng, profile, path, frames)))
    blurred, sharp = expose(linear, camera, objects)
    return photograph(rng, blurred, sharp, profile, response)


def blur_length(rng: Generator, profile: BlurProfile) -> float:
    """Draws the mean path of a pixel, in pixels."""
    return float(profile.shortest + (profile.longest - profile.shortest) * rng.uniform() ** profile.skew)


def margin(profile: BlurProfile) -> int:
    """Pixels at each border of a pair that may show what reflection made up."""
    return int(np.ceil(profile.longest))


def _blob(rng: Generator, height: int, width: int) -> FloatArray:
    """A random smooth shape with an edge of about a pixel, over a tenth to a third of the picture."""
    grid = rng.uniform(-1, 1, (5, 5)).astype(np.float32)
    grid[[0, -1], :] = grid[:, [0, -1]] = -1
    side = int(min(height, width) * rng.uniform(0.3, 0.8))
    field = cv2.resize(grid, (side, side), interpolation=cv2.INTER_CUBIC)
    mask = np.zeros((height, width), np.float32)
    top, left = rng.integers(0, height - side + 1), rng.integers(0, width - side + 1)
    mask[top : top + side, left : left + side] = np.clip(field * side / 6 + 0.5, 0, 1)
    return mask
