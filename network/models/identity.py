"""The network that changes nothing: the pipeline's own cost and fidelity are measured with it."""

from __future__ import annotations

from torch import Tensor, nn


class Identity(nn.Module):
    """Returns its input. It has no weights and needs no training."""

    def forward(self, image: Tensor) -> Tensor:
        """(N, 3, H, W) RGB, to itself."""
        return image
