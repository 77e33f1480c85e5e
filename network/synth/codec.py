"""What codecs do to a window: H.264 with P- and B-frames, and MJPEG."""

from __future__ import annotations

import io
from typing import TYPE_CHECKING

import av
import cv2
import numpy as np

from network.data.planes import split

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.random import Generator

    from network.data.planes import Frame

_PRESETS = {"ultrafast": 0.3, "superfast": 0.2, "veryfast": 0.4, "medium": 0.1}
"""Presets of x264 and the share of each."""

_MJPEG = 0.11
"""Share of MJPEG among what is compressed; webcams and old dashcams write it."""


def compressed(rng: Generator, frames: Sequence[Frame]) -> list[Frame]:
    """Consecutive frames after a codec of random quality.

    Args:
        rng: Source of randomness.
        frames: Planes, uint8 (3 H / 2, W) each, H and W even.
    """
    if rng.random() < _MJPEG:
        quality = int(rng.integers(60, 96))
        return [_as_jpeg(frame, quality) for frame in frames]
    options = {
        "crf": str(int(rng.integers(17, 32))),
        "preset": str(rng.choice(list(_PRESETS), p=list(_PRESETS.values()))),
        "bf": str(int(rng.integers(2))),
        "rc-lookahead": "3",
        "threads": "1",  # processes work side by side
    }
    return _as_h264(frames, options)


def _as_h264(frames: Sequence[Frame], options: dict[str, str]) -> list[Frame]:
    content = io.BytesIO()
    with av.open(content, "w", format="nut") as container:
        stream = container.add_stream("libx264", rate=30, options=options)
        rows, stream.width = frames[0].shape
        stream.height, stream.pix_fmt = rows * 2 // 3, "yuv420p"
        for frame in frames:
            container.mux(stream.encode(av.VideoFrame.from_ndarray(frame, format="yuv420p")))
        container.mux(stream.encode(None))
    content.seek(0)
    with av.open(content, "r") as container:
        container.streams.video[0].codec_context.thread_count = 1
        return [np.asarray(frame.to_ndarray(format="yuv420p"), np.uint8) for frame in container.decode(video=0)]


def _as_jpeg(frame: Frame, quality: int) -> Frame:
    """Each plane coded as a grey picture: full range and limited range lose alike, and no colours are converted."""
    coded = np.empty_like(frame)
    luma, chroma = split(frame)
    new_luma, new_chroma = split(coded)
    for plane, target in ((luma, new_luma), *zip(chroma, new_chroma, strict=True)):
        _, data = cv2.imencode(".jpg", np.ascontiguousarray(plane), [cv2.IMWRITE_JPEG_QUALITY, quality])
        target[...] = cv2.imdecode(data, cv2.IMREAD_GRAYSCALE)
    return coded
