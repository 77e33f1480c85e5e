"""An engine that is loaded when there is work for it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pipeline.runner.protocols import run_windows

if TYPE_CHECKING:
    from collections.abc import Callable

    from network.planes import PlaneBatch, PlaneSpec
    from network.window.windows import Windows
    from pipeline.runner.protocols import Engine, EngineInfo


class LazyEngine:
    """Stands for an engine that may never be needed, because the work is done elsewhere.

    Args:
        info: Facts about the engine.
        load: Function that makes the engine, at the first batch.
    """

    def __init__(self, info: EngineInfo, load: Callable[[], Engine]) -> None:
        self._info, self._load = info, load
        self._engine: Engine | None = None

    @property
    def info(self) -> EngineInfo:
        """Facts about the engine."""
        return self._info

    def buffers(self, spec: PlaneSpec, batch: int) -> PlaneBatch:
        """Allocates a batch; see the engine."""
        return self._loaded().buffers(spec, batch)

    def run(self, batch: PlaneBatch, out: PlaneBatch, windows: Windows | None = None) -> None:
        """Deblurs a batch; see the engine."""
        run_windows(self._loaded(), batch, out, windows)

    def reset(self) -> None:
        """Forgets the stream; before the engine is loaded there is nothing to forget."""
        if self._engine is not None:
            self._engine.reset()

    def _loaded(self) -> Engine:
        self._engine = self._engine or self._load()
        return self._engine
