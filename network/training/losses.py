"""Training losses: the paper's for pictures, and that of the network over time, which sees planes."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import torch
from pytorch_msssim import ssim
from torch import Tensor
from torch.nn import functional as F

from network.models.layers import halved
from network.models.plane_channels import CHANNELS, LUMA_STEP, halved_channels

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence


def gradient_loss(result: Tensor, sharp: Tensor) -> Tensor:
    """Mean absolute difference of forward differences, both directions added.

    Equation 4 of the paper prints the difference of gradients without a norm; the absolute value is taken here.

    Args:
        result: Result, float (N, C, H, W).
        sharp: Ground truth, of the same shape.
    """
    difference = result - sharp
    across = difference[..., :, 1:] - difference[..., :, :-1]
    down = difference[..., 1:, :] - difference[..., :-1, :]
    return across.abs().mean() + down.abs().mean()


def mixed_loss(result: Tensor, sharp: Tensor) -> Tensor:
    """The paper's loss of one scale: L2 + 0.1 (1 - SSIM) + 0.1 gradient.

    Args:
        result: RGB in [0, 1], float (N, 3, H, W); SSIM has an 11x11 window, so height and width must be at least 11.
        sharp: Ground truth, of the same shape.
    """
    similarity: Tensor = ssim(result, sharp, data_range=1.0)
    return F.mse_loss(result, sharp) + 0.1 * (1 - similarity) + 0.1 * gradient_loss(result, sharp)


SLIGHT = 0.005
"""Root mean square difference, of the full scale, below which :func:`deviation_loss` is all but flat."""

CHROMA_WEIGHT = 0.5
"""Weight of a squared difference of chroma beside one of luma."""


def deviation_loss(result: Tensor, sharp: Tensor) -> Tensor:
    """Root mean square difference of each patch's planes, averaged over patches; chroma counts half.

    Where blur leaves open what was there, absolute differences are least at the median, which is close to no
    correction at all; squares are least at the mean, which is what PSNR measures. The root keeps patches with much
    blur from ruling those with little; :data:`SLIGHT` under it keeps those that are all but sharp from making the
    network timid.

    Args:
        result: Channels of planes, float (N, 24, h, w), see :func:`network.models.plane_channels.as_channels`.
        sharp: Ground truth, of the same shape.
    """
    weights = torch.full((CHANNELS,), CHROMA_WEIGHT, device=result.device)
    weights[: LUMA_STEP**2] = 1
    squares = ((result - sharp).square() * weights[:, None, None]).mean((1, 2, 3))
    return (squares + SLIGHT**2).sqrt().mean() - SLIGHT


@dataclass(frozen=True, slots=True)
class Loss:
    """A loss over scales.

    Attributes:
        term: Loss of one scale.
        halve: Function that halves height and width of the ground truth.
        coarse: Weight of the coarser scales beside the finest one.
        of_windows: Whether it is for networks over time, which see planes; else for those that see RGB pictures.
    """

    term: Callable[[Tensor, Tensor], Tensor]
    halve: Callable[[Tensor], Tensor]
    coarse: float
    of_windows: bool

    def __call__(self, results: Sequence[Tensor], sharp: Tensor) -> Tensor:
        """The loss.

        Args:
            results: Results of each scale, the finest first, each half as large as the one before.
            sharp: Ground truth of the finest scale.
        """
        total = self.term(results[0], sharp)
        for result in results[1:]:
            sharp = self.halve(sharp)
            total = total + self.coarse * self.term(result, sharp)
        return total


LOSSES: dict[str, Loss] = {
    "mixed": Loss(mixed_loss, halved, coarse=1.0, of_windows=False),
    "deviation": Loss(deviation_loss, halved_channels, coarse=0.5, of_windows=True),
}
"""Losses by the name that presets use."""
