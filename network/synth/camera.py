"""What a camera does to a picture besides motion: response, noise, processing, tone, text, and planes."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import cv2
import numpy as np

from network.data.planes import to_frame
from network.planes import Matrix
from network.synth.light import CODES, to_codes_quickly
from network.synth.text import write_caption

if TYPE_CHECKING:
    from numpy.random import Generator
    from numpy.typing import NDArray

    from network.data.planes import Frame
    from network.synth.profile import BlurProfile

    FloatArray = NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class Camera:
    """One camera and its settings.

    Attributes:
        steepness: Its response, see :func:`network.synth.light.to_linear`.
        softness: Standard deviation of its lens's blur in pixels; 0 for none.
        noise: Standard deviation of its noise at white, of the full scale.
        denoising: Standard deviation of the Gaussian by which it takes noise away; 0 for none.
        sharpening: By how much it sharpens; 0 for none.
        contrast: Its tone curve: 0 is none, more blends in a smooth S.
        flicker: Standard deviation of the logarithm of brightness from frame to frame.
        caption: Seed of a text that it burns in; None for none.
        matrix: Matrix of its planes.
    """

    steepness: float
    softness: float
    noise: float
    denoising: float
    sharpening: float
    contrast: float
    flicker: float
    caption: int | None
    matrix: Matrix

    def photograph(self, rng: Generator, light: FloatArray, *, is_neighbour: bool) -> Frame:
        """A frame as the camera records it.

        Args:
            rng: Source of randomness.
            light: Linear light that the sensor gathered, (H, W, 3).
            is_neighbour: Whether the frame's brightness may differ from that of the present one.
        """
        if self.softness:
            light = np.asarray(cv2.GaussianBlur(light, (0, 0), self.softness), np.float32)
        if is_neighbour and self.flicker:
            light = light * np.float32(np.exp(rng.normal(0, self.flicker)))
        picture = to_codes_quickly(light, self.steepness)
        if self.noise:
            spread = np.sqrt(0.3 + 0.7 * picture) * np.float32(self.noise)
            picture += rng.standard_normal(picture.shape, np.float32) * spread
        if self.denoising and self.noise:
            picture = np.asarray(cv2.GaussianBlur(picture, (0, 0), 0.8 * self.denoising), np.float32)
        if self.sharpening:
            smooth = np.asarray(cv2.GaussianBlur(picture, (0, 0), self.denoising + 0.3), np.float32)
            picture = picture + np.float32(self.sharpening) * (picture - smooth)
        return self._finished(picture)

    def ideal(self, light: FloatArray) -> Frame:
        """The frame that a perfect camera would have recorded of the same scene: with its tone and text alone."""
        return self._finished(to_codes_quickly(light, self.steepness))

    def _finished(self, picture: FloatArray) -> Frame:
        picture = np.clip(picture, 0, 1)
        if self.contrast:
            picture = picture + np.float32(self.contrast) * picture * (picture * (3 - 2 * picture) - 1)
        if self.caption is not None:
            picture = write_caption(np.random.default_rng(self.caption), picture)
        return to_frame(picture, self.matrix)


def random_camera(rng: Generator, profile: BlurProfile, *, at_night: bool) -> Camera:
    """Draws a camera.

    Args:
        rng: Source of randomness.
        profile: Shares and strengths.
        at_night: Whether it is dark, and the sensor's noise amplified.
    """
    # As many draws whatever the shares: a window differs from that of another profile by what the profiles differ in.
    kind, steep = rng.random(), rng.uniform(1, profile.steepness)
    noise = profile.noise * (2 if at_night else 1) / 255 * rng.uniform(0, 1) ** 2
    is_noisy, is_soft, processes, has_curve, flickers, has_caption, is_sd = rng.random(7) < (
        *(0.9 if at_night else 0.6, profile.defocus, profile.processing),
        *(0.3, 0.1, profile.text / 2, 0.3),
    )
    softness, denoising, sharpening = rng.uniform(0.3, 0.9), rng.uniform(0.4, 1.2), rng.uniform(0.2, 1.0)
    contrast, flicker, caption = rng.uniform(0, 0.5), rng.uniform(0.02, 0.2), int(rng.integers(1 << 30))
    return Camera(
        steepness=CODES if kind < 0.3 else steep if kind < 0.8 else 1.0,
        softness=softness if is_soft else 0.0,
        noise=noise if is_noisy else 0.0,
        denoising=denoising if processes else 0.0,
        sharpening=sharpening if processes else 0.0,
        contrast=contrast if has_curve else 0.0,
        flicker=flicker if flickers else 0.0,
        caption=caption if has_caption else None,
        matrix=Matrix.BT601 if is_sd else Matrix.BT709,
    )


def random_highlights(rng: Generator) -> tuple[float, float]:
    """Draws from which light on highlights are raised (0.6 to 0.95), and what white becomes (2 to 6)."""
    return rng.uniform(0.6, 0.95), rng.uniform(2, 6)


def raised(highlights: tuple[float, float], light: FloatArray) -> FloatArray:
    """Scales the brightest light, so that lamps and skies saturate as they do before a real sensor.

    Args:
        highlights: Light above which it is scaled, and light that white becomes.
        light: Linear light, (H, W, 3).
    """
    threshold, white = highlights
    above = np.maximum(light - np.float32(threshold), 0)
    return np.asarray(light + above * np.float32((white - 1) / (1 - threshold)), np.float32)
