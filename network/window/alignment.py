"""Alignment: a neighbour's planes as they would look from the present frame, by OpenCV on the processor."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import cv2
import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from network.window.motion import Flow

_HOW = cv2.INTER_LINEAR | cv2.WARP_RELATIVE_MAP
"""Bilinear, by how far each sample has moved: places would take a grid, and one more pass over as much memory."""


def align(planes: tuple[NDArray[Any], ...], flow: Flow, out: tuple[NDArray[Any], ...]) -> None:
    """Brings a neighbour's luma and chroma onto the present frame, bilinear; outside, the border goes on.

    Args:
        planes: Luma (H, W), and both chroma planes (H / 2, W / 2); uint8, uint16 or float32.
        flow: Flow from the present frame to the neighbour, (H / 4, W / 4, 2), in pixels of its own resolution.
        out: Planes of the same shapes and type, which are overwritten.
    """
    for shape in dict.fromkeys(plane.shape for plane in planes):
        # One size at a time: what is moved by is eight times as large as the plane.
        right, down = (_enlarged(flow[..., axis], (shape[0], shape[1])) for axis in range(2))
        for plane, target in zip(planes, out, strict=True):
            if plane.shape == shape:
                cv2.remap(plane, right, down, _HOW, target, cv2.BORDER_REPLICATE)


def _enlarged(flow: NDArray[np.float32], shape: tuple[int, int]) -> NDArray[np.float32]:
    """How far each sample of a plane has moved one way, in samples of that plane, (H, W)."""
    scale = np.float32(shape[0] / flow.shape[0])
    return np.asarray(cv2.resize(flow * scale, shape[::-1], interpolation=cv2.INTER_LINEAR), np.float32)
