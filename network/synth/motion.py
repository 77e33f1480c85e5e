"""Smooth random motion of a camera or an object during one exposure."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import cv2
import numpy as np

from network.synth.driving import passing_field

if TYPE_CHECKING:
    from numpy.random import Generator
    from numpy.typing import NDArray

    from network.synth.profile import BlurProfile

    FloatArray = NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class Motion:
    """Where each pixel of the sharp picture is read from, at each sub-frame of the exposure.

    Attributes:
        shift: Translation (sub-frames, 2), x and y in pixels. The middle row is zero: the sharp picture is the middle
            of the exposure.
        warp: (sub-frames, 4): roll, zoom, tilt in x, tilt in y, each in pixels at the picture's corner.
        depth: Factors (height, width) of the shift, mean 1 (parallax), or None where the scene is flat.
        vanishing: Point (x, y) about which roll and zoom act, in pixels.
        passing: Directions (height, width, 2) in which points pass a moving car, with speeds of mean 1; None for no
            such motion.
        advance: Path (sub-frames,) along ``passing``, in pixels.
    """

    shift: FloatArray
    warp: FloatArray
    depth: FloatArray | None
    vanishing: tuple[float, float]
    passing: FloatArray | None = None
    advance: FloatArray | None = None

    def is_still(self, index: int) -> bool:
        """Whether every pixel of a sub-frame is where it is in the sharp picture."""
        driven = self.advance is not None and bool(self.advance[index])
        return not (driven or self.shift[index].any() or self.warp[index].any())

    def maps(self, index: int, height: int, width: int) -> tuple[FloatArray, FloatArray]:
        """Coordinates to read from at one sub-frame, as cv2.remap takes them.

        Args:
            index: Number of the sub-frame, from 0.
            height: Height of the picture in pixels.
            width: Width of the picture in pixels.

        Returns:
            Coordinates x and y, each float32 (height, width).
        """
        x, y = np.meshgrid(np.arange(width, dtype=np.float32), np.arange(height, dtype=np.float32))
        depth = 1.0 if self.depth is None else self.depth
        move_x, move_y = self.shift[index]
        map_x, map_y = x + move_x * depth, y + move_y * depth
        if self.warp[index].any():
            radius = np.float32(np.hypot(width, height) / 2)
            u, v = (x - self.vanishing[0]) / radius, (y - self.vanishing[1]) / radius
            roll, zoom, tilt_x, tilt_y = self.warp[index]
            tilt = tilt_x * u + tilt_y * v
            map_x += zoom * u - roll * v + tilt * u
            map_y += zoom * v + roll * u + tilt * v
        if self.passing is not None and self.advance is not None:
            map_x += self.advance[index] * self.passing[..., 0]
            map_y += self.advance[index] * self.passing[..., 1]
        return map_x.astype(np.float32, copy=False), map_y.astype(np.float32, copy=False)


def smooth_path(rng: Generator, times: NDArray[Any], vibration: float, unsteadiness: float) -> NDArray[np.float64]:
    """A smooth random path through zero at time zero, of length 1.

    A steady velocity, changes of it, and, for shaking hands and engines, an oscillation of random frequency. The
    changes are a Gaussian process with a correlation time of 0.2 to 1.5 exposures: slow ones bend the path, fast ones
    make it dwell and dart.

    Args:
        rng: Source of randomness.
        times: Evenly spaced instants in [-0.5, 0.5], the middle one 0.
        vibration: Amplitude of the oscillation relative to the path.
        unsteadiness: Median deviation of velocity relative to the steady part.

    Returns:
        (len(times), 2) positions.
    """
    angle = rng.uniform(0, 2 * np.pi)
    velocity = np.array([np.cos(angle), np.sin(angle)])
    memory = np.exp(rng.uniform(np.log(0.2), np.log(1.5)))
    strength = unsteadiness * np.exp(rng.normal(0, 0.7))
    covariance = np.exp(-((times[:, None] - times) ** 2) / (2 * memory**2)) + 1e-6 * np.eye(len(times))
    changes = np.cumsum(np.linalg.cholesky(covariance) @ rng.normal(0, strength, (len(times), 2)), axis=0)
    changes *= times[1] - times[0]
    amplitude = rng.normal(0, vibration, 2)
    frequency, phase = rng.uniform(0.7, 2.5), rng.uniform(0, 2 * np.pi, 2)
    t = times[:, None]
    path = velocity * t + changes - changes[len(times) // 2]
    path += amplitude * (np.sin(2 * np.pi * frequency * t + phase) - np.sin(phase))
    length = np.linalg.norm(np.diff(path, axis=0), axis=1).sum()
    result: NDArray[np.float64] = path / max(length, 1e-9)
    return result


def sub_frames(length: float) -> int:
    """An odd number of sub-frames, 5 to 41, about two a pixel of path: finer steps can't be told apart."""
    return min(41, max(5, 2 * round(length) + 1))


