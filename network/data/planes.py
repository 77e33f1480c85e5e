"""Pictures as the planes that training windows hold: 4:2:0, 8 bits, limited range, in one array.

A frame is uint8 (3 H / 2, W): H rows of luma, then both chroma planes, each of H / 2 times W / 2 samples, one after the
other. This is FFmpeg's ``yuv420p`` and OpenCV's I420 without padding.
"""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING

import cv2
import numpy as np

from network.colour import code_ranges, forward_matrix
from network.planes import Matrix

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Frame = NDArray[np.uint8]
    Picture = NDArray[np.uint8]
    FloatArray = NDArray[np.float32]

_CODES = code_ranges(8, full_range=False)

BLACK, LUMA_RANGE = _CODES.luma_zero, _CODES.luma_range
"""Code of black, and codes from black to white."""

NO_COLOUR, CHROMA_RANGE = _CODES.chroma_zero, _CODES.chroma_range
"""Code of no colour, and codes from the least to the greatest chroma."""


def to_frame(picture: FloatArray, matrix: Matrix = Matrix.BT709) -> Frame:
    """A picture as a frame of planes; chroma is averaged down.

    Args:
        picture: RGB in [0, 1], float32 (H, W, 3), H and W even.
        matrix: Matrix between RGB and the planes.

    Returns:
        Planes, uint8 (3 H / 2, W).
    """
    height, width = picture.shape[:2]
    components = np.asarray(cv2.transform(picture, _forward(matrix)), np.float32)
    frame = np.empty((height * 3 // 2, width), np.uint8)
    luma, chroma = split(frame)
    luma[...] = _rounded(components[..., 0])
    halves = cv2.resize(components[..., 1:], (width // 2, height // 2), interpolation=cv2.INTER_AREA)
    for plane, half in zip(chroma, np.moveaxis(halves, 2, 0), strict=True):
        plane[...] = _rounded(half)
    return frame


def to_picture(frame: Frame, matrix: Matrix = Matrix.BT709) -> Picture:
    """A frame of planes as a picture, to look at and to score; chroma is enlarged bilinearly.

    Args:
        frame: Planes, uint8 (3 H / 2, W).
        matrix: Matrix between RGB and the planes.

    Returns:
        RGB, uint8 (H, W, 3).
    """
    luma, chroma = split(frame)
    height, width = luma.shape
    planes = [luma, *(cv2.resize(plane, (width, height), interpolation=cv2.INTER_LINEAR) for plane in chroma)]
    forward = _forward(matrix)
    backward = np.linalg.inv(forward[:, :3])
    codes = np.dstack(planes).astype(np.float32)
    picture = np.asarray(cv2.transform(codes, np.column_stack((backward, -backward @ forward[:, 3]))), np.float32)
    return _rounded(picture * 255)


def split(frames: Frame) -> tuple[Frame, Frame]:
    """Views of the planes of frames.

    Args:
        frames: One frame or more, uint8 (..., 3 H / 2, W).

    Returns:
        Luma (..., H, W) and both chroma planes (..., 2, H / 2, W / 2).
    """
    rows, width = frames.shape[-2:]
    height = rows * 2 // 3
    chroma = frames[..., height:, :].reshape(*frames.shape[:-2], 2, height // 2, width // 2)
    return frames[..., :height, :], chroma


def _rounded(codes: FloatArray) -> Frame:
    result: Frame = np.clip(np.rint(codes), 0, 255).astype(np.uint8)
    return result


@cache
def _forward(matrix: Matrix) -> NDArray[np.float64]:
    """(3, 4): from RGB and 1 to codes."""
    ranges = np.array([[LUMA_RANGE], [CHROMA_RANGE], [CHROMA_RANGE]])
    return np.column_stack((ranges * forward_matrix(matrix), [BLACK, NO_COLOUR, NO_COLOUR]))
