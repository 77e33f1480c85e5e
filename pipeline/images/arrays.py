"""Pictures as arrays, and the planes that engines take: RGB and grey, without any loss."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from network.planes import Layout, Matrix, PlaneSpec
from pipeline.errors import UsageError

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from network.planes import PlaneBatch

_PLANE_OF_COLOUR = (2, 0, 1)
"""Planes of red, green and blue: RGB planes come as green, blue, red."""


def picture_spec(picture: NDArray[Any]) -> PlaneSpec:
    """What the planes of a picture are.

    Args:
        picture: uint8 or uint16, RGB (H, W, 3) or grey (H, W).

    Raises:
        UsageError: If it is no such array.
    """
    if picture.dtype not in (np.uint8, np.uint16):
        raise UsageError(f"a picture holds uint8 or uint16, not {picture.dtype}; scale it to one of them")
    is_rgb = picture.ndim == 3 and picture.shape[2] == 3
    if not is_rgb and picture.ndim != 2:
        raise UsageError(f"a picture is RGB (H, W, 3) or grey (H, W), not {picture.shape}")
    height, width = picture.shape[:2]
    if not height or not width:
        raise UsageError(f"a picture has at least one pixel, not {width}x{height}")
    return PlaneSpec(
        width,
        height,
        Layout.YUV444P if is_rgb else Layout.GRAY,
        8 * picture.itemsize,
        Matrix.RGB if is_rgb else Matrix.BT709,
        full_range=True,
    )


def empty_picture(spec: PlaneSpec) -> NDArray[Any]:
    """A new array for a picture of a spec, not initialised."""
    colours = () if spec.layout is Layout.GRAY else (3,)
    return np.empty((spec.height, spec.width, *colours), spec.dtype)


def put_picture(picture: NDArray[Any], batch: PlaneBatch, index: int) -> None:
    """Copies a picture into a batch of its spec, at ``index``."""
    if picture.ndim == 2:
        batch.planes[0][index] = picture
        return
    for colour, plane in enumerate(_PLANE_OF_COLOUR):
        batch.planes[plane][index] = picture[..., colour]


def take_picture(batch: PlaneBatch, index: int, out: NDArray[Any]) -> None:
    """Copies the picture at ``index`` of a batch into ``out``, an array like those of :func:`put_picture`."""
    if out.ndim == 2:
        out[...] = batch.planes[0][index]
        return
    for colour, plane in enumerate(_PLANE_OF_COLOUR):
        out[..., colour] = batch.planes[plane][index]
