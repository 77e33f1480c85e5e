"""Moving pictures whose motion is known."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import cv2
import numpy as np

from network.planes import Layout, Matrix, PlaneBatch, PlaneSpec

if TYPE_CHECKING:
    from numpy.typing import NDArray


def scene(height: int, width: int, shift: tuple[float, float] = (0, 0), seed: int = 0) -> NDArray[np.float32]:
    """A textured RGB picture in [0, 1], (H, W, 3), seen from a place ``shift`` pixels to the right and down."""
    margin = 48
    coarse = np.random.default_rng(seed).random((height // 6 + margin, width // 6 + margin, 3), np.float32)
    large = cv2.resize(coarse, (width + 2 * margin, height + 2 * margin), interpolation=cv2.INTER_CUBIC)
    places = np.indices((height, width), np.float32)
    across, down = places[1] + margin + shift[0], places[0] + margin + shift[1]
    seen = cv2.remap(large, across, down, cv2.INTER_CUBIC)
    return np.asarray(np.clip(seen, 0, 1), np.float32)


def batch_of(pictures: list[NDArray[np.float32]], spec: PlaneSpec) -> PlaneBatch:
    """RGB pictures as frames of a kind."""
    batch = PlaneBatch.empty(spec, len(pictures))
    for index, picture in enumerate(pictures):
        for plane, made in zip(batch.planes, _planes(picture, spec), strict=True):
            plane[index] = made
    return batch


def _planes(rgb: NDArray[np.float32], spec: PlaneSpec) -> list[NDArray[Any]]:
    unit, most = 1 << (spec.depth - 8), (1 << spec.depth) - 1
    luma_zero, luma_range = (0, most) if spec.full_range else (16 * unit, 219 * unit)
    chroma_range = most if spec.full_range else 224 * unit
    red, green, blue = np.moveaxis(rgb, 2, 0)

    def codes(plane: NDArray[Any], scale: int, zero: int) -> NDArray[Any]:
        whole = np.clip(np.rint(plane * scale + zero), 0, most).astype(np.int64)
        return (whole << spec.code_shift).astype(spec.dtype)

    if spec.matrix is Matrix.RGB:
        return [codes(plane, luma_range, luma_zero) for plane in (green, blue, red)]
    luma = 0.2126 * red + 0.7152 * green + 0.0722 * blue
    planes = [codes(luma, luma_range, luma_zero)]
    if spec.layout is Layout.GRAY:
        return planes
    rows, columns = spec.chroma_size
    halves = [
        codes(cv2.resize(plane, (columns, rows), interpolation=cv2.INTER_AREA), chroma_range, 128 * unit)
        for plane in ((blue - luma) / 1.8556, (red - luma) / 1.5748)
    ]
    return [*planes, np.stack(halves, -1)] if spec.layout is Layout.NV12 else [*planes, *halves]
