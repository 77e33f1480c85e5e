"""What a camera that looks out of a moving car sees, in a crop of its frame: which way things pass, and lamps at night.

All points move away from a vanishing point, which lies near the upper middle of the whole frame, where the road meets
the horizon. A window shows a crop of that frame, so most windows have the point far outside and see hardly anything but
translation; a crop with the point in it sees a zoom. How fast a point moves goes with its distance from the vanishing
point and with its nearness: a flat road is the nearer the further below the horizon it is seen, walls and trees at the
sides are the nearer the further to the side, and the sky does not move.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.random import Generator
    from numpy.typing import NDArray

    FloatArray = NDArray[np.float32]

_ASPECT = 16 / 9

_GLOW = 12.0
"""Reach of a lamp's glow, relative to the radius of its disc."""
_TRIES = 8

_FASTEST = 5.0
"""Largest path at the middle of the frame's lower edge, relative to the longest blur: a crop near the vanishing point
shows little motion, and a car that is fast enough to blur it long is not to be had."""

_STEEPEST = 2.0
"""Largest path within a crop relative to its mean, so that the margin suffices for what moves in from outside."""


def passing_field(rng: Generator, height: int, width: int, length: float, longest: float) -> FloatArray:
    """How points of a crop pass while the car drives forwards.

    Args:
        rng: Source of randomness.
        height: Height of the crop in pixels.
        width: Width of the crop in pixels.
        length: Mean path that the crop is going to have, in pixels.
        longest: Longest mean path that any crop may have.

    Returns:
        Directions away from the vanishing point with speeds of mean 1, float32 (height, width, 2), x and y.
    """
    rows = np.arange(height, dtype=np.float32)[:, None]
    columns = np.arange(width, dtype=np.float32)
    frame_height = max(rng.uniform(540, 1080), 1.0 * height)
    frame_width = max(_ASPECT * frame_height, 1.0 * width)
    sides = rng.uniform(0.2, 1.0)  # of the street's half width: how near the walls are, in camera heights
    for _ in range(_TRIES):
        top, left = rng.uniform(0, frame_height - height), rng.uniform(0, frame_width - width)
        x = frame_width * rng.uniform(0.42, 0.58) - left
        y = frame_height * rng.uniform(0.35, 0.5) - top
        away_x, away_y = columns - np.float32(x), rows - np.float32(y)
        ground = np.float32(frame_height - top - y)  # from the horizon to the frame's lower edge
        below = np.maximum(away_y, 0) / ground
        aside = np.abs(away_x) / ground * np.float32(sides)
        # Walls and trees end somewhere above: their nearness fades into the sky's.
        fade = np.clip(1 + away_y / np.float32(frame_height * 0.35), 0, 1)
        nearness = np.maximum(below, aside * fade)
        speed = np.hypot(away_x, away_y) * nearness
        # The lower edge's middle has nearness 1 at a distance of `ground`.
        if speed.mean() > 0 and length * float(ground / speed.mean()) <= _FASTEST * longest:
            break
    field = np.stack([away_x * nearness, np.broadcast_to(away_y, nearness.shape) * nearness], axis=2)
    speed = np.linalg.norm(field, axis=2)
    mean = max(float(speed.mean()), 1e-6)
    field *= np.minimum(1, _STEEPEST * mean / np.maximum(speed, 1e-6))[..., None]
    mean = max(float(np.linalg.norm(field, axis=2).mean()), 1e-6)
    return np.asarray(field / mean, np.float32)


def light_lamps(rng: Generator, scene: FloatArray) -> FloatArray:
    """Lamps at night: the brightest places shine, and there are up to eight discs far brighter than white that glow.

    Args:
        rng: Source of randomness.
        scene: Dark scene in linear light, float32 (H, W, 3).
    """
    height, width = scene.shape[:2]
    threshold = np.float32(np.quantile(scene[::4, ::4].max(2), rng.uniform(0.97, 0.999)))
    night = scene + np.maximum(scene - threshold, 0) * np.float32(rng.uniform(2, 11))
    for _ in range(int(rng.integers(1, 9))):
        x, y, radius = rng.uniform(0, width), rng.uniform(0, height), rng.uniform(0.7, 4.0)
        colour = _LAMP_COLOURS[int(rng.integers(len(_LAMP_COLOURS)))] * np.float32(2 ** rng.uniform(1, 5))
        reach = _GLOW * radius
        top, left = max(0, int(y - reach)), max(0, int(x - reach))
        near = night[top : int(y + reach) + 1, left : int(x + reach) + 1]
        rows, columns = np.mgrid[top : top + near.shape[0], left : left + near.shape[1]].astype(np.float32)
        distance = np.hypot(columns - np.float32(x), rows - np.float32(y))
        lit = np.clip(radius + 0.5 - distance, 0, 1) + 0.004 * np.exp(-np.square(distance / (4 * radius)))
        near += lit[..., None] * colour
    return np.asarray(night, np.float32)


_LAMP_COLOURS = np.array(
    [[1, 1, 1], [1, 0.9, 0.7], [1, 0.7, 0.4], [1, 0.08, 0.05], [0.1, 1, 0.5], [1, 0.5, 0.05]], np.float32
)
"""Colours of lamps: white, warm white, sodium, a rear light, green and amber, in linear light."""
