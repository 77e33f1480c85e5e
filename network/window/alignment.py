"""Alignment: a neighbour's planes as they would look from the present frame, by OpenCV on the processor."""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING, Any

import cv2
import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from network.window.motion import Flow


def align(planes: tuple[NDArray[Any], ...], flow: Flow, out: tuple[NDArray[Any], ...]) -> None:
    """Brings a neighbour's luma and chroma onto the present frame, bilinear; outside, the border goes on.

    Args:
        planes: Luma (H, W), and both chroma planes (H / 2, W / 2); uint8, uint16 or float32.
        flow: Flow from the present frame to the neighbour, (H / 4, W / 4, 2), in pixels of its own resolution.
        out: Planes of the same shapes and type, which are overwritten.
    """
    places: dict[tuple[int, ...], NDArray[np.float32]] = {}
    for plane, target in zip(planes, out, strict=True):
        if plane.shape not in places:
            places[plane.shape] = _places(flow, (plane.shape[0], plane.shape[1]))
        # The second map belongs to the first here, and is none: OpenCV's types do not know that.
        none: Any = None
        cv2.remap(plane, places[plane.shape], none, cv2.INTER_LINEAR, target, cv2.BORDER_REPLICATE)


def _places(flow: Flow, shape: tuple[int, int]) -> NDArray[np.float32]:
    """Where each sample of a plane lies in the neighbour's plane, (H, W, 2)."""
    scale = shape[0] / flow.shape[0]
    places = np.asarray(cv2.resize(flow, shape[::-1], interpolation=cv2.INTER_LINEAR), np.float32)
    return np.asarray(cv2.scaleAdd(places, scale, _grid(shape), dst=places), np.float32)


@lru_cache(4)
def _grid(shape: tuple[int, int]) -> NDArray[np.float32]:
    """The place of each sample of a plane in that plane, (H, W, 2): right, down."""
    down, across = np.indices(shape, np.float32)
    grid = np.dstack((across, down))
    grid.setflags(write=False)
    return grid
