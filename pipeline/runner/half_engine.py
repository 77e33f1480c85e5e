"""An engine that finds its correction at half the size, and adds it at full size: for blur beyond a network's reach."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import cv2
import numpy as np

from network.planes import PlaneBatch, PlaneSpec
from network.window.windows import MISSING
from pipeline.runner.allocation import allocating
from pipeline.runner.outer_engine import OuterEngine, TimedOuterEngine
from pipeline.runner.protocols import TimedEngine, run_windows

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from network.window.windows import Windows
    from pipeline.runner.protocols import Engine


class HalfEngine(OuterEngine):
    """Runs another engine on frames of half the width and height, and adds what it changes to the frames themselves.

    Where the other engine changes nothing, every code comes back as it is.

    Args:
        engine: The other engine.
    """

    def __init__(self, engine: Engine) -> None:
        super().__init__(engine)
        self._inputs: dict[tuple[PlaneSpec, int], PlaneBatch] = {}
        self._results: dict[tuple[PlaneSpec, int], PlaneBatch] = {}

    def buffers(self, spec: PlaneSpec, batch: int) -> PlaneBatch:
        """Allocates a batch, and the other engine's for frames of half the size.

        Raises:
            EngineError: If the memory does not suffice, or the other engine can't take such frames.
        """
        self._half(self._inputs, spec, batch)
        with allocating(spec, batch):
            return PlaneBatch.empty(spec, batch)

    def run(self, batch: PlaneBatch, out: PlaneBatch, windows: Windows | None = None) -> None:
        """Deblurs a batch; see :class:`pipeline.runner.protocols.WindowEngine`."""
        small, made = (
            self._half(halves, full.spec, full.size) for halves, full in ((self._inputs, batch), (self._results, out))
        )
        seen = range(batch.size) if windows is None else (int(place) for place in np.unique(windows))
        for place in seen:
            if place != MISSING:
                for full, half in zip(batch.planes, small.planes, strict=True):
                    _shrink(full[place], half[place], batch.spec)
        run_windows(self._engine, small, made, windows)
        present = range(batch.size) if windows is None else map(int, windows[:, self.info.window.before])
        for row, place in enumerate(present):
            for full, before, after, target in zip(batch.planes, small.planes, made.planes, out.planes, strict=True):
                _correct(full[place], before[place], after[row], target[row], batch.spec)

    def _half(self, halves: dict[tuple[PlaneSpec, int], PlaneBatch], spec: PlaneSpec, size: int) -> PlaneBatch:
        """The other engine's batch for frames of a kind, allocated once."""
        if (spec, size) not in halves:
            if any(known != spec for known, _ in halves):
                halves.clear()  # a stream has frames of one kind
            halves[spec, size] = self._engine.buffers(half_of(spec), size)
        return halves[spec, size]


class TimedHalfEngine(TimedOuterEngine, HalfEngine):
    """As :class:`HalfEngine`; it tells how much of its time the network takes, at half the size."""


def at_half_size(engine: Engine) -> HalfEngine:
    """An engine that finds the correction of another one at half the size; it tells of its network if that one does."""
    return (TimedHalfEngine if isinstance(engine, TimedEngine) else HalfEngine)(engine)


def half_of(spec: PlaneSpec) -> PlaneSpec:
    """Frames of half the width and height, rounded up."""
    return replace(spec, width=-(-spec.width // 2), height=-(-spec.height // 2))


def _shrink(full: NDArray[Any], small: NDArray[Any], spec: PlaneSpec) -> None:
    """Averages four samples each; at an odd edge, the last ones twice."""
    height, width = full.shape[:2]
    if height % 2 or width % 2:
        full = cv2.copyMakeBorder(full, 0, height % 2, 0, width % 2, cv2.BORDER_REPLICATE)
    codes = full >> spec.code_shift if spec.code_shift else full
    cv2.resize(codes, (small.shape[1], small.shape[0]), dst=small, interpolation=cv2.INTER_AREA)
    if spec.code_shift:
        np.left_shift(small, spec.code_shift, out=small)


def _correct(
    full: NDArray[Any], before: NDArray[Any], after: NDArray[Any], target: NDArray[Any], spec: PlaneSpec
) -> None:
    """Adds to a plane what became of its half."""
    height, width = full.shape[:2]
    size = (2 * before.shape[1], 2 * before.shape[0])
    if spec.depth == 8:
        change = cv2.resize(cv2.subtract(after, before, dtype=cv2.CV_16S), size, interpolation=cv2.INTER_LINEAR)
        cv2.add(full, change[:height, :width], dst=target, dtype=cv2.CV_8U)
        return
    change = cv2.resize(cv2.subtract(after, before, dtype=cv2.CV_32F), size, interpolation=cv2.INTER_LINEAR)
    step, highest = 1 << spec.code_shift, (1 << spec.depth + spec.code_shift) - 1
    codes = full + np.rint(change[:height, :width].reshape(full.shape) / step).astype(np.int32) * step
    np.clip(codes, 0, highest, out=target, casting="unsafe")
