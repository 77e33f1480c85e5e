"""What moves the weights: the learning rate of a step, the optimisers, and the arithmetic they are fed from."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
from torch import nn

from network.training.muon import Muon

if TYPE_CHECKING:
    from torch.optim import Optimizer

    from network.training.recipes import Preset

HEADS = ("exit", "coarse_exits", "fusion.second")
"""Layers that make pixels, by the start of their names. An orthogonal update would give every pixel of a block the
same importance, so they are left to AdamW, as the authors of Muon advise for first and last layers."""

PRECISIONS = {"fp32": torch.float32, "bf16": torch.bfloat16, "fp16": torch.float16}


def rate_at(preset: Preset, step: int, patches: int) -> float:
    """The learning rate of a step.

    Args:
        preset: The recipe.
        step: Number of steps that this run has done before.
        patches: Number of patches that all runs have seen before.
    """
    warm = min(1.0, (step + 1) / preset.warmup) if preset.warmup else 1.0
    if preset.schedule == "exponential":
        return float(warm * preset.rate * (preset.final_rate / preset.rate) ** (patches / preset.until))
    fall = max(0.0, (patches - preset.fall_from) / max(1, preset.until - preset.fall_from))
    return warm * (preset.rate + (preset.final_rate - preset.rate) * min(1.0, fall))


def make_optimisers(network: nn.Module, preset: Preset) -> list[Optimizer]:
    """The optimisers of a recipe; each weight belongs to exactly one.

    Args:
        network: The network, on the device where it is trained.
        preset: The recipe.

    Returns:
        One optimiser or more. A parameter group's ``rate_factor`` is its learning rate over that of the recipe.
    """
    rate, decay = preset.rate, preset.weight_decay
    if preset.optimiser == "adam":
        optimisers: list[Optimizer] = [torch.optim.Adam(network.parameters(), rate, weight_decay=decay)]
    elif preset.optimiser == "adamw":
        optimisers = [torch.optim.AdamW(network.parameters(), rate, weight_decay=decay)]
    else:
        hidden = [
            module.weight
            for name, module in network.named_modules()
            if isinstance(module, nn.Conv2d) and not name.startswith(HEADS)
        ]
        taken = {id(weight) for weight in hidden}
        others = [weight for weight in network.parameters() if id(weight) not in taken]
        optimisers = [
            Muon(hidden, rate * preset.muon_factor, weight_decay=decay),
            # Biases, normalisations and heads do not decay.
            torch.optim.AdamW(others, rate, weight_decay=0.0),
        ]
    for optimiser in optimisers:
        factor = preset.muon_factor if isinstance(optimiser, Muon) else 1.0
        for group in optimiser.param_groups:
            group["rate_factor"] = factor
    return optimisers


def set_rate(optimisers: list[Optimizer], rate: float) -> None:
    """Sets the learning rate of every group to ``rate`` times the group's own factor."""
    for optimiser in optimisers:
        for group in optimiser.param_groups:
            group["lr"] = rate * group["rate_factor"]


def arithmetic(precision: str, device: torch.device) -> torch.dtype:
    """The type in which a network computes while it is trained.

    Args:
        precision: Precision, see :attr:`network.training.recipes.Preset.precision`.
        device: Device of the training.
    """
    if precision != "auto":
        return PRECISIONS[precision]
    if device.type == "cpu":
        # bfloat16 works on every processor, but is slower than FP32 where there are no instructions for it.
        has = torch.cpu.get_capabilities()
        return torch.bfloat16 if has.get("avx512_bf16") or has.get("amx_bf16") else torch.float32
    if device.type != "cuda":
        return torch.float32
    with torch.cuda.device(device):
        return torch.bfloat16 if torch.cuda.is_bf16_supported(including_emulation=False) else torch.float16


def make_scaler(dtype: torch.dtype, device: torch.device) -> torch.amp.GradScaler:
    """What keeps gradients in the range of fp16; it passes everything through in other arithmetic."""
    return torch.amp.GradScaler(device.type, enabled=dtype == torch.float16)
