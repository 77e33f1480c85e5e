"""Pictures at instants between two real frames, by optical flow."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import cv2
import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    FloatArray = NDArray[np.float32]
    Picture = NDArray[np.uint8]

_RESIDUAL = 12.0
"""Codes by which a pixel and the one that the flow leads to may differ before they count as different things."""

_MOST_DIFFERENT = 0.2
_MOST_INCONSISTENT = 0.4

_SEAM = 2
"""Pixels around an occlusion whose flow is not trusted either: flow is smooth where motion is not."""

_ROUNDS = 4
_MISS = 0.7
"""Pixels by which the search for a point's place in a frame may fail before that frame hardly counts."""


@dataclass(frozen=True, slots=True)
class Step:
    """The motion from one frame to the next.

    Attributes:
        forward: Motion of each pixel of the first frame to the second, float32 (H, W, 2), x and y in pixels.
        backward: Motion of each pixel of the second frame to the first, of the same form.
        path: Mean length of the motion over the pixels, in pixels.
        different: Share of pixels whose code differs from where the flow leads to.
        inconsistent: Share of pixels where flow forward and flow backward do not agree.
    """

    forward: FloatArray
    backward: FloatArray
    path: float
    different: float
    inconsistent: float

    @property
    def holds(self) -> bool:
        """False at a scene cut, a flash, or where the flow has failed: nothing is to be interpolated there."""
        return self.different <= _MOST_DIFFERENT and self.inconsistent <= _MOST_INCONSISTENT


def estimate(first: Picture, second: Picture, border: int = 0) -> Step:
    """Estimates the motion between two frames with DIS optical flow (Kroeger et al. 2016).

    Flow forward and flow backward must agree (Sundaram et al. 2010). Where they don't, a pixel is occluded in the
    other frame, or the flow is wrong; there, and two pixels around, the motion of the nearest pixel that does agree
    stands in.

    Args:
        first: First frame, RGB, uint8 (H, W, 3).
        second: The frame after it.
        border: Width of the border in pixels that does not count for the shares and the path.
    """
    grey_first, grey_second = cv2.cvtColor(first, cv2.COLOR_RGB2GRAY), cv2.cvtColor(second, cv2.COLOR_RGB2GRAY)
    flow = cv2.DISOpticalFlow.create(cv2.DISOPTICAL_FLOW_PRESET_MEDIUM)
    start = np.zeros((*grey_first.shape, 2), np.float32)
    forward = np.asarray(flow.calc(grey_first, grey_second, start.copy()), np.float32)
    backward = np.asarray(flow.calc(grey_second, grey_first, start.copy()), np.float32)
    height, width = grey_first.shape
    inner = np.s_[border : height - border, border : width - border]
    residual = np.abs(read_at(grey_second.astype(np.float32), forward) - grey_first)
    hidden, revealed = _inconsistent(forward, backward), _inconsistent(backward, forward)
    return Step(
        _repaired(forward, hidden),
        _repaired(backward, revealed),
        float(np.linalg.norm(forward[inner], axis=2).mean()),
        float((residual[inner] > _RESIDUAL).mean()),
        float(hidden[inner].mean()),
    )


def between(first: FloatArray, second: FloatArray, step: Step, time: float) -> FloatArray:
    """The picture at an instant between two frames.

    Each pixel moves in a straight line at constant speed. For every point its place in either frame is searched along
    the flow, by iteration, and the two are mixed by nearness in time. Where a frame has no place that moves to the
    point, because something is in front of it there, the other frame alone counts; at the very rim of an occlusion,
    where flow is never exact, a seam of a few pixels may stay mixed.

    Args:
        first: First frame in linear light, float32 (H, W, 3).
        second: The frame after it.
        step: Motion between them.
        time: Time from 0 (the first frame, returned exactly) to 1 (the second, returned exactly).
    """
    if time <= 0:
        return first
    if time >= 1:
        return second
    # A first guess for both (Jiang et al. 2018, equation 4).
    to_first = -(1 - time) * time * step.forward + time**2 * step.backward
    to_second = (1 - time) ** 2 * step.forward - time * (1 - time) * step.backward
    to_first, trust_first = _place(step.forward, time, to_first)
    to_second, trust_second = _place(step.backward, 1 - time, to_second)
    weight_first, weight_second = (1 - time) * trust_first, time * trust_second
    share = (weight_second / (weight_first + weight_second))[..., None]
    one, other = read_at(first, to_first), read_at(second, to_second)
    return np.asarray(one + share * (other - one), np.float32)


def _place(flow: FloatArray, time: float, offset: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Where in a frame the points are that ``flow`` has moved to each pixel after ``time``, and how sure that is.

    Returns:
        Offsets from each pixel, (H, W, 2), and trust over 0 up to 1, (H, W).
    """
    for _ in range(_ROUNDS):
        offset = -np.float32(time) * read_at(flow, offset, cv2.INTER_LINEAR)
    miss = np.linalg.norm(offset + np.float32(time) * read_at(flow, offset, cv2.INTER_LINEAR), axis=2)
    # A small remainder keeps the weights' sum above zero where neither frame has the point.
    return offset, np.asarray(np.exp(-np.square(miss / _MISS)) + 1e-3, np.float32)


def _repaired(flow: FloatArray, wrong: NDArray[np.bool_]) -> FloatArray:
    """The flow with that of the nearest right pixel wherever it is wrong."""
    side = 2 * _SEAM + 1
    mask = cv2.dilate(wrong.astype(np.uint8), np.ones((side, side), np.uint8))
    if not mask.any() or mask.all():
        return flow
    _, labels = cv2.distanceTransformWithLabels(mask, cv2.DIST_L2, 5, labelType=cv2.DIST_LABEL_PIXEL)
    right = np.flatnonzero(mask.ravel() == 0)
    source = np.zeros(int(labels.max()) + 1, np.int64)
    source[labels.ravel()[right]] = right
    return np.asarray(flow.reshape(-1, 2)[source[labels]], np.float32)


def read_at(picture: FloatArray, offset: FloatArray, interpolation: int = cv2.INTER_CUBIC) -> FloatArray:
    """A picture (or map) read at each pixel's place plus an offset; beyond the border it is reflected.

    Args:
        picture: Picture, float32 (H, W) or (H, W, C).
        offset: Offsets, float32 (H, W, 2), x and y in pixels.
        interpolation: OpenCV's kind of interpolation.
    """
    height, width = picture.shape[:2]
    x = np.arange(width, dtype=np.float32) + offset[..., 0]
    y = np.arange(height, dtype=np.float32)[:, None] + offset[..., 1]
    moved = cv2.remap(picture, x, y, interpolation, borderMode=cv2.BORDER_REFLECT_101)
    return np.asarray(moved, np.float32)


def _inconsistent(flow: FloatArray, back: FloatArray) -> NDArray[np.bool_]:
    """Mask of pixels where ``flow`` and then ``back`` do not return to the pixel, or ``flow`` leaves the picture."""
    height, width = flow.shape[:2]
    home = flow + read_at(back, flow)
    allowed = 0.01 * (np.square(flow).sum(2) + np.square(back).sum(2)) + 0.5
    x = np.arange(width, dtype=np.float32) + flow[..., 0]
    y = np.arange(height, dtype=np.float32)[:, None] + flow[..., 1]
    outside = (x < 0) | (x > width - 1) | (y < 0) | (y > height - 1)
    return np.asarray((np.square(home).sum(2) > allowed) | outside)
