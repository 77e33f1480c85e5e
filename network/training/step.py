"""One step of training: from a batch to moved weights."""

from __future__ import annotations

import math
from contextlib import nullcontext
from dataclasses import dataclass
from typing import TYPE_CHECKING

import torch
from torch import nn

from network.training.losses import LOSSES
from network.training.optimisers import rate_at, set_rate

if TYPE_CHECKING:
    from network.training.checkpoint import TrainingState
    from network.training.distributed import Processes
    from network.training.examples import Examples
    from network.training.recipes import Preset


@dataclass(frozen=True, slots=True)
class StepResult:
    """Results of a step.

    Attributes:
        loss: Mean loss over all processes.
        rate: Learning rate.
        gradient_norm: Norm of the gradient before clipping.
        gain: PSNR over the blurred patches of this process, mean in dB; NaN where all are sharp.
        interrupted: Whether any process was interrupted before the step.
        fault: What was not finite, so that nothing moved; empty where all was well.
        overflowed: Whether nothing moved because fp16 overflowed, which is no fault: the next step is scaled less.
    """

    loss: float
    rate: float
    gradient_norm: float
    gain: float
    interrupted: bool
    fault: str = ""
    overflowed: bool = False

    @property
    def moved(self) -> bool:
        """Whether the weights were moved."""
        return not self.fault and not self.overflowed


def take_step(
    state: TrainingState,
    model: nn.Module,
    preset: Preset,
    dtype: torch.dtype,
    processes: Processes,
    examples: Examples,
    *,
    interrupted: bool,
) -> StepResult:
    """Moves the weights once, unless loss or gradient is not finite: then the network is left as it was.

    Args:
        state: State whose network, optimisers and scaler are changed in place.
        model: Module that returns the scales of ``state.network``: see
            :meth:`network.training.distributed.Processes.wrap`.
        preset: The recipe.
        dtype: Type in which the network computes; the loss is computed in fp32.
        processes: The processes that train together.
        examples: This process's share of the batch.
        interrupted: Whether this process was interrupted, for the others to know.
    """
    rate = rate_at(preset, state.step, state.patches)
    set_rate(state.optimisers, rate)
    # A forward pass changes what batch normalisation remembers, and one bad batch would spoil it for ever.
    remembered = [buffer.clone() for buffer in state.network.buffers()]
    with nullcontext() if dtype == torch.float32 else torch.autocast(examples.target.device.type, dtype):
        results = model(*examples.inputs)
    results = [result.float() for result in results]
    loss = LOSSES[preset.loss](results, examples.target)
    for optimiser in state.optimisers:
        optimiser.zero_grad(set_to_none=True)
    state.scaler.scale(loss).backward()  # type: ignore[no-untyped-call]
    for optimiser in state.optimisers:
        state.scaler.unscale_(optimiser)
    norm = nn.utils.clip_grad_norm_(state.network.parameters(), preset.clip).item()
    value, interruptions = processes.mean(loss.item(), float(interrupted))
    fault = "" if math.isfinite(value) else f"the loss is {value}"
    overflowed = False
    if not fault and not math.isfinite(norm):
        overflowed = state.scaler.is_enabled() and state.scaler.get_scale() > 1
        fault = "" if overflowed else f"the norm of the gradient is {norm}"
    if fault or overflowed:
        with torch.no_grad():
            for buffer, before in zip(state.network.buffers(), remembered, strict=True):
                buffer.copy_(before)
    else:
        for optimiser in state.optimisers:
            state.scaler.step(optimiser)
    if not fault:
        state.scaler.update()
    gain = examples.gain(results[0])
    return StepResult(value, rate, norm, gain, interruptions > 0, fault, overflowed)


@dataclass(frozen=True, slots=True)
class Progress:
    """Report of one step.

    Attributes:
        step: Number of steps done, over all starts of the run.
        patches: Number of patches seen over all runs, those of the starting weights included.
        loss: Loss of the step.
        rate: Learning rate of the step.
        waited: Seconds since the start that the loop waited for data.
        elapsed: Seconds since the start.
        gradient_norm: Norm of the gradient before clipping; infinite or NaN in a step that moved nothing.
        gain: PSNR of the step's results over the blurred patches, mean in dB; NaN where all are sharp.
    """

    step: int
    patches: int
    loss: float
    rate: float
    waited: float
    elapsed: float
    gradient_norm: float
    gain: float
