"""Finds the motion of windows for a device: the frames are there or in host memory, the flow is found on the host."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

import numpy as np
import torch

from network.window.motion import (
    MOTION_CHANNELS,
    STEP,
    averaged,
    find_flow,
    halved_motion,
    motion_of,
    motion_threads,
    told_neighbours,
)
from network.window.tensors import averaged_tensor, read_luma_tensor
from network.window.windows import MISSING
from network.window.working import read_luma, working_spec

if TYPE_CHECKING:
    from collections.abc import Sequence
    from concurrent.futures import Future

    from numpy.typing import NDArray
    from torch import Tensor

    from network.planes import PlaneBatch, PlaneSpec
    from network.window.motion import Flow, Small
    from network.window.windows import Windows


class Frames(Protocol):
    """Frames among which motion is looked for."""

    def small(self, place: int) -> Small:
        """Averaged luma of a frame, see :func:`network.window.motion.averaged`."""

    def is_equal(self, first: int, second: int) -> bool:
        """Whether two frames are equal in every sample."""


@dataclass(frozen=True, slots=True)
class Found:
    """What a device is told of N windows that see a neighbour on either side.

    Attributes:
        places: Places in the batch of the frames to look at, (N, 3) int64; that of the present frame where a neighbour
            is missing.
        is_there: Whether each neighbour is there, is no repetition and has no cut before it, (N, 2) bool.
        flow: Flow to each neighbour that is there, else zero, (N, 4, H / 4, W / 4) float32: to the previous one (x, y)
            and to the next one.
        motion: Motion that the network is told, (N, 6, H / 8, W / 8) float32.
    """

    places: NDArray[np.int64]
    is_there: NDArray[np.bool_]
    flow: NDArray[np.float32]
    motion: NDArray[np.float32]


class HostFrames:
    """Frames in host memory.

    Args:
        batch: The frames.
    """

    def __init__(self, batch: PlaneBatch) -> None:
        self._batch, self._working = batch, working_spec(batch.spec)
        self._luma = np.empty((self._working.height, self._working.width), self._working.dtype)
        self._smalls: dict[int, Small] = {}

    def small(self, place: int) -> Small:
        """See :class:`Frames`."""
        if place not in self._smalls:
            read_luma(self._batch, place, self._working, self._luma)
            self._smalls[place] = averaged(self._luma, self._working.extra_bits)
        return self._smalls[place]

    def is_equal(self, first: int, second: int) -> bool:
        """See :class:`Frames`."""
        return self._batch.has_equal(first, second)


class DeviceFrames:
    """Frames on a device, of which only averaged luma comes down.

    Args:
        planes: Words of the planes, (N, *plane shape) each, uint8 or uint16.
        spec: Kind and size of the frames.
    """

    def __init__(self, planes: Sequence[Tensor], spec: PlaneSpec) -> None:
        self._planes, self._spec, self._working = planes, spec, working_spec(spec)
        self._smalls: dict[int, Small] = {}

    def small(self, place: int) -> Small:
        """See :class:`Frames`."""
        if place not in self._smalls:
            planes = [plane[place : place + 1].to(torch.float32) for plane in self._planes]
            luma = read_luma_tensor(planes, self._spec, self._working)
            self._smalls[place] = averaged_tensor(luma, self._working)[0].cpu().numpy()
        return self._smalls[place]

    def is_equal(self, first: int, second: int) -> bool:
        """See :class:`Frames`."""
        return all(torch.equal(plane[first], plane[second]) for plane in self._planes)


def find_motion(frames: Frames, windows: Windows, spec: PlaneSpec) -> Found:
    """Finds the motion of windows, as :class:`network.window.stage.WindowStage` does.

    Args:
        frames: The frames.
        windows: Windows of three frames, see :data:`network.window.windows.Windows`.
        spec: Kind and size of the frames.
    """
    working = working_spec(spec)
    shape = (working.height // STEP, working.width // STEP)
    count = len(windows)
    found = Found(
        np.repeat(windows[:, 1:2], 3, axis=1).astype(np.int64),
        np.zeros((count, 2), np.bool_),
        np.zeros((count, 4, *shape), np.float32),
        np.empty((count, MOTION_CHANNELS, shape[0] // 2, shape[1] // 2), np.float32),
    )
    jobs = [_begin(frames, windows[row]) for row in range(count)]
    for row, sides in enumerate(jobs):
        flows = [None if job is None else job.result() for job in sides]
        for side, flow in enumerate(flows):
            if flow is not None:
                found.places[row, 2 * side] = windows[row, 2 * side]
                found.is_there[row, side] = True
                found.flow[row, 2 * side : 2 * side + 2] = flow.transpose(2, 0, 1)
        found.motion[row] = halved_motion(motion_of(flows[0], flows[1], shape))
    return found


def _begin(frames: Frames, window: NDArray[np.intp]) -> list[Future[Flow] | None]:
    """Begins to look for the flow to both neighbours of a window; None where there is nothing to look for."""
    present, places = int(window[1]), (int(window[0]), int(window[2]))
    small = frames.small(present)
    neighbours = [None if place == MISSING else frames.small(place) for place in places]
    told = told_neighbours(small, neighbours, lambda side: frames.is_equal(present, places[side]))
    return [None if each is None else motion_threads().submit(find_flow, small, each) for each in told]
