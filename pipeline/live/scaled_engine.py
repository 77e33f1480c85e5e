"""An engine whose correction is scaled after it has run: for a strength that is chosen when it is loaded already."""

from __future__ import annotations

from typing import TYPE_CHECKING

from network.planes import PlaneBatch
from pipeline.live.processor import apply_strength, check_strength
from pipeline.runner.outer_engine import OuterEngine

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from pipeline.runner.protocols import Engine


class ScaledEngine(OuterEngine):
    """Runs another engine and applies a share of what it changes.

    Args:
        engine: The engine, with its own strength at 1.
        strength: Share of the correction, 0 to :data:`network.planes.MAX_STRENGTH`.

    Raises:
        ValueError: If the strength is out of range.
    """

    def __init__(self, engine: Engine, strength: float) -> None:
        super().__init__(engine)
        self._strength = check_strength(strength)

    def _change(self, batch: PlaneBatch, out: PlaneBatch, present: NDArray[np.intp]) -> None:
        blurred = PlaneBatch(batch.spec, tuple(plane[present] for plane in batch.planes))
        made = PlaneBatch(out.spec, tuple(plane[: len(present)] for plane in out.planes))
        apply_strength(blurred, made, self._strength)
