"""What kinds of blur to synthesise."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class BlurProfile:
    """How blur is distributed over the pairs. All shares are probabilities in [0, 1].

    Attributes:
        shortest: Shortest path of a pixel during the exposure, in pixels.
        longest: Longest path.
        skew: Path = shortest + (longest - shortest) * u^skew with u uniform; over 1 favours short blur.
        untouched: Share of pairs whose blurred side is the sharp side, so that sharp input stays sharp.
        shift: Relative strength of translation.
        roll: Of rotation about the line of sight.
        zoom: Of motion towards a vanishing point.
        tilt: Of perspective change.
        vibration: Amplitude of a fast oscillation, relative to the path.
        parallax: How much depth scales translation: 0 for a flat scene, 1 for a foreground twice as fast as the mean.
        objects: Share of pairs with objects (up to three) that move on their own.
        defocus: Share of pairs with a mild defocus on top.
        highlights: Share of pairs whose brightest pixels are raised beyond white before blurring.
        noise: Largest standard deviation of sensor noise at mid grey, of the full scale.
        compression: Share of pairs whose blurred side went through JPEG or H.264.
    """

    shortest: float = 1.0
    longest: float = 26.0
    skew: float = 1.3
    untouched: float = 0.1
    shift: float = 1.0
    roll: float = 0.35
    zoom: float = 0.25
    tilt: float = 0.15
    vibration: float = 0.12
    parallax: float = 0.6
    objects: float = 0.4
    defocus: float = 0.25
    highlights: float = 0.3
    noise: float = 0.012
    compression: float = 0.5


PROFILES: dict[str, BlurProfile] = {
    "handheld": BlurProfile(),
    # A forward-driving camera: zoom about a vanishing point, vibration, night highlights.
    "dashcam": BlurProfile(shift=0.4, roll=0.15, zoom=1.0, vibration=0.35, parallax=0.8, highlights=0.5),
}
"""Profiles by name."""
