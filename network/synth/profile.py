"""The kinds of blur to synthesise."""

from __future__ import annotations

from dataclasses import dataclass, fields

from network.errors import DataError

_SHARES = frozenset({"untouched", "objects", "defocus", "highlights", "lamps", "compression"})


@dataclass(frozen=True, slots=True)
class BlurProfile:
    """Distribution of the blur over the pairs. All shares are probabilities in [0, 1].

    Attributes:
        shortest: Shortest path of a pixel during the exposure, in pixels.
        longest: Longest path, in pixels.
        skew: Exponent of the path: path = shortest + (longest - shortest) * u^skew with u uniform; over 1 favours short
            blur.
        untouched: Share of pairs whose blurred side is the sharp side, so that sharp input stays sharp.
        shift: Relative strength of translation.
        roll: Relative strength of rotation about the line of sight.
        zoom: Relative strength of motion towards a vanishing point.
        tilt: Relative strength of perspective change.
        forward: Relative strength of driving forwards: motion away from a vanishing point near the upper middle of a
            whole frame of which the pair is a crop, the faster the nearer the thing; see
            :mod:`network.synth.driving`.
        unsteadiness: Amount by which velocity changes during the exposure, relative to its mean: 0 draws straight
            strokes of constant speed; at 1 a stroke may bend, or dwell at a point and then dart off.
        vibration: Amplitude of a fast oscillation, relative to the path.
        parallax: Amount by which depth scales translation: 0 for a flat scene, 1 for a foreground twice as fast as the
            mean.
        objects: Share of pairs with objects (up to three) that move on their own.
        defocus: Share of pairs with a mild defocus on top.
        highlights: Share of pairs whose brightest pixels are raised beyond white before blurring.
        lamps: Share of pairs that are darkened to night and get bright lamps, which leave trails.
        steepness: Largest power of sRGB's light that a camera averages, at least 1; every pair draws one. Two clips of
            REDS show 1.7 (``benchmarks/response.py``).
        noise: Largest standard deviation of sensor noise at mid grey, of the full scale.
        compression: Share of pairs whose blurred side went through JPEG or H.264.

    Raises:
        DataError: If a share is not within [0, 1], a strength is negative or no number, or ``longest`` is less than
            ``shortest``, or ``steepness`` less than 1.
    """

    shortest: float = 1.0
    longest: float = 26.0
    skew: float = 1.3
    untouched: float = 0.1
    shift: float = 1.0
    roll: float = 0.35
    zoom: float = 0.25
    tilt: float = 0.15
    forward: float = 0.0
    unsteadiness: float = 0.7
    vibration: float = 0.12
    parallax: float = 0.6
    objects: float = 0.4
    defocus: float = 0.25
    highlights: float = 0.3
    lamps: float = 0.0
    steepness: float = 2.0
    noise: float = 0.012
    compression: float = 0.5

    def __post_init__(self) -> None:
        """Refuses values out of their range."""
        for field in fields(self):
            value = getattr(self, field.name)
            most = 1.0 if field.name in _SHARES else float("inf")
            if not 0 <= value <= most or value == float("inf"):
                allowed = "from 0 to 1" if field.name in _SHARES else "0 or more"
                raise DataError(f"{field.name} must be {allowed}, not {value:g}")
        if self.steepness < 1:
            raise DataError(f"steepness must be 1 or more, not {self.steepness:g}")
        if self.longest < self.shortest:
            raise DataError(f"longest must be at least shortest, {self.shortest:g}, not {self.longest:g}")


PROFILES: dict[str, BlurProfile] = {
    "handheld": BlurProfile(),
    # A forward-driving camera: the road rushes past, the car shakes and turns, lamps shine at night.
    "dashcam": BlurProfile(
        shift=0.25,
        roll=0.1,
        zoom=0.0,
        tilt=0.0,
        forward=1.0,
        vibration=0.35,
        parallax=0.5,
        highlights=0.5,
        lamps=0.25,
    ),
}
"""Profiles by name."""
