"""Pictures and videos whose detail and motion are known."""

from __future__ import annotations

from typing import TYPE_CHECKING

import av
import numpy as np

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

    from numpy.typing import NDArray


class Scene:
    """A random scene of infinite size and known at every point: waves of 5 to 40 pixels.

    Args:
        seed: Seed of the waves.
        tint: Mean code of red, green and blue.
    """

    def __init__(self, seed: int = 0, tint: tuple[float, float, float] = (128, 128, 128)) -> None:
        rng = np.random.default_rng(seed)
        length = 2 ** rng.uniform(np.log2(5), np.log2(40), 24)
        angle = rng.uniform(0, 2 * np.pi, 24)
        self._waves = 2 * np.pi / length * np.array([np.cos(angle), np.sin(angle)])
        self._phase = rng.uniform(0, 2 * np.pi, 24)
        self._height = 0.19 * np.sqrt(length)
        self._tint = np.array(tint)

    def at(self, x: float, y: float, height: int, width: int) -> NDArray[np.float64]:
        """Codes, float64 (height, width, 3), of a window whose upper left corner is at ``x``, ``y``."""
        columns, rows = np.meshgrid(np.arange(width) + x, np.arange(height) + y)
        value = np.zeros((height, width))
        for (wave_x, wave_y), phase, size in zip(self._waves.T, self._phase, self._height, strict=True):
            value += size * np.sin(wave_x * columns + wave_y * rows + phase)
        return np.clip(self._tint + 11 * value[..., None], 0, 255)

    def picture(self, x: float, y: float, height: int, width: int) -> NDArray[np.uint8]:
        """The same as rounded codes."""
        return np.rint(self.at(x, y, height, width)).astype(np.uint8)


def natural_picture(seed: int, side: int = 320) -> NDArray[np.uint8]:
    """A picture with the spectrum of photographs: amplitude falls as 1 / frequency."""
    rng = np.random.default_rng(seed)
    frequency = np.hypot(*np.meshgrid(np.fft.rfftfreq(side), np.fft.fftfreq(side)))
    frequency[0, 0] = 1
    spectra = (np.fft.rfft2(rng.standard_normal((side, side))) / frequency for _ in range(3))
    picture = np.stack([np.fft.irfft2(spectrum, (side, side)) for spectrum in spectra], axis=2)
    codes: NDArray[np.uint8] = np.clip(128 + 45 * picture / picture.std(), 0, 255).astype(np.uint8)
    return codes


def write_video(path: Path, frames: Iterable[NDArray[np.uint8]], skip: Iterable[int] = ()) -> Path:
    """Writes frames: without loss where the name ends in .mkv, else as H.264 with B-frames and keyframes every 12."""
    left_out = set(skip)
    lossless = path.suffix == ".mkv"
    options = {} if lossless else {"movflags": "faststart"}
    with av.open(str(path), "w", container_options=options) as output:
        stream = output.add_stream("ffv1" if lossless else "libx264", rate=25)
        stream.pix_fmt = "bgr0" if lossless else "yuv420p"
        if not lossless:
            stream.options = {"crf": "10", "preset": "veryfast", "g": "12", "bf": "2", "threads": "1"}
        for number, picture in enumerate(frames):
            if number == 0:
                stream.height, stream.width = picture.shape[:2]
            if number in left_out:
                continue
            frame = av.VideoFrame.from_ndarray(picture, format="rgb24")
            frame.pts = number
            output.mux(stream.encode(frame))
        output.mux(stream.encode(None))
    return path
