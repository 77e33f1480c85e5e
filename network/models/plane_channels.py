"""Planes as channels: what a network over time computes with, at a quarter of the resolution."""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from network.models.layers import halved, without_autocast

LUMA_STEP, CHROMA_STEP = 4, 2
"""Pixels of luma and of chroma, either way, that become channels of one place."""

CHANNELS = LUMA_STEP**2 + 2 * CHROMA_STEP**2
"""Channels of one frame."""


def as_channels(luma: Tensor, chroma: Tensor) -> Tensor:
    """Planes of a window as channels of a quarter of the resolution.

    Args:
        luma: (N, frames, H, W).
        chroma: (N, 2 frames, H / 2, W / 2), both planes of a frame one after the other.

    Returns:
        (N, frames * 24, H / 4, W / 4): of each frame 16 of luma and 4 of each chroma plane.
    """
    count, frames, height, width = luma.shape
    size = (height // LUMA_STEP, width // LUMA_STEP)
    of_luma = F.pixel_unshuffle(luma, LUMA_STEP).reshape(count, frames, LUMA_STEP**2, *size)
    of_chroma = F.pixel_unshuffle(chroma, CHROMA_STEP).reshape(count, frames, 2 * CHROMA_STEP**2, *size)
    return torch.cat((of_luma, of_chroma), 2).reshape(count, frames * CHANNELS, *size)


def as_planes(channels: Tensor) -> tuple[Tensor, Tensor]:
    """(N, 24, h, w) to luma (N, 1, 4 h, 4 w) and both chroma planes (N, 2, 2 h, 2 w)."""
    luma, chroma = channels[:, : LUMA_STEP**2], channels[:, LUMA_STEP**2 :]
    return F.pixel_shuffle(luma, LUMA_STEP), F.pixel_shuffle(chroma, CHROMA_STEP)


def halved_channels(channels: Tensor) -> Tensor:
    """(N, 24, h, w) to (N, 24, h / 2, w / 2): the planes averaged by 2 either way."""
    luma, chroma = as_planes(channels)
    return as_channels(halved(luma), halved(chroma))


class PlaneSpectrum(nn.Module):
    """Turns unshuffled luma and chroma into discrete cosine coefficients, each scaled to a like variance.

    In a block of pixels, brightness varies a hundred times as much as the fine detail that tells sharp from blurred.
    A first layer that sees raw pixels sees brightness; measured here, such a network learned next to nothing of blur
    in thousands of steps. The transform is linear, fixed, and 0.1 thousand multiply-adds a pixel. It stays a layer of
    its own, in FP32, whatever the rest computes in: beside brightness, coarser arithmetic rounds away the fine detail
    that all depends on.
    """

    is_exact = True

    def __init__(self) -> None:
        super().__init__()
        # Natural pictures: deviations of luma close to 0.3 / (u^2 + v^2), 1.6 at zero; those of chroma a tenth of it.
        planes = [_spectrum(LUMA_STEP, 0.3, 1.6), *[_spectrum(CHROMA_STEP, 0.03, 0.16)] * 2]
        self.matrix: Tensor
        self.register_buffer("matrix", _joined(planes).float()[:, :, None, None], persistent=False)

    def forward(self, frames: Tensor) -> Tensor:
        """(N, frames * 24, h, w) as :func:`as_channels` gives it, to the same shape."""
        count, channels, height, width = frames.shape
        with without_autocast(frames):
            each = frames.float().reshape(-1, CHANNELS, height, width)
            spectrum = F.conv2d(each, self.matrix).reshape(count, channels, height, width)
        return spectrum.contiguous(memory_format=torch.channels_last) if self.training else spectrum


def _joined(blocks: list[Tensor]) -> Tensor:
    """Square matrices along the diagonal of one."""
    size = sum(len(block) for block in blocks)
    joined, at = torch.zeros(size, size, dtype=torch.float64), 0
    for block in blocks:
        joined[at : at + len(block), at : at + len(block)] = block
        at += len(block)
    return joined


def _spectrum(block: int, scale: float, mean: float) -> Tensor:
    """Matrix from the pixels of a block to its scaled cosine coefficients."""
    index = torch.arange(block, dtype=torch.float64)
    cosine = torch.cos(math.pi * (2 * index[None] + 1) * index[:, None] / (2 * block)) * math.sqrt(2 / block)
    cosine[0] /= math.sqrt(2)
    square = index[:, None] ** 2 + index**2
    gain = torch.where(square > 0, square / scale, torch.tensor(1 / mean, dtype=torch.float64))
    return torch.einsum("uv,ui,vj->uvij", gain, cosine, cosine).reshape(block * block, block * block)
