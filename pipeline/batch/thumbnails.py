"""A small picture out of a video, for a report."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import av
import av.error
import numpy as np

from pipeline.decode.source import SourceOptions, VideoSource
from pipeline.errors import DeblurError

if TYPE_CHECKING:
    from pathlib import Path

    from av.stream import Stream

WIDTH = 320
"""Of a thumbnail in pixels, before it is turned upright."""


def thumbnail(path: Path, seconds: float, options: SourceOptions | None = None) -> bytes | None:
    """A JPEG of the frame that is shown at a time, upright.

    Args:
        path: Of the video.
        seconds: From its beginning.
        options: How the video is read; where it begins and ends is not heeded.

    Returns:
        The JPEG; None if there is no such frame or it can't be decoded.
    """
    options = options or SourceOptions()
    reading = SourceOptions(format=options.format, start=seconds, deinterlace=options.deinterlace)
    try:
        with VideoSource(path, reading) as source:
            frame = next(event for event in source.events() if isinstance(event, av.VideoFrame))
            return _jpeg(frame, source.rotation)
    except (DeblurError, av.error.FFmpegError, OSError, ValueError, StopIteration):
        return None


def _jpeg(frame: av.VideoFrame, rotation: int) -> bytes:
    height = max(round(frame.height * WIDTH / frame.width / 2) * 2, 2)
    picture = frame.reformat(width=WIDTH, height=height, format="rgb24").to_ndarray()
    upright: Any = np.ascontiguousarray(np.rot90(picture, round(rotation / 90)))
    small = av.VideoFrame.from_ndarray(upright, "rgb24").reformat(format="yuvj420p")
    encoder: Any = av.CodecContext.create("mjpeg", "w")
    encoder.width, encoder.height, encoder.pix_fmt = small.width, small.height, "yuvj420p"
    encoder.time_base = frame.time_base
    encoder.color_range = 2
    encoder.options = {"flags": "+qscale", "global_quality": str(4 * 118)}
    packets: list[av.Packet[Stream]] = [*encoder.encode(small), *encoder.encode(None)]
    return b"".join(bytes(packet) for packet in packets)
