"""Packed formats, whose rows libswscale may write beyond their end."""

from __future__ import annotations

import av
import numpy as np
import pytest

from network.planes import Matrix
from pipeline.encode.colours import Colours, convert_colours
from pipeline.media.reformatter import Reformatter


@pytest.mark.parametrize("pixel_format", ["uyvy422", "yuyv422"])
def test_every_conversion_gives_the_same_samples(pixel_format: str) -> None:
    """With several threads, about one of 500 such conversions spoiled the first samples of a row."""
    samples = np.random.default_rng(0).integers(16, 235, (100, 66), np.uint8)
    frame = av.VideoFrame.from_ndarray(samples[:50], "gray").reformat(format="yuv422p")
    colours, reformatter = Colours(Matrix.BT601, full_range=False), Reformatter()
    found = {
        bytes(convert_colours(frame, pixel_format, colours, colours, reformatter).planes[0]) for _ in range(20_000)
    }
    assert len(found) == 1
