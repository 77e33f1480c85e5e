"""Which frames need the network: not those that repeat the one before, and on request not those that are sharp."""

from __future__ import annotations

from enum import Enum, auto
from typing import TYPE_CHECKING

import numpy as np

from network.planes import PlaneBatch
from pipeline.job import GateOptions
from pipeline.runner.sharpness import blur_of

if TYPE_CHECKING:
    from network.planes import PlaneSpec

AUTO_THRESHOLD = 0.48
"""Default threshold of :func:`pipeline.runner.sharpness.blur_estimate`, 0 to 1; frames up to it are left as they are.
With every release of weights it is set to what `benchmarks/skip_sharp.py` recommends."""

MARGIN = 0.03
"""Distance below the threshold at which frames begin to pass; they cease to as soon as one is above the threshold."""

PATIENCE = 5
"""Number of sharp frames in a row before frames begin to pass."""

_BAND = 64
"""Number of lines of a plane that are compared at a time."""


class FrameAction(Enum):
    """What becomes of a frame."""

    DEBLUR = auto()
    """The network has to see it."""
    REPEAT = auto()
    """It equals the frame before: the result of the last frame that the network saw is its result too."""
    KEEP = auto()
    """The frame is left as it is."""


class FrameGate:
    """Decides for the frames of one stream, in their order.

    Args:
        spec: What the frames are.
        options: Which frames may pass the network by.

    Attributes:
        duplicates: Frames that equalled the one before, so far.
        sharp: Other frames that passed because they are sharp, so far.
        has_repeated: Whether the last frame that was decided on equalled the one before.
    """

    def __init__(self, spec: PlaneSpec, options: GateOptions | None = None) -> None:
        self._spec = spec
        self._options = options or GateOptions()
        self._previous: tuple[PlaneBatch, int] | None = None
        self._kept: PlaneBatch | None = None
        self._hysteresis = None if self._options.sharp is None else Hysteresis(self._options.sharp)
        self.duplicates = 0
        self.sharp = 0
        self.has_repeated = False

    @property
    def may_keep(self) -> bool:
        """Whether frames may pass because they are sharp."""
        return self._hysteresis is not None

    def decide(self, batch: PlaneBatch, index: int) -> FrameAction:
        """What becomes of the frame at ``index``.

        If that is :attr:`FrameAction.DEBLUR`, its planes must stay as they are until the next call has returned; else
        they may be overwritten at once.
        """
        self.has_repeated = self.repeats(batch, index)
        if self.has_repeated:
            self.duplicates += 1
            is_copy = self._previous is not None and self._previous[0] is self._kept
            return FrameAction.KEEP if is_copy else FrameAction.REPEAT
        if self._hysteresis is not None and not self._hysteresis.is_blurred(self._estimate(batch, index)):
            self.sharp += 1
            self._remember_copy(batch, index)
            return FrameAction.KEEP
        self._previous = batch, index
        return FrameAction.DEBLUR

    def repeats(self, batch: PlaneBatch, index: int) -> bool:
        """Whether the frame at ``index`` equals the one decided on last; False where equal frames don't pass."""
        if not self._options.duplicates or self._previous is None:
            return False
        return _are_equal(self._previous, (batch, index))

    def moved(self, batch: PlaneBatch, index: int) -> None:
        """Says that the frame decided on last, or the equal one before it, lies elsewhere from now on."""
        if self._previous is not None and self._previous[0] is not self._kept:
            self._previous = batch, index

    def _estimate(self, batch: PlaneBatch, index: int) -> float:
        return blur_of(batch.planes[0][index], self._spec)

    def _remember_copy(self, batch: PlaneBatch, index: int) -> None:
        if not self._options.duplicates:
            return
        self._kept = self._kept or PlaneBatch.empty(self._spec, 1)
        for target, plane in zip(self._kept.planes, batch.planes, strict=True):
            target[0] = plane[index]
        self._previous = self._kept, 0


class Hysteresis:
    """Turns a noisy estimate into a decision that does not flicker.

    Args:
        threshold: Estimate above which a frame is blurred, whatever came before; 0 to 1.
    """

    def __init__(self, threshold: float) -> None:
        self._threshold = threshold
        self._sharp_in_a_row = 0
        self._passes = False

    def is_blurred(self, estimate: float) -> bool:
        """Takes the estimate of the next frame and says whether it counts as blurred."""
        if estimate > self._threshold:
            self._passes, self._sharp_in_a_row = False, 0
        elif not self._passes:
            is_clearly_sharp = estimate <= max(self._threshold - MARGIN, 0)
            self._sharp_in_a_row = self._sharp_in_a_row + 1 if is_clearly_sharp else 0
            self._passes = self._sharp_in_a_row >= PATIENCE
        return not self._passes


def _are_equal(first: tuple[PlaneBatch, int], second: tuple[PlaneBatch, int]) -> bool:
    """Whether two frames are the same in every sample; frames that differ mostly do so in the first lines."""
    for one, other in zip(first[0].planes, second[0].planes, strict=True):
        a, b = one[first[1]], other[second[1]]
        for top in range(0, len(a), _BAND):
            if not np.array_equal(a[top : top + _BAND], b[top : top + _BAND]):
                return False
    return True
