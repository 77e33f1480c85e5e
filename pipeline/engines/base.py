"""The guards that every engine of this package has: for the size of a batch, for its memory, for a pair of batches."""

from __future__ import annotations

from typing import TYPE_CHECKING

from network.window.windows import MISSING
from pipeline.errors import EngineError

if TYPE_CHECKING:
    from network.planes import PlaneBatch
    from network.window.windows import Window, Windows


def check_pair(batch: PlaneBatch, out: PlaneBatch) -> None:
    """Refuses a pair of batches that an engine can't run.

    Raises:
        EngineError: If the two are of different frames or sizes.
    """
    if batch.spec != out.spec or batch.size != out.size:
        raise EngineError(f"input and output differ: {batch!r} and {out!r}; make both with buffers()")


def check_windows(batch: PlaneBatch, out: PlaneBatch, windows: Windows | None, window: Window) -> Windows:
    """The windows to make, of a network over time.

    Args:
        batch: Frames to read.
        out: Batch to write.
        windows: Windows as an engine was given them; None where every frame stands for itself.
        window: Neighbours that the network looks at.

    Raises:
        EngineError: If the batches are of different frames, or the windows don't fit them.
    """
    if windows is None:
        check_pair(batch, out)
        return window.alone(batch.size)
    if batch.spec != out.spec:
        raise EngineError(f"input and output differ: {batch!r} and {out!r}; make both with buffers()")
    if windows.ndim != 2 or windows.shape[1] != window.frames or len(windows) > out.size:
        raise EngineError(f"windows of {window.frames} frames for at most {out.size} are wanted, not {windows.shape}")
    present = windows[:, window.before]
    if windows.size and (windows.max() >= batch.size or windows.min() < MISSING or present.min() < 0):
        raise EngineError(f"windows name places from 0 to {batch.size - 1} or a missing neighbour, not {windows}")
    return windows
