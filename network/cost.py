"""Parameters and multiply-adds of a network, independent of what it runs on."""

from __future__ import annotations

import copy
from typing import TYPE_CHECKING

import torch
from torch.utils.flop_counter import FlopCounterMode

if TYPE_CHECKING:
    from torch import nn


def parameters(network: nn.Module) -> int:
    """Number of trainable parameters, those that only training uses included."""
    return sum(parameter.numel() for parameter in network.parameters())


def multiply_adds(network: nn.Module, height: int, width: int) -> int:
    """Multiply-adds of convolutions and matrix products for one picture, padding included; nothing is computed.

    Args:
        network: Network from RGB (N, 3, H, W) to the same shape, or one over time, which says its inputs by
            ``sample_inputs``.
        height: Height of the picture, in pixels.
        width: Width of the picture, in pixels.
    """
    shadow = copy.deepcopy(network).to("meta")
    sample_inputs = getattr(network, "sample_inputs", None)
    if sample_inputs is None:
        inputs = (torch.empty(1, 3, height, width, device="meta"),)
    else:
        inputs = sample_inputs(height, width, device="meta")
    with torch.no_grad(), FlopCounterMode(display=False) as counter:
        shadow(*inputs)
    return int(counter.get_total_flops()) // 2  # the counter takes a multiplication and an addition for two
