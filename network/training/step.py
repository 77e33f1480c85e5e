"""One step of training: from a batch to moved weights."""

from __future__ import annotations

import math
from contextlib import nullcontext
from dataclasses import dataclass
from typing import TYPE_CHECKING

import torch
from torch import Tensor, nn

from network.training.losses import LOSSES, multi_scale_loss
from network.training.optimisers import rate_at, set_rate

if TYPE_CHECKING:
    from network.training.checkpoint import TrainingState
    from network.training.distributed import Processes
    from network.training.recipes import Preset


class NotFiniteError(Exception):
    """A number that training can't go on from; the message names it."""


@dataclass(frozen=True, slots=True)
class StepResult:
    """Results of a step.

    Attributes:
        loss: Mean loss over all processes.
        rate: Learning rate.
        gradient_norm: Norm of the gradient before clipping; infinite or NaN where fp16 overflowed and nothing moved.
        gain: PSNR over the blurred patches of this process, mean in dB; NaN where all are sharp.
        interrupted: Whether any process was interrupted before the step.
    """

    loss: float
    rate: float
    gradient_norm: float
    gain: float
    interrupted: bool


def take_step(
    state: TrainingState,
    model: nn.Module,
    preset: Preset,
    dtype: torch.dtype,
    processes: Processes,
    blurred: Tensor,
    sharp: Tensor,
    *,
    interrupted: bool,
) -> StepResult:
    """Moves the weights once.

    Args:
        state: State whose network, optimisers and scaler are changed in place.
        model: Module that returns the scales of ``state.network``: see
            :meth:`network.training.distributed.Processes.wrap`.
        preset: The recipe.
        dtype: Type in which the network computes; the loss is computed in fp32.
        processes: The processes that train together.
        blurred: This process's share of the batch, in [0, 1], float (N, 3, H, W).
        sharp: Ground truth of ``blurred``, of the same shape.
        interrupted: Whether this process was interrupted, for the others to know.

    Raises:
        NotFiniteError: If loss or gradient is not finite; the weights were not moved.
    """
    rate = rate_at(preset, state.step)
    set_rate(state.optimisers, rate)
    with nullcontext() if dtype == torch.float32 else torch.autocast(blurred.device.type, dtype):
        results = model(blurred)
    results = [result.float() for result in results]
    loss = multi_scale_loss(results, sharp, LOSSES[preset.loss])
    value, interruptions = processes.mean(loss.item(), float(interrupted))
    if not math.isfinite(value):
        raise NotFiniteError(f"the loss is {value}")
    for optimiser in state.optimisers:
        optimiser.zero_grad(set_to_none=True)
    state.scaler.scale(loss).backward()  # type: ignore[no-untyped-call]
    for optimiser in state.optimisers:
        state.scaler.unscale_(optimiser)
    norm = nn.utils.clip_grad_norm_(state.network.parameters(), preset.clip).item()
    if math.isfinite(norm):
        for optimiser in state.optimisers:
            state.scaler.step(optimiser)
    elif not state.scaler.is_enabled() or state.scaler.get_scale() <= 1:
        raise NotFiniteError(f"the norm of the gradient is {norm}")
    # Else fp16 overflowed: no optimiser moves, and the next step is scaled less.
    state.scaler.update()
    return StepResult(value, rate, norm, gain_of(results[0], blurred, sharp), interruptions > 0)


@torch.no_grad()
def gain_of(result: Tensor, blurred: Tensor, sharp: Tensor) -> float:
    """Mean gain in PSNR over the blurred pictures of a batch, in dB; NaN where none is blurred.

    Pairs of over 40 dB are left out: they are all but sharp, and their ratio of errors would drown the others'.

    Args:
        result: Result of the network, float (N, 3, H, W).
        blurred: Input of the network, of the same shape.
        sharp: Ground truth, of the same shape.
    """
    before = (blurred - sharp).square().mean((1, 2, 3))
    after = (result - sharp).square().mean((1, 2, 3)).clamp_min(1e-6)
    gains = (10 * torch.log10(before / after))[before > 1e-4]
    return float(gains.mean()) if len(gains) else math.nan


@dataclass(frozen=True, slots=True)
class Progress:
    """Report of one step.

    Attributes:
        step: Number of steps done, over all starts of the run.
        loss: Loss of the step.
        rate: Learning rate of the step.
        waited: Seconds since the start that the loop waited for data.
        elapsed: Seconds since the start.
        gradient_norm: Norm of the gradient before clipping; infinite or NaN in a step that fp16 skipped.
        gain: PSNR of the step's results over the blurred patches, mean in dB; NaN where all are sharp.
    """

    step: int
    loss: float
    rate: float
    waited: float
    elapsed: float
    gradient_norm: float
    gain: float
