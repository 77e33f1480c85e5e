"""One window of three frames, from the exposures of a scene to what a pool holds."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from network.data.windows import aligned
from network.synth.codec import compressed

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.random import Generator
    from numpy.typing import NDArray

    from network.data.planes import Frame
    from network.data.windows import Flows, Frames
    from network.synth.camera import Camera
    from network.synth.profile import BlurProfile

    FloatArray = NDArray[np.float32]
    Light = tuple[FloatArray, FloatArray, FloatArray]

DURATIONS = (1.0, 0.9)
"""Exposures, in frame intervals, that are common: cameras in dim light expose as long as they can."""

_SHORTEST_EXPOSURE, _LONGEST_SHORT_EXPOSURE = 0.02, 0.25


@dataclass(frozen=True, slots=True, eq=False)
class Window:
    """Three frames as a camera recorded them, not aligned, and what the present one should be.

    Attributes:
        previous: Planes of the frame before, uint8 (3 H / 2, W); None where it is missing.
        present: Planes of the present frame.
        following: Planes of the frame after; None where it is missing.
        sharp: Planes of the present frame without blur, noise and compression.
    """

    previous: Frame | None
    present: Frame
    following: Frame | None
    sharp: Frame

    def packed(self) -> tuple[Frames, Flows]:
        """The window as pools hold it: uint8 (4, 3 H / 2, W) and float16 (4, H / 4, W / 4)."""
        frames, flows = aligned(self.previous, self.present, self.following)
        return np.concatenate((frames, self.sharp[None])), flows


def random_duration(rng: Generator) -> float:
    """Draws an exposure of a quarter of the frame interval or more, in frame intervals."""
    draw = rng.random()
    return DURATIONS[0] if draw < 0.35 else DURATIONS[1] if draw < 0.5 else float(rng.uniform(0.25, 1))


def short_duration(rng: Generator) -> float:
    """Draws an exposure so short that motion leaves a frame sharp, in frame intervals."""
    return float(np.exp(rng.uniform(np.log(_SHORTEST_EXPOSURE), np.log(_LONGEST_SHORT_EXPOSURE))))


def recorded(
    rng: Generator,
    camera: Camera,
    exposures: Light,
    sharp: FloatArray,
    profile: BlurProfile,
    other_scene: Callable[[], Frame],
) -> Window:
    """What a camera records of three exposures.

    Args:
        rng: Source of randomness.
        camera: The camera.
        exposures: Linear light of the previous, the present and the next frame, (H, W, 3) each.
        sharp: Linear light at the middle of the present exposure.
        profile: Shares of compression and of missing neighbours.
        other_scene: Function that makes a frame of something else, for a cut.
    """
    frames = [camera.photograph(rng, light, is_neighbour=place != 1) for place, light in enumerate(exposures)]
    if rng.random() < profile.compression:
        frames = compressed(rng, frames)
    neighbours: list[Frame | None] = [frames[0], frames[2]]
    if rng.random() < profile.missing:
        draw = rng.random()
        if draw < 0.35:
            neighbours = [None, None]
        elif draw < 0.85:
            neighbours[int(rng.integers(2))] = None
        else:
            neighbours[int(rng.integers(2))] = other_scene()
    return Window(neighbours[0], frames[1], neighbours[1], camera.ideal(sharp))
