"""What a camera does to a picture besides motion: tone, noise, defocus, compression."""

from __future__ import annotations

import io
from typing import TYPE_CHECKING

import av
import cv2
import numpy as np

from network.synth.render import to_codes, to_srgb_light

if TYPE_CHECKING:
    from numpy.random import Generator
    from numpy.typing import NDArray

    from network.synth.profile import BlurProfile

    FloatArray = NDArray[np.float32]
    Picture = NDArray[np.uint8]


def highlight_gain(rng: Generator) -> tuple[np.float32, np.float32]:
    """Draws from which light on highlights are raised (0.6 to 0.95), and how much (2 to 8 times)."""
    return np.float32(rng.uniform(0.6, 0.95)), np.float32(rng.uniform(2, 8))


def raised(threshold: np.float32, gain: np.float32, scene: FloatArray) -> FloatArray:
    """Scales light above a threshold, so that lamps and skies saturate as they do before a real sensor.

    Args:
        threshold: Linear light above which light is scaled, below 1.
        gain: Linear light that white becomes.
        scene: Scene in linear light, (H, W, 3).
    """
    above = scene + np.maximum(scene - threshold, 0) * (gain - 1) / (1 - threshold)
    return np.asarray(above, np.float32)


def defocus(rng: Generator, linear: FloatArray) -> FloatArray:
    """A mild Gaussian blur of 0.3 to 1.0 pixels."""
    return np.asarray(cv2.GaussianBlur(linear, (0, 0), rng.uniform(0.3, 1.0)), np.float32)


def sensor_noise(rng: Generator, linear: FloatArray, strength: float) -> FloatArray:
    """Adds Poisson-Gaussian noise: variance grows with light, over a floor.

    Args:
        rng: Source of randomness.
        linear: Picture in linear light, (H, W, 3).
        strength: Standard deviation at mid grey of the full scale.
    """
    deviation = strength * np.sqrt(0.15 + 0.85 * np.clip(linear, 0, 1) / 0.5)
    noise = rng.standard_normal(linear.shape, np.float32)
    return np.asarray(linear + noise * deviation, np.float32)


def develop(linear: FloatArray, contrast: float) -> FloatArray:
    """Tone curve and sRGB: codes in [0, 255], float32.

    Args:
        linear: Picture in linear light, (H, W, 3).
        contrast: Contrast, 0 to 1: 0 is plain sRGB; more blends in a smooth S-curve, as cameras apply it.
    """
    codes = to_codes(linear)
    if contrast:
        x = codes / 255
        codes = np.asarray(((1 - contrast) * x + contrast * x * x * (3 - 2 * x)) * 255, np.float32)
    return codes


def quantised(codes: FloatArray) -> Picture:
    """Rounded 8-bit codes."""
    result: Picture = np.clip(np.rint(codes), 0, 255).astype(np.uint8)
    return result


def compressed(rng: Generator, picture: Picture) -> Picture:
    """The picture after JPEG or one intra frame of H.264, of random quality.

    Args:
        rng: Source of randomness.
        picture: Picture, RGB (H, W, 3), of even height and width.
    """
    if rng.random() < 0.6:
        quality = int(rng.integers(65, 97))
        _, data = cv2.imencode(".jpg", picture[..., ::-1], [cv2.IMWRITE_JPEG_QUALITY, quality])
        decoded = np.asarray(cv2.imdecode(data, cv2.IMREAD_COLOR), np.uint8)
        return np.ascontiguousarray(decoded[..., ::-1])
    return _h264(picture, int(rng.integers(16, 29)))


def _h264(picture: Picture, crf: int) -> Picture:
    height, width = picture.shape[:2]
    stream_file = io.BytesIO()
    with av.open(stream_file, "w", format="nut") as container:
        stream = container.add_stream(
            "libx264",
            rate=30,
            options={"crf": str(crf), "preset": "ultrafast", "tune": "zerolatency", "threads": "1"},
        )
        stream.width, stream.height, stream.pix_fmt = width, height, "yuv420p"
        frame = av.VideoFrame.from_ndarray(picture, format="rgb24")
        for packet in (*stream.encode(frame), *stream.encode(None)):
            container.mux(packet)
    stream_file.seek(0)
    with av.open(stream_file, "r") as container:
        return np.asarray(next(container.decode(video=0)).to_ndarray(format="rgb24"), np.uint8)


def steepness(rng: Generator, profile: BlurProfile) -> float:
    """Draws how much steeper than sRGB a camera's response is: see :func:`network.synth.render.to_linear`."""
    return float(rng.uniform(1, profile.steepness))


def photograph(
    rng: Generator, blurred: FloatArray, sharp: FloatArray, profile: BlurProfile, response: float
) -> tuple[Picture, Picture]:
    """Both sides of a pair through the same tone curve; defocus, noise and compression on the blurred side alone.

    Args:
        rng: Source of randomness.
        blurred: Blurred side in linear light, (H, W, 3).
        sharp: Sharp side in linear light, of the same shape.
        profile: Profile with shares and strengths.
        response: The ``steepness`` by which both were made linear.

    Returns:
        Blurred and sharp picture, uint8 RGB.
    """
    contrast = rng.uniform(0, 0.6) if rng.random() < 0.5 else 0.0
    if rng.random() < profile.defocus:
        blurred = defocus(rng, blurred)
    # Noise comes after: a power's slope has no bound at black, where a real response is cut off.
    blurred, sharp = (to_srgb_light(light, response) for light in (blurred, sharp))
    if rng.random() < 0.6:
        blurred = sensor_noise(rng, blurred, profile.noise * rng.uniform(0, 1) ** 2)
    picture = quantised(develop(blurred, contrast))
    if rng.random() < profile.compression:
        picture = compressed(rng, picture)
    return picture, quantised(develop(sharp, contrast))
