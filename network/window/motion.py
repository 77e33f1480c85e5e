"""Motion from the present frame to its neighbours: optical flow by OpenCV's DIS, and what is told where there is none.

Training and pipeline find the motion by these functions, so that a network sees what it was trained on.
"""

from __future__ import annotations

import os
import threading
from concurrent.futures import ThreadPoolExecutor
from functools import cache
from typing import TYPE_CHECKING, Any

import cv2
import numpy as np

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from numpy.typing import NDArray

    Flow = NDArray[np.float32]
    """(H / 4, W / 4, 2): how far each point has moved to the right and down, in pixels of that resolution."""
    Small = NDArray[np.uint8]
    """(H / 4, W / 4): luma averaged by :data:`STEP`, in codes of 8 bits."""

STEP = 4
"""Pixels of luma, either way, to one of the flow."""

SMALLEST = 12
"""Least height and width of the averaged luma in which motion is looked for: DIS needs room for its patches."""

DESCENTS = 12
"""Steps of DIS's gradient descent for a patch."""

MEDIAN = 3
"""Points, either way, of whose flow the median is taken: it makes up for fewer descents."""

CUT = 25.5
"""By how much more two frames differ than those before or behind them if there is a cut between them: mean absolute
difference in codes of 255, a tenth of the range, as FFmpeg's filter ``scdet`` has it."""

MOTION_CHANNELS = 6
"""Both flows, x and y each, and two marks: 1 where there is no previous frame, 1 where there is no next one."""

_local = threading.local()


