"""Frames that move, and kinds of frames that a network over time sees."""

from __future__ import annotations

import numpy as np

from network.planes import Layout, Matrix, PlaneBatch, PlaneSpec

SPECS = [
    *(PlaneSpec(150, 118, layout, depth) for layout in Layout for depth in (8, 10)),
    PlaneSpec(149, 117),
    PlaneSpec(149, 117, Layout.NV12, 10, full_range=True),
    PlaneSpec(149, 117, Layout.YUV422P, 12),
    PlaneSpec(149, 117, Layout.YUV444P, 16),
    PlaneSpec(149, 117, Layout.YUV444P, 8, Matrix.RGB, full_range=True),
    PlaneSpec(150, 118, Layout.YUV444P, 10, Matrix.RGB),
    PlaneSpec(150, 118, depth=16, full_range=True),
]


def moving_frames(spec: PlaneSpec, frames: int, step: tuple[int, int] = (3, -2)) -> PlaneBatch:
    """Smooth noise that moves by ``step`` pixels of luma, right and down, from frame to frame."""
    batch, random = PlaneBatch.empty(spec, frames), np.random.default_rng(6)
    top = (1 << spec.depth) - 1
    for plane in batch.planes:
        height, width = plane.shape[1:3]
        channels = plane.shape[3:]
        across, down = (
            -(-length * shift // full)
            for length, shift, full in zip((width, height), step, (spec.width, spec.height), strict=True)
        )
        room = 8 * frames
        coarse = random.random((height // 12 + room, width // 12 + room, *channels))
        large = np.repeat(np.repeat(coarse, 12, 0), 12, 1)
        for axis in (0, 1):
            for _ in range(8):
                large = (large + np.roll(large, 1, axis) + np.roll(large, -1, axis)) / 3
        for index in range(frames):
            rows, columns = (4 * frames + index * shift for shift in (down, across))
            part = large[rows : rows + height, columns : columns + width]
            plane[index] = (0.1 + 0.8 * part) * top
            plane[index] <<= spec.code_shift
    return batch
