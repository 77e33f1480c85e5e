"""Makes what a network over time is given of a batch of frames: working planes, the neighbours aligned, and motion."""

from __future__ import annotations

from concurrent.futures import Future
from typing import TYPE_CHECKING, Any

import numpy as np

from network.window.alignment import align
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
from network.window.windows import MISSING, SEEING, Window
from network.window.working import add_correction, own_planes, read_working, working_spec, write_direct

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from network.planes import PlaneBatch, PlaneSpec
    from network.window.motion import Flow, Small
    from network.window.windows import Windows

    Planes = tuple[NDArray[Any], ...]


class WindowStage:
    """Memory for windows of one kind of frames, used again for every batch; by one thread at a time.

    Args:
        spec: Kind and size of the frames.
        window: Neighbours that the network looks at: none, or one on either side.
        size: Number of windows that the network gets at a time, at least 1.
        in_turn: Whether one neighbour is aligned after the other, in the caller's thread; else each has a thread.

    Raises:
        ValueError: If the window is another one.

    Attributes:
        working: Size and codes of the working planes.
        luma: Luma of each window's frames in the order of time, the neighbours aligned, (size, frames, H, W), codes.
        chroma: Both chroma planes of each frame, (size, 2 frames, H / 2, W / 2), codes.
        motion: Motion of each window, (size, 6, H / 8, W / 8) float32; see :func:`network.window.motion.motion_of`.
    """

    def __init__(self, spec: PlaneSpec, window: Window, size: int = 1, *, in_turn: bool = False) -> None:
        if window not in SEEING:
            raise ValueError(f"a network here sees no neighbour, or one on either side, not {window}")
        self.spec, self.window, self.size = spec, window, size
        self.working = working = working_spec(spec)
        height, width = working.height, working.width
        self.luma = np.empty((size, window.frames, height, width), working.dtype)
        self.chroma = np.empty((size, 2 * window.frames, height // 2, width // 2), working.dtype)
        self.motion = np.zeros((size, MOTION_CHANNELS, height // 8, width // 8), np.float32)
        self._in_turn = in_turn
        self._small_shape = height // STEP, width // STEP
        # Neighbours before they are aligned, for each side, where that takes a copy.
        self._copies: dict[int, Planes] = {}

    @property
    def inputs(self) -> tuple[NDArray[Any], ...]:
        """What the network is given: luma, chroma and, where it looks at neighbours, motion."""
        planes = self.luma, self.chroma
        return (*planes, self.motion) if self.window.frames > 1 else planes

    def fill(self, batch: PlaneBatch, windows: Windows, averages: dict[int, Small] | None = None) -> None:
        """Brings windows into place.

        Neighbours that tell nothing (:func:`network.window.motion.told_neighbours`) are as good as missing.

        Args:
            batch: Frames of the kind that the stage was made for.
            windows: Places in ``batch`` of the frames of each window, at most as many as :attr:`size`; the last one
                is repeated to the end.
            averages: Averaged luma of frames of ``batch`` by place, to which others are added: windows share frames.
                Several stages may share one.
        """
        averages = {} if averages is None else averages
        for row in range(self.size):
            if row < len(windows):
                self._fill_one(batch, windows[row], row, averages)
            else:
                self.luma[row], self.chroma[row] = self.luma[row - 1], self.chroma[row - 1]
                self.motion[row] = self.motion[row - 1]

    def put(
        self,
        batch: PlaneBatch,
        windows: Windows,
        luma: NDArray[Any],
        chroma: NDArray[Any],
        out: PlaneBatch,
        first: int = 0,
    ) -> None:
        """Puts what a network made of the windows into a batch.

        Args:
            batch: Frames as they came, as given to :meth:`fill`.
            windows: Windows as given to :meth:`fill`.
            luma: Luma of each window's present frame, (size, 1, H, W): new codes where the working planes are direct,
                else the correction, see :func:`network.window.working.add_correction`.
            chroma: Both chroma planes likewise, (size, 2, H / 2, W / 2).
            out: Batch of the same kind of frames, which is overwritten.
            first: Place in ``out`` of the first window's frame.
        """
        for row, window in enumerate(windows):
            planes = (luma[row, 0], chroma[row, 0], chroma[row, 1])
            if self.working.is_direct:
                write_direct(planes, out, first + row)
            else:
                add_correction(batch, int(window[self.window.before]), planes, out, first + row)

    def _fill_one(self, batch: PlaneBatch, window: NDArray[np.intp], row: int, averages: dict[int, Small]) -> None:
        before = self.window.before
        present = int(window[before])
        own = self._slot(row, before)
        read_working(batch, present, self.working, own)
        if before == 0:
            return
        places = int(window[0]), int(window[2])
        small = self._averaged(own[0], present, averages)
        neighbours = [
            None if place == MISSING else self._read_neighbour(batch, place, side) for side, place in enumerate(places)
        ]
        smalls = [
            None if planes is None else self._averaged(planes[0], place, averages)
            for place, planes in zip(places, neighbours, strict=True)
        ]
        told = told_neighbours(small, smalls, lambda side: batch.has_equal(present, places[side]))
        flows: list[Flow | Future[Flow] | None] = []
        for side, (planes, its) in enumerate(zip(neighbours, told, strict=True)):
            target = self._slot(row, 2 * side)
            if planes is not None and its is not None:
                job = (small, its, planes, target)
                flows.append(_bring(*job) if self._in_turn else motion_threads().submit(_bring, *job))
                continue
            for source, plane in zip(own, target, strict=True):
                plane[...] = source
            flows.append(None)
        found = [flow.result() if isinstance(flow, Future) else flow for flow in flows]
        self.motion[row] = halved_motion(motion_of(found[0], found[1], self._small_shape))

    def _averaged(self, luma: NDArray[Any], place: int, averages: dict[int, Small]) -> Small:
        if place not in averages:
            averages[place] = averaged(luma, self.working.extra_bits)
        return averages[place]

    def _slot(self, row: int, frame: int) -> Planes:
        chroma = self.chroma[row]
        return self.luma[row, frame], chroma[2 * frame], chroma[2 * frame + 1]

    def _read_neighbour(self, batch: PlaneBatch, place: int, side: int) -> Planes:
        """The working planes of a neighbour before it is aligned: its own, or a copy in the memory of that side."""
        own = own_planes(batch, place, self.working)
        if own is not None:
            return own
        if side not in self._copies:
            self._copies[side] = self.working.empty()
        read_working(batch, place, self.working, self._copies[side])
        return self._copies[side]


def _bring(present: Small, small: Small, planes: Planes, out: Planes) -> Flow:
    """Aligns a neighbour, and returns the flow to it."""
    flow = find_flow(present, small)
    align(planes, flow, out)
    return flow
