"""Windows as training keeps them: three frames, the neighbours aligned, with the flow to them, and the sharp frame.

A shard is two files. ``windows_NAME.npy`` holds uint8 (N, 4, 3 H / 2, W): the previous frame and the next one brought
onto the present one, in the order of time, and the sharp present frame (see :mod:`network.data.planes`).
``flows_NAME.npy`` holds float16 (N, 4, H / 4, W / 4): the flow to the previous frame, right and down, and to the next
one. The flow to a neighbour that is missing is NaN, and the present frame stands in for it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from network.data.planes import split
from network.errors import DataError
from network.files import replace_atomically
from network.window.alignment import align
from network.window.motion import STEP, averaged, find_flow, halved_motion, motion_of, told_neighbours

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from numpy.typing import NDArray

    from network.data.planes import Frame
    from network.window.motion import Flow

    Frames = NDArray[np.uint8]
    Flows = NDArray[np.float16]

WINDOWS, FLOWS = "windows_", "flows_"
"""Beginnings of the names of a shard's two files."""

SHARDS = f"{WINDOWS}*.npy"


def aligned(previous: Frame | None, present: Frame, following: Frame | None) -> tuple[Frames, Flows]:
    """Brings neighbours onto the present frame, exactly as :class:`network.window.stage.WindowStage` does.

    Neighbours that tell nothing (:func:`network.window.motion.told_neighbours`) are as good as missing.

    Args:
        previous: Planes of the frame before, uint8 (3 H / 2, W); None where there is none.
        present: Planes of the present frame; H and W multiples of
            :data:`network.window.working.MULTIPLE`.
        following: Planes of the frame after; None where there is none.

    Returns:
        Frames, uint8 (3, 3 H / 2, W), and flows, float16 (4, H / 4, W / 4).
    """
    frames = np.stack([present] * 3)
    luma, _ = split(present)
    small = averaged(luma)
    flows = np.full((4, *small.shape), np.nan, np.float16)
    neighbours = previous, following
    smalls = [None if frame is None else averaged(split(frame)[0]) for frame in neighbours]

    def repeats(side: int) -> bool:
        frame = neighbours[side]
        return frame is not None and np.array_equal(present, frame)

    told = told_neighbours(small, smalls, repeats)
    for side, (frame, its) in enumerate(zip(neighbours, told, strict=True)):
        if frame is None or its is None:
            continue
        flow = find_flow(small, its)
        align(_planes(frame), flow, _planes(frames[2 * side]))
        flows[2 * side : 2 * side + 2] = np.moveaxis(flow, 2, 0)
    return frames, flows


def motion_told(flows: Flows, *, lost: Sequence[bool] = (False, False)) -> NDArray[np.float32]:
    """What a network is told of a window's motion, as in the pipeline.

    Args:
        flows: Flows of a window, float16 (4, H / 4, W / 4).
        lost: Whether to take the previous and the next frame for missing.

    Returns:
        (6, H / 8, W / 8), see :func:`network.window.motion.motion_of`.
    """
    sides: list[Flow | None] = [
        None if is_lost or np.isnan(flow[0, 0, 0]) else np.moveaxis(flow, 0, 2).astype(np.float32)
        for is_lost, flow in zip(lost, (flows[:2], flows[2:]), strict=True)
    ]
    return halved_motion(motion_of(sides[0], sides[1], (flows.shape[1], flows.shape[2])))


def write_shard(folder: Path, name: str, windows: Frames, flows: Flows) -> Path:
    """Writes a shard; it is there when the file of windows, which is returned, has its name.

    Args:
        folder: Folder of the pool.
        name: Name of the shard, such as ``0000256``.
        windows: Frames, uint8 (N, 4, 3 H / 2, W).
        flows: Flows, float16 (N, 4, H / 4, W / 4).

    Raises:
        OSError: If the folder can't be written.
    """
    final = folder / f"{WINDOWS}{name}.npy"
    for path, array in ((flows_of(final), flows), (final, windows)):
        with replace_atomically(path) as partial, partial.open("wb") as file:
            np.save(file, array)
    return final


def open_shard(path: Path) -> tuple[Frames, Flows]:
    """The arrays of a shard, memory-mapped.

    Args:
        path: File of the windows.

    Raises:
        DataError: If one of the files is damaged or holds something else.
        FileNotFoundError: If one of the files is not there.
        OSError: If one of the files can't be opened.
    """
    arrays = []
    for file in (path, flows_of(path)):
        try:
            arrays.append(np.load(file, mmap_mode="r"))
        except (ValueError, EOFError) as error:
            raise DataError(f"{file} is damaged ({error}); delete it and make the pool again") from error
    windows, flows = arrays
    is_window = windows.ndim == 4 and windows.shape[1] == 4 and windows.dtype == np.uint8
    if not is_window or windows.shape[2] * 2 % 3 or flows.dtype != np.float16 or flows.shape != _flows_shape(windows):
        raise DataError(
            f"{path} holds {windows.dtype}{windows.shape} with {flows.dtype}{flows.shape}, not windows; delete it"
        )
    return windows, flows


def flows_of(path: Path) -> Path:
    """File of the flows that belong to a file of windows."""
    return path.with_name(FLOWS + path.name.removeprefix(WINDOWS))


def _flows_shape(windows: Frames) -> tuple[int, ...]:
    count, _, rows, width = windows.shape
    return count, 4, rows * 2 // 3 // STEP, width // STEP


def _planes(frame: Frame) -> tuple[Frame, Frame, Frame]:
    luma, chroma = split(frame)
    return luma, chroma[0], chroma[1]
