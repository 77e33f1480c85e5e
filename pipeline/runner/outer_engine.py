"""An engine around another one, which changes what the other makes."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from pipeline.runner.protocols import run_windows

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from network.planes import PlaneBatch, PlaneSpec
    from network.window.windows import Windows
    from pipeline.runner.protocols import Engine, EngineInfo, TimedEngine


class OuterEngine:
    """Runs another engine; a subclass says what becomes of its result.

    Args:
        engine: The other engine.
    """

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    @property
    def info(self) -> EngineInfo:
        """Facts of the other engine."""
        return self._engine.info

    def buffers(self, spec: PlaneSpec, batch: int) -> PlaneBatch:
        """Allocates a batch, as the other engine does."""
        return self._engine.buffers(spec, batch)

    def run(self, batch: PlaneBatch, out: PlaneBatch, windows: Windows | None = None) -> None:
        """Deblurs a batch with the other engine, and changes the result."""
        run_windows(self._engine, batch, out, windows)
        present = np.arange(batch.size) if windows is None else windows[:, self.info.window.before]
        self._change(batch, out, present)

    def reset(self) -> None:
        """Has the other engine forget the stream."""
        self._engine.reset()

    def _change(self, batch: PlaneBatch, out: PlaneBatch, present: NDArray[np.intp]) -> None:
        """Changes the result.

        Args:
            batch: Frames that the other engine got; left as they are.
            out: What it made, one frame for each of ``present``; overwritten.
            present: Place in ``batch`` of the frame that each result is made of.
        """
        raise NotImplementedError


class TimedOuterEngine(OuterEngine):
    """An :class:`OuterEngine` around an engine that tells how much of its time its network takes, and so does this one.

    Apart, since a class that has the property passes for a :class:`pipeline.runner.protocols.TimedEngine` whatever is
    in it.
    """

    _engine: TimedEngine

    @property
    def network_seconds(self) -> float:
        """Seconds that the other engine's network alone has taken in all runs so far."""
        return self._engine.network_seconds