def camera_motion(rng: Generator, profile: BlurProfile, length: float, frames: int, height: int, width: int) -> Motion:
    """A camera's motion whose mean path over the picture is ``length``.

    Args:
        rng: Source of randomness.
        profile: Relative strengths of the kinds of motion.
        length: Mean path of a pixel in pixels.
        frames: Number of sub-frames, odd.
        height: Height of the picture in pixels.
        width: Width of the picture in pixels.
    """
    if profile.forward:
        return _driving_motion(rng, profile, length, frames, height, width)
    times = np.linspace(-0.5, 0.5, frames)
    shift = smooth_path(rng, times, profile.vibration, profile.unsteadiness) * profile.shift * rng.uniform(0.3, 1)
    # Most footage has one dominant kind of warp; squaring uniform numbers makes the others small.
    strengths = np.array([profile.roll, profile.zoom, profile.tilt, profile.tilt]) * rng.uniform(-1, 1, 4)
    strengths *= rng.uniform(0, 1, 4)
    warp = (
        np.stack([smooth_path(rng, times, profile.vibration, profile.unsteadiness)[:, 0] for _ in strengths], axis=1)
        * strengths
    )
    # The mean radius is about 2/3 of the corner's, so a warp moves the mean pixel by 2/3 of its value.
    path = np.linalg.norm(np.diff(shift, axis=0), axis=1).sum() + 2 / 3 * np.abs(np.diff(warp, axis=0)).sum(0).max()
    scale = length / max(path, 1e-9)
    depth = _random_depth(rng, profile.parallax, height, width) if profile.parallax else None
    vanishing = (width * rng.uniform(0.2, 0.8), height * rng.uniform(0.2, 0.8))
    return Motion((shift * scale).astype(np.float32), (warp * scale).astype(np.float32), depth, vanishing)


def _driving_motion(
    rng: Generator, profile: BlurProfile, length: float, frames: int, height: int, width: int
) -> Motion:
    """Driving forwards at constant speed, while the car shakes and turns.

    Turning and shaking move near and far alike, so depth acts on the drive alone.
    """
    times = np.linspace(-0.5, 0.5, frames)
    shift = smooth_path(rng, times, profile.vibration, profile.unsteadiness) * profile.shift * rng.uniform(0, 1)
    roll = smooth_path(rng, times, profile.vibration, profile.unsteadiness)[:, 0] * profile.roll * rng.uniform(-1, 1)
    advance = times * profile.forward
    path = np.linalg.norm(np.diff(shift, axis=0), axis=1).sum() + 2 / 3 * np.abs(np.diff(roll)).sum() + profile.forward
    scale = length / max(path, 1e-9)
    depth = _random_depth(rng, profile.parallax, height, width) if profile.parallax else None
    passing = passing_field(rng, height, width, depth, length, profile.longest)
    warp = np.zeros((frames, 4), np.float32)
    warp[:, 0] = roll * scale
    # The camera rolls about its own axis, near the vanishing point; far outside the crop that is translation again,
    # so roll is counted about the crop's middle and translation is left to `shift`.
    middle = (width / 2, height / 2)
    return Motion(
        (shift * scale).astype(np.float32),
        warp,
        None,
        middle,
        passing,
        # Where a point is read from lies behind it: content moves away from the vanishing point.
        (-advance * scale).astype(np.float32),
    )


def object_motion(rng: Generator, profile: BlurProfile, length: float, frames: int) -> Motion:
    """An object's motion: translation and roll, independent of the camera's."""
    times = np.linspace(-0.5, 0.5, frames)
    shift = smooth_path(rng, times, profile.vibration, profile.unsteadiness) * length
    warp = np.zeros((frames, 4), np.float32)
    return Motion(shift.astype(np.float32), warp, None, (0.0, 0.0))


def _random_depth(rng: Generator, parallax: float, height: int, width: int) -> FloatArray:
    """Smooth random factors with mean 1: a few random values, enlarged."""
    grid = rng.uniform(-1, 1, (int(rng.integers(2, 5)), int(rng.integers(2, 5)))).astype(np.float32)
    depth = 1 + parallax * rng.uniform(0, 1) * cv2.resize(grid, (width, height), interpolation=cv2.INTER_CUBIC)
    depth = np.clip(depth, 0.1, 3.0)
    return np.asarray(depth / depth.mean(), np.float32)
