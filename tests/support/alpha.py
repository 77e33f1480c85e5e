"""Clips with transparency, and their planes, read without this program."""

from __future__ import annotations

from fractions import Fraction
from typing import TYPE_CHECKING, Any

import av
import numpy as np

from pipeline.media.frames import plane_count, plane_rows

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray

_READERS = {"vp8": "libvpx", "vp9": "libvpx-vp9"}


def write_clear_clip(
    path: Path,
    codec: str,
    pixel_format: str,
    *,
    size: tuple[int, int] = (64, 48),
    frames: int = 4,
    options: dict[str, str] | None = None,
) -> Path:
    """Writes moving gradients whose alpha moves the other way, and differs from frame to frame."""
    width, height = size
    with av.open(str(path), "w") as out:
        stream: Any = out.add_stream(codec, rate=25, options=options or {})
        stream.width, stream.height, stream.pix_fmt = width, height, pixel_format
        ramp = np.arange(width)[None] * 2 + np.arange(height)[:, None]
        for number in range(frames):
            frame = av.VideoFrame(width, height, "gbrap")
            for index in range(3):
                plane_rows(frame, index)[...] = (ramp + 4 * number + 30 * index) % 256
            plane_rows(frame, 3)[...] = (255 - ramp - 9 * number) % 256
            frame = frame.reformat(format=pixel_format, threads=1)
            frame.pts, frame.time_base = number, Fraction(1, 25)
            out.mux(stream.encode(frame))
        out.mux(stream.encode(None))
    return path


def read_alpha(path: Path) -> list[NDArray[Any]]:
    """The alpha of each frame, scaled to 16 bits; empty if the file's frames have none."""
    with av.open(str(path)) as file:
        stream = file.streams.video[0]
        name = stream.codec_context.name
        decoder: Any = av.CodecContext.create(_READERS[name], "r") if name in _READERS else stream.codec_context
        frames = [f for packet in file.demux(stream) for f in decoder.decode(packet if packet.size else None)]
    return [_alpha_of(frame) for frame in frames if any(part.is_alpha for part in frame.format.components)]


def _alpha_of(frame: av.VideoFrame) -> NDArray[Any]:
    depth = frame.format.components[0].bits
    if plane_count(frame) == 1:  # packed; libswscale changes no code of the same depth
        frame = frame.reformat(format="gbrap" if depth == 8 else "gbrap16le", threads=1)
    alpha = plane_rows(frame, plane_count(frame) - 1)
    return np.rint(alpha.astype(np.float64) * (65535 / ((1 << depth) - 1))).astype(np.uint16)


def read_colours(path: Path) -> list[NDArray[Any]]:
    """Red, green and blue of each frame, 8 bits."""
    with av.open(str(path)) as file:
        return [frame.to_ndarray(format="rgb24") for frame in file.decode(video=0)]
