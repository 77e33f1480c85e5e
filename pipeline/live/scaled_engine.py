"""An engine whose correction is scaled after it has run: for a strength that is chosen when it is loaded already."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from network.planes import PlaneBatch
from pipeline.live.processor import apply_strength, check_strength
from pipeline.runner.protocols import run_windows

if TYPE_CHECKING:
    from network.planes import PlaneSpec
    from network.window.windows import Windows
    from pipeline.runner.protocols import Engine, EngineInfo


class ScaledEngine:
    """Runs another engine and applies a share of what it changes.

    Args:
        engine: The engine, with its own strength at 1.
        strength: Share of the correction, 0 to :data:`network.planes.MAX_STRENGTH`.

    Raises:
        ValueError: If the strength is out of range.
    """

    def __init__(self, engine: Engine, strength: float) -> None:
        self._engine, self._strength = engine, check_strength(strength)

    @property
    def info(self) -> EngineInfo:
        """What the engine is."""
        return self._engine.info

    def buffers(self, spec: PlaneSpec, batch: int) -> PlaneBatch:
        """Allocates a batch, as the engine does."""
        return self._engine.buffers(spec, batch)

    def run(self, batch: PlaneBatch, out: PlaneBatch, windows: Windows | None = None) -> None:
        """Deblurs a batch."""
        run_windows(self._engine, batch, out, windows)
        present = np.arange(batch.size) if windows is None else windows[:, self.info.window.before]
        blurred = PlaneBatch(batch.spec, tuple(plane[present] for plane in batch.planes))
        made = PlaneBatch(out.spec, tuple(plane[: len(present)] for plane in out.planes))
        apply_strength(blurred, made, self._strength)

    def reset(self) -> None:
        """Has the engine begin a new stream."""
        self._engine.reset()
