"""Engines whose results are known and whose work is recorded.

Each keeps the protocol in full. What real engines promise is tested in ``tests/contracts``; these stand in where a test
is about what goes on around an engine.
"""

from __future__ import annotations

import threading
import time
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np

from network.planes import PlaneBatch
from network.window.windows import MISSING, Window
from pipeline.errors import EngineError
from pipeline.runner.protocols import EngineInfo

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from network.planes import PlaneSpec
    from network.window.windows import Windows


class CopyingEngine:
    """Gives back every sample as it is, and records what it was asked for.

    Args:
        info: Facts that the engine states about itself.
        before: Called with the number of each batch, from 0, before the batch is processed; may wait, or raise.
    """

    info = EngineInfo("NumPy", "cpu", "exact", "copying", "ab")

    def __init__(self, info: EngineInfo | None = None, before: Callable[[int], None] | None = None) -> None:
        self.info = info or self.info
        self._before = before
        self.specs: list[PlaneSpec] = []
        """Kind of frames of each batch that was allocated."""
        self.seen: list[list[int]] = []
        """First sample of each frame, batch by batch."""
        self.runs = self.frames = self.resets = 0

    def buffers(self, spec: PlaneSpec, batch: int) -> PlaneBatch:
        self.specs.append(spec)
        return PlaneBatch.empty(spec, batch)

    def run(self, batch: PlaneBatch, out: PlaneBatch, _windows: Windows | None = None) -> None:
        if self._before is not None:
            self._before(self.runs)
        self.seen.append([int(frame.flat[0]) for frame in batch.planes[0]])
        self._process(batch, out)
        self.frames += batch.size
        self.runs += 1

    def reset(self) -> None:
        self.resets += 1

    def _process(self, batch: PlaneBatch, out: PlaneBatch) -> None:
        for source, target in zip(batch.planes, out.planes, strict=True):
            np.copyto(target, source)


class InvertingEngine(CopyingEngine):
    """Inverts every bit of every sample, so that a frame that was not processed is told from one that was."""

    info = replace(CopyingEngine.info, network="inverting")

    def _process(self, batch: PlaneBatch, out: PlaneBatch) -> None:
        for source, target in zip(batch.planes, out.planes, strict=True):
            np.invert(source, out=target)


class BrighteningEngine(CopyingEngine):
    """Adds to the luma; can be held up, slowed, and made to fail or to refuse frames, while it is in use.

    Args:
        amount: Codes that are added, up to the greatest code.
    """

    info = replace(CopyingEngine.info, network="brightening")

    def __init__(self, amount: int = 10) -> None:
        super().__init__()
        self._amount = amount
        self.may_run = threading.Event()
        self.may_run.set()
        self.is_running = threading.Event()
        self.seconds = 0.0
        """Time that each batch takes at least."""
        self.is_broken = False
        self.refused_width = 0

    def buffers(self, spec: PlaneSpec, batch: int) -> PlaneBatch:
        if spec.width == self.refused_width:
            raise EngineError(f"frames of width {spec.width} are refused")
        return super().buffers(spec, batch)

    def run(self, batch: PlaneBatch, out: PlaneBatch, windows: Windows | None = None) -> None:
        if self.is_broken:
            raise EngineError("the engine broke down")
        self.is_running.set()
        assert self.may_run.wait(20)
        time.sleep(self.seconds)
        super().run(batch, out, windows)

    def _process(self, batch: PlaneBatch, out: PlaneBatch) -> None:
        super()._process(batch, out)
        luma, greatest = batch.planes[0], ((1 << batch.spec.depth) - 1) << batch.spec.code_shift
        out.planes[0][...] = np.minimum(luma, greatest - self._amount) + self._amount


class SeeingEngine(BrighteningEngine):
    """Looks at the frames on either side of one, and records the windows that it was given.

    Args:
        amount: Codes that are added to the luma, up to the greatest code.
    """

    info = replace(BrighteningEngine.info, network="seeing", window=Window(1, 1))

    def __init__(self, amount: int = 10) -> None:
        super().__init__(amount)
        self.windows: list[tuple[int | None, ...]] = []
        """First sample of each frame of each window, in the order of time; None where one is missing."""
        self.batches: list[int] = []
        """Size of each batch that was allocated."""

    def buffers(self, spec: PlaneSpec, batch: int) -> PlaneBatch:
        self.batches.append(batch)
        return super().buffers(spec, batch)

    def run(self, batch: PlaneBatch, out: PlaneBatch, windows: Windows | None = None) -> None:
        assert windows is not None
        assert windows.shape == (out.size, 3)
        for window in windows:
            levels = (None if place == MISSING else int(batch.planes[0][place].flat[0]) for place in window)
            self.windows.append(tuple(levels))
        super().run(PlaneBatch(batch.spec, tuple(plane[windows[:, 1]] for plane in batch.planes)), out)


class WindowEngine(CopyingEngine):
    """Mixes the frames of a window, each by a weight of its own and a missing one by a mark of its own.

    Every result is :meth:`mixed` of the samples of its window, so that any wrong neighbour shows in it.

    Args:
        window: Neighbours that the engine looks at; None for one on either side.
        batch: Number of frames with which it says to be fastest.
        before: As for :class:`CopyingEngine`.
    """

    def __init__(
        self, window: Window | None = None, batch: int = 1, before: Callable[[int], None] | None = None
    ) -> None:
        window = window or Window(1, 1)
        super().__init__(replace(CopyingEngine.info, network="mixing", window=window, batch=batch), before)
        self.sizes: list[tuple[int, int, int]] = []
        """Frames of the batch, room in the output, and frames to make, of each run."""

    def run(self, batch: PlaneBatch, out: PlaneBatch, windows: Windows | None = None) -> None:
        if self._before is not None:
            self._before(self.runs)
        if windows is None:
            assert batch.size == out.size
            windows = self.info.window.alone(batch.size)
        assert 1 <= len(windows) <= out.size
        self.sizes.append((batch.size, out.size, len(windows)))
        for row, places in enumerate(windows):
            assert places[self.info.window.before] != MISSING
            for source, target in zip(batch.planes, out.planes, strict=True):
                shift = batch.spec.code_shift
                frames = [None if place == MISSING else source[place] >> shift for place in places]
                target[row] = self.mixed(frames, batch.spec.depth) << shift
        self.frames += len(windows)
        self.runs += 1

    @staticmethod
    def mixed(frames: Sequence[Any], depth: int = 8) -> Any:
        """What becomes of the codes of a window; None stands for a missing neighbour."""
        total: Any = 0
        for number, frame in enumerate(frames):
            total = total + (29 + 11 * number if frame is None else frame * (2 * number + 3))
        return total & ((1 << depth) - 1)
