"""Small networks that change their input visibly: one for RGB, and the network over time."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
from torch import Tensor, nn

from network.models import registry
from network.models.layers import ConvUnit, Raise, ResidualUnit, with_padding

if TYPE_CHECKING:
    from pathlib import Path

VIDEO_OPTIONS = {"widths": [8, 8, 8], "depth": 1, "motion": 4}
"""Options of a small network over time."""


class SmallRGB(nn.Module):
    """Sees a picture of RGB at two scales."""

    multiple = 4

    def __init__(self) -> None:
        super().__init__()
        self.entry = ConvUnit(3, 8)
        self.low = nn.Sequential(ConvUnit(8, 8, stride=2), ResidualUnit(8), Raise(8, 8))
        self.exit = nn.Conv2d(8, 3, 3, padding=1)

    def forward(self, image: Tensor) -> Tensor:
        """RGB (N, 3, H, W) to the same shape."""
        return with_padding(image, self.multiple, self._deblurred)

    def _deblurred(self, image: Tensor) -> Tensor:
        entry = self.entry(image)
        result: Tensor = image + 0.1 * self.exit(self.low(entry) + entry)
        return result


def lively(network: nn.Module, seed: int = 0, gain: float = 1.0) -> nn.Module:
    """Random weights, so that every layer and the farthest pixel count."""
    generator = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for tensor in network.parameters():
            fan = max(1, tensor[0].numel()) if tensor.dim() else 1
            tensor.copy_(torch.randn(tensor.shape, generator=generator) * gain / fan**0.5)
    return network.eval()


def rgb_network(seed: int = 0) -> nn.Module:
    """A small network for RGB."""
    return lively(SmallRGB(), seed)


def video_network(seed: int = 0, **options: object) -> nn.Module:
    """A small network over time."""
    return lively(registry.create("idc-video", **{**VIDEO_OPTIONS, **options}), seed, gain=0.7)


def save_video_network(path: Path, seed: int = 0) -> None:
    """Writes a small network over time as ``deblur train`` would."""
    from network import weights

    weights.save(path, video_network(seed), name="idc-video", options=VIDEO_OPTIONS, card={})
