"""Frames made to order, and their samples."""

from __future__ import annotations

from fractions import Fraction
from typing import Any

import av
import numpy as np


def make_frame(level: int = 100, size: tuple[int, int] = (64, 48), pixel_format: str = "yuv420p") -> av.VideoFrame:
    """A frame whose luma is ``level`` everywhere."""
    frame = av.VideoFrame(*size, pixel_format)
    for number, plane in enumerate(frame.planes):
        plane.update(bytes([level if number == 0 else 128]) * plane.buffer_size)
    frame.pts, frame.time_base = 0, Fraction(1, 90000)
    return frame


def luma_of(frame: av.VideoFrame) -> int:
    """The luma of the first sample."""
    return int(np.frombuffer(memoryview(frame.planes[0]), np.uint8)[0])


def samples_of(frame: av.VideoFrame) -> list[np.ndarray[Any, Any]]:
    """The samples of each plane, without the padding of the lines, in the file's own bytes."""
    planes = []
    plane: Any
    for plane in frame.planes:
        rows = np.frombuffer(plane, np.uint8).reshape(plane.height, -1)
        bits = max(c.bits for c in frame.format.components)
        samples = 2 if len(frame.planes) == 2 and plane is not frame.planes[0] else 1
        planes.append(rows[:, : plane.width * samples * (1 if bits == 8 else 2)].copy())
    return planes
