"""Training losses: the paper's mixed loss, and those that were tried for the real-time network.

All take pictures in [0, 1], float (N, 3, H, W), and return a scalar.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
from pytorch_msssim import ssim
from torch import Tensor
from torch.nn import functional as F

from network.models.layers import halved

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence


def gradient_loss(result: Tensor, sharp: Tensor) -> Tensor:
    """Mean absolute difference of forward differences, both directions added.

    Equation 4 of the paper prints the difference of gradients without a norm; the absolute value is taken here.
    """
    difference = result - sharp
    across = difference[..., :, 1:] - difference[..., :, :-1]
    down = difference[..., 1:, :] - difference[..., :-1, :]
    return across.abs().mean() + down.abs().mean()


def mixed_loss(result: Tensor, sharp: Tensor) -> Tensor:
    """The paper's loss of one scale: L2 + 0.1 (1 - SSIM) + 0.1 gradient.

    SSIM has an 11x11 window, so height and width must be at least 11.
    """
    similarity: Tensor = ssim(result, sharp, data_range=1.0)
    return F.mse_loss(result, sharp) + 0.1 * (1 - similarity) + 0.1 * gradient_loss(result, sharp)


def frequency_loss(result: Tensor, sharp: Tensor) -> Tensor:
    """L1 of the pixels plus L1 of the Fourier coefficients (orthonormal, real and imaginary parts).

    A blur is a product in the frequency domain, so the second term weighs what blur took away; it costs next to
    nothing beside the network.
    """
    difference = result - sharp
    spectrum = torch.view_as_real(torch.fft.rfft2(difference.float(), norm="ortho"))
    return difference.abs().mean() + spectrum.abs().mean()


SLIGHT = 0.02
"""Root mean square difference, of the full scale, below which :func:`deviation_loss` is all but flat."""


def deviation_loss(result: Tensor, sharp: Tensor) -> Tensor:
    """Root mean square difference of each picture, averaged over pictures.

    Where blur leaves open what was there, absolute differences are least at the median, which is close to no
    correction at all; squares are least at the mean, which is what PSNR measures. The root keeps pictures with much
    blur from ruling those with little; :data:`SLIGHT` under it keeps those that are all but sharp from making the
    network timid.
    """
    squares = (result - sharp).square().mean((1, 2, 3))
    return (squares + SLIGHT**2).sqrt().mean() - SLIGHT


LOSSES: dict[str, Callable[[Tensor, Tensor], Tensor]] = {
    "mixed": mixed_loss,
    "frequency": frequency_loss,
    "deviation": deviation_loss,
}
"""Losses of one scale, by the name that presets use."""


def multi_scale_loss(results: Sequence[Tensor], sharp: Tensor, term: Callable[[Tensor, Tensor], Tensor]) -> Tensor:
    """Sum of a loss over scales, the ground truth downsampled to each.

    Args:
        results: Results of each scale, the finest first, each half as large as the one before.
        sharp: Ground truth at full resolution.
        term: Loss of one scale.
    """
    total = term(results[0], sharp)
    for result in results[1:]:
        sharp = halved(sharp)
        total = total + term(result, sharp)
    return total
