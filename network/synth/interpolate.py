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
_MOST_INCONSISTENT = 0.5


@dataclass(frozen=True, slots=True)
class Step:
    """The motion from one frame to the next.

    Attributes:
        forward: Where each pixel of the first frame goes, float32 (H, W, 2), x and y in pixels.
        backward: Where each pixel of the second frame comes from, likewise.
        hidden: Of the first frame, 1 where a pixel is not seen in the second (occluded, or out of the picture), 0
            elsewhere, float32 (H, W).
        revealed: Of the second frame, 1 where a pixel is not seen in the first, likewise.
        path: Mean length of the motion over the pixels, in pixels.
        different: Share of pixels whose code differs from where the flow leads to.
    """

    forward: FloatArray
    backward: FloatArray
    hidden: FloatArray
    revealed: FloatArray
    path: float
    different: float

    @property
    def holds(self) -> bool:
        """False at a scene cut, a flash, or where the flow has failed: nothing is to be interpolated there."""
        return self.different <= _MOST_DIFFERENT and float(self.hidden.mean()) <= _MOST_INCONSISTENT


def estimate(first: Picture, second: Picture, border: int = 0) -> Step:
    """Estimates the motion between two frames with DIS optical flow (Kroeger et al. 2016).

    Flow forward and flow backward must agree (Sundaram et al. 2010); where they don't, a pixel is taken for occluded.

    Args:
        first: RGB, uint8 (H, W, 3).
        second: The frame after it.
        border: Pixels at each side that do not count for ``path`` and ``different``.
    """
    grey_first, grey_second = cv2.cvtColor(first, cv2.COLOR_RGB2GRAY), cv2.cvtColor(second, cv2.COLOR_RGB2GRAY)
    flow = cv2.DISOpticalFlow.create(cv2.DISOPTICAL_FLOW_PRESET_MEDIUM)
    start = np.zeros((*grey_first.shape, 2), np.float32)
    forward = np.asarray(flow.calc(grey_first, grey_second, start.copy()), np.float32)
    backward = np.asarray(flow.calc(grey_second, grey_first, start.copy()), np.float32)
    height, width = grey_first.shape
    inner = np.s_[border : height - border, border : width - border]
    target = read_at(grey_second.astype(np.float32), forward)
    residual = np.abs(target - grey_first)
    return Step(
        forward,
        backward,
        _inconsistent(forward, backward),
        _inconsistent(backward, forward),
        float(np.linalg.norm(forward[inner], axis=2).mean()),
        float((residual[inner] > _RESIDUAL).mean()),
    )


def between(first: FloatArray, second: FloatArray, step: Step, time: float) -> FloatArray:
    """The picture at an instant between two frames.

    Each pixel moves in a straight line at constant speed. Both frames are read along the flow (Jiang et al. 2018,
    equation 4) and mixed by nearness in time. What only one frame shows is taken from that frame alone: a pixel that
    becomes occluded from the first, one that is revealed from the second. Where both claim so, the flow knows nothing
    and the two are mixed.

    Args:
        first: Linear light, float32 (H, W, 3).
        second: The frame after it.
        step: Motion between them.
        time: From 0 (the first frame, returned exactly) to 1 (the second, likewise).
    """
    if time <= 0:
        return first
    if time >= 1:
        return second
    to_first = -(1 - time) * time * step.forward + time**2 * step.backward
    to_second = (1 - time) ** 2 * step.forward - time * (1 - time) * step.backward
    only_first, only_second = read_at(step.hidden, to_first), read_at(step.revealed, to_second)
    # A small remainder keeps the weights' sum above zero where both claim to be the only one.
    weight_first = (1 - time) * (1.001 - np.clip(only_second, 0, 1))
    weight_second = time * (1.001 - np.clip(only_first, 0, 1))
    share = (weight_second / (weight_first + weight_second))[..., None]
    one, other = read_at(first, to_first), read_at(second, to_second)
    return np.asarray(one + share * (other - one), np.float32)


def read_at(picture: FloatArray, offset: FloatArray) -> FloatArray:
    """A picture (or map) read at each pixel's place plus an offset, cubic; beyond the border it is reflected.

    Args:
        picture: Float32 (H, W) or (H, W, C).
        offset: Float32 (H, W, 2), x and y in pixels.
    """
    height, width = picture.shape[:2]
    x = np.arange(width, dtype=np.float32) + offset[..., 0]
    y = np.arange(height, dtype=np.float32)[:, None] + offset[..., 1]
    moved = cv2.remap(picture, x, y, cv2.INTER_CUBIC, borderMode=cv2.BORDER_REFLECT_101)
    return np.asarray(moved, np.float32)


def _inconsistent(flow: FloatArray, back: FloatArray) -> FloatArray:
    """1 where going along ``flow`` and then along ``back`` does not lead home, or leads out of the picture."""
    height, width = flow.shape[:2]
    home = flow + read_at(back, flow)
    allowed = 0.01 * (np.square(flow).sum(2) + np.square(back).sum(2)) + 0.5
    x = np.arange(width, dtype=np.float32) + flow[..., 0]
    y = np.arange(height, dtype=np.float32)[:, None] + flow[..., 1]
    outside = (x < 0) | (x > width - 1) | (y < 0) | (y > height - 1)
    return np.asarray((np.square(home).sum(2) > allowed) | outside, np.float32)