def averaged(luma: NDArray[np.uint8] | NDArray[np.uint16], shift: int = 0) -> Small:
    """Luma averaged by 4 either way and rounded to 8 bits, in which motion is looked for.

    Args:
        luma: Codes, (H, W), uint8 or uint16; H and W multiples of 4.
        shift: Number of bits of a code beyond 8.
    """
    height, width = luma.shape
    size = (width // STEP, height // STEP)
    if luma.dtype == np.uint8:
        return np.asarray(cv2.resize(luma, size, interpolation=cv2.INTER_AREA), np.uint8)
    mean = cv2.resize(luma.astype(np.float32), size, interpolation=cv2.INTER_AREA)
    small: Small = np.clip(np.rint(mean / np.float32(1 << shift)), 0, 255).astype(np.uint8)
    return small


@cache
def motion_threads() -> ThreadPoolExecutor:
    """Threads of the process in which motion is found, one for each neighbour; they stay.

    OpenCV's own would make the flow depend on how many there are.
    """
    return ThreadPoolExecutor(max(2, min(8, os.cpu_count() or 1)), thread_name_prefix="motion")


def can_find_motion(height: int, width: int) -> bool:
    """Whether motion can be looked for in averaged luma of that many rows and columns."""
    return min(height, width) >= SMALLEST


def find_flow(present: Small, neighbour: Small) -> Flow:
    """Optical flow from the present frame to a neighbour.

    It depends on the two frames alone: DIS gets no earlier flow to begin with, and runs in one thread, since it cuts a
    picture into as many parts as there are threads.

    Args:
        present: Averaged luma of the present frame; at least :data:`SMALLEST` either way.
        neighbour: That of the neighbour, of the same shape.
    """
    if cv2.getNumThreads() != 1:
        cv2.setNumThreads(1)
    return np.asarray(cv2.medianBlur(_dis().calc(present, neighbour, None), MEDIAN), np.float32)


def is_cut(present: Small, neighbour: Small, other: Small | None) -> bool:
    """Whether a cut certainly lies between the present frame and a neighbour.

    The rule of FFmpeg's ``scdet``, from the window alone: the two differ much, and by that much more than the present
    frame and its other neighbour do, so that fast motion and flashes are no cuts. Without another neighbour nothing is
    certain.

    Args:
        present: Averaged luma of the present frame.
        neighbour: That of the neighbour.
        other: That of the neighbour on the other side; None where there is none.
    """
    if other is None:
        return False
    return _difference(present, neighbour) - _difference(present, other) >= CUT


def told_neighbours(
    present: Small, neighbours: Sequence[Small | None], repeats: Callable[[int], bool]
) -> tuple[Small | None, ...]:
    """The neighbours that tell something of the present frame; the others are as good as missing.

    A neighbour tells nothing if it repeats the present frame, or if a cut certainly parts it from that. None does in
    pictures too small for motion to be found.

    Args:
        present: Averaged luma of the present frame.
        neighbours: That of the frames on both sides; None where one is missing.
        repeats: Function that says whether the neighbour of a side, 0 or 1, equals the present frame in every sample.
            It is called only where the averages are equal: where they differ, the frames do.

    Returns:
        The neighbour of each side, or None.
    """
    if not can_find_motion(*present.shape):
        return (None,) * len(neighbours)
    others = [
        None if each is None or (np.array_equal(present, each) and repeats(side)) else each
        for side, each in enumerate(neighbours)
    ]
    return tuple(
        None if each is None or is_cut(present, each, opposite) else each
        for each, opposite in zip(others, others[::-1], strict=True)
    )


def motion_of(previous: Flow | None, following: Flow | None, shape: tuple[int, int]) -> NDArray[np.float32]:
    """The motion that a network is told.

    A neighbour that is missing is marked all over, and its flow is the other's backwards; with none on either side,
    both flows are zero. Of a neighbour that is there, single places are marked where the flow leaves the picture.

    Args:
        previous: Flow to the previous frame; None where there is none.
        following: Flow to the next frame; None where there is none.
        shape: Rows and columns of the flows.

    Returns:
        (6, H / 4, W / 4) float32: flow to the previous frame (x, y), flow to the next one, and both marks.
    """
    motion = np.zeros((MOTION_CHANNELS, *shape), np.float32)
    for flow, opposite, first, mark in ((previous, following, 0, 4), (following, previous, 2, 5)):
        if flow is not None:
            motion[first], motion[first + 1] = flow[..., 0], flow[..., 1]
            motion[mark] = leaves_picture(flow)
            continue
        motion[mark] = 1
        if opposite is not None:
            motion[first], motion[first + 1] = -opposite[..., 0], -opposite[..., 1]
    return motion


def leaves_picture(flow: Flow, top: int = 0, left: int = 0, size: tuple[int, int] | None = None) -> NDArray[np.bool_]:
    """Where a flow points out of the picture by more than half a pixel.

    Args:
        flow: Flow of a part of a picture, (h, w, 2).
        top: Row of the picture at which the part begins.
        left: Column at which it begins.
        size: Rows and columns of the whole picture's flow; None where the part is all of it.
    """
    height, width = size or flow.shape[:2]
    across = flow[..., 0] + np.arange(left, left + flow.shape[1], dtype=np.float32)
    down = flow[..., 1] + np.arange(top, top + flow.shape[0], dtype=np.float32)[:, None]
    outside: NDArray[np.bool_] = (across < -0.5) | (across > width - 0.5) | (down < -0.5) | (down > height - 0.5)
    return outside


def halved_motion(motion: NDArray[np.float32]) -> NDArray[np.float32]:
    """Motion averaged by 2 either way: (6, h, w) to (6, h / 2, w / 2)."""
    channels, height, width = motion.shape
    blocks = motion.reshape(channels, height // 2, 2, width // 2, 2)
    mean: NDArray[np.float32] = (
        blocks[:, :, 0, :, 0] + blocks[:, :, 0, :, 1] + blocks[:, :, 1, :, 0] + blocks[:, :, 1, :, 1]
    ) * np.float32(0.25)
    return mean


def _difference(first: Small, second: Small) -> float:
    return float(cv2.norm(first, second, cv2.NORM_L1)) / first.size


def _dis() -> Any:
    """This thread's DIS: an object of OpenCV's is for one thread at a time."""
    if not hasattr(_local, "dis"):
        dis = cv2.DISOpticalFlow.create(cv2.DISOPTICAL_FLOW_PRESET_ULTRAFAST)
        dis.setFinestScale(0)
        dis.setPatchSize(8)
        dis.setPatchStride(4)
        dis.setGradientDescentIterations(DESCENTS)
        _local.dis = dis
    return _local.dis
