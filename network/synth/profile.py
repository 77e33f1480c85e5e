"""The kinds of motion and blur to synthesise."""

from __future__ import annotations

import math
from dataclasses import dataclass, fields

from network.errors import DataError

_LONG = 0.28
"""Share of the moving windows whose blur is in the upper two thirds of the range."""


@dataclass(frozen=True, slots=True)
class BlurProfile:
    """Distribution of the blur over the windows. All but the lengths, ``steepness`` and ``noise`` are shares, 0 to 1.

    Attributes:
        shortest: Shortest path of a pixel during the exposure, in pixels.
        longest: Longest path, in pixels. Most paths are in the lowest third of the range.
        still: Share of windows whose camera does not move.
        short_exposures: Share of windows with an exposure so short that motion leaves the frames sharp.
        driving: Share of the moving windows that a forward-driving camera sees; see :mod:`network.synth.driving`.
        objects: Share of windows with one object or two that move on their own.
        night: Share of windows at night: dark, noisy, with lamps that leave trails.
        highlights: Share of the other windows whose brightest pixels are raised beyond white before blurring.
        steepness: Largest power of sRGB's light that a camera averages, at least 1; every window draws one. Two clips
            of REDS show 1.7 (``benchmarks/response.py``).
        defocus: Share of windows with a slight softness on top.
        noise: Largest standard deviation of the sensor's noise by day, in codes of 255; twice that at night.
        processing: Share of windows whose camera takes noise away and sharpens.
        text: Share of windows with text that moves with the scene; half as many have text that stays in place.
        compression: Share of windows that went through H.264 or MJPEG.
        missing: Share of windows that lack a neighbour, or see another scene there.

    Raises:
        DataError: If a share is not within [0, 1], a number is negative or none, ``longest`` is less than
            ``shortest``, or ``steepness`` less than 1.
    """

    shortest: float = 1.0
    longest: float = 45.0
    still: float = 0.11
    short_exposures: float = 0.15
    driving: float = 0.08
    objects: float = 0.35
    night: float = 0.12
    highlights: float = 0.25
    steepness: float = 1.9
    defocus: float = 0.12
    noise: float = 5.0
    processing: float = 0.25
    text: float = 0.06
    compression: float = 0.62
    missing: float = 0.15

    def __post_init__(self) -> None:
        """Refuses values out of their range."""
        for field in fields(self):
            value = getattr(self, field.name)
            is_share = field.name not in {"shortest", "longest", "steepness", "noise"}
            if not 0 <= value <= (1.0 if is_share else math.inf) or value == math.inf:
                allowed = "from 0 to 1" if is_share else "0 or more"
                raise DataError(f"{field.name} must be {allowed}, not {value:g}")
        if self.steepness < 1:
            raise DataError(f"steepness must be 1 or more, not {self.steepness:g}")
        if self.longest < self.shortest:
            raise DataError(f"longest must be at least shortest, {self.shortest:g}, not {self.longest:g}")

    @property
    def border(self) -> int:
        """Pixels around a window into which its camera may move during the three exposures."""
        return math.ceil(1.7 * self.longest) + 4

    def length(self, draw: float, share: float) -> float:
        """Length of a path in pixels.

        Args:
            draw: Random number in [0, 1) that decides whether the path is long.
            share: Random number in [0, 1) that decides where in its part of the range it is.
        """
        third = self.shortest + (self.longest - self.shortest) / 3
        low, high = (third, self.longest) if draw < _LONG else (self.shortest, third)
        return low + (high - low) * share


PROFILES: dict[str, BlurProfile] = {
    "handheld": BlurProfile(),
    "dashcam": BlurProfile(driving=0.8, objects=0.2, night=0.25, highlights=0.4),
}
"""Profiles by name."""
