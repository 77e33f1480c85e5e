"""Frames that come by DLPack: the same samples as by the processor's own way, wherever they are."""

from __future__ import annotations

import av
import numpy as np
import pytest
import torch

from network.planes import PlaneBatch, PlaneSpec
from pipeline.media.frames import read_planes, spec_of
from trt.staging import StagedBatch

CPU = torch.device("cpu")


def frame(pixel_format: str, seed: int = 0, size: tuple[int, int] = (100, 62)) -> av.VideoFrame:
    """Noise, in lines that are longer than the picture is wide."""
    made = av.VideoFrame(*size, pixel_format)
    rng = np.random.default_rng(seed)
    for plane in made.planes:
        plane.update(rng.integers(0, 256, plane.buffer_size, dtype=np.uint8).tobytes())
    return made


def staged(spec: PlaneSpec, batch: int) -> StagedBatch:
    return StagedBatch(spec, PlaneBatch.empty(spec, batch).planes)


@pytest.mark.parametrize(
    "pixel_format", ["yuv420p", "yuv422p", "yuv444p", "nv12", "gray", "gbrp", "yuv420p10le", "p010le", "gray12le"]
)
def test_planes_are_those_that_the_processor_would_read(pixel_format: str) -> None:
    spec, _ = spec_of(frame(pixel_format))
    batch, expected = staged(spec, 3), PlaneBatch.empty(spec, 3)
    for index in range(3):
        made = frame(pixel_format, seed=index)
        assert made.planes[0].line_size > made.planes[0].width * spec.dtype.itemsize  # there are gaps between lines
        batch.load(made.planes, index, CPU)
        read_planes(made, expected, index)
        for plane in made.planes:
            plane.update(bytes(plane.buffer_size))  # the decoder may write over the frame at once
    for loaded, plane in zip(batch.take(), expected.planes, strict=True):
        np.testing.assert_array_equal(loaded.numpy(), plane)


def test_what_came_last_counts() -> None:
    spec, _ = spec_of(frame("yuv420p"))
    batch = staged(spec, 1)
    for plane in batch.planes:
        plane[...] = 1
    assert all((plane == 1).all() for plane in batch.take())
    batch.load(frame("yuv420p").planes, 0, CPU)
    assert not all((plane == 1).all() for plane in batch.take())
    assert all((plane == 1).all() for plane in batch.take())


def test_planes_that_do_not_fit_are_refused() -> None:
    spec, _ = spec_of(frame("yuv420p"))
    batch = staged(spec, 1)
    with pytest.raises(RuntimeError):
        batch.load(frame("yuv420p", size=(64, 32)).planes, 0, CPU)
    with pytest.raises(RuntimeError):
        batch.load(frame("nv12").planes, 0, CPU)
    with pytest.raises(ValueError, match="zip"):
        batch.load(frame("gray").planes, 0, CPU)
    assert all(plane.shape[0] == 1 for plane in batch.take())
