"""Building blocks that the networks share."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
from torch import Tensor, nn
from torch.nn import functional as F
from torch.nn.utils.fusion import fuse_conv_bn_eval

if TYPE_CHECKING:
    from collections.abc import Callable


def with_padding(image: Tensor, multiple: int, process: Callable[[Tensor], Tensor]) -> Tensor:
    """Pads height and width to a multiple by repeating the last row and column, processes, and crops.

    Args:
        image: (N, C, H, W), any H and W of at least 1.
        multiple: What ``process`` needs height and width to be divisible by.
        process: Maps (N, C, H', W') to (N, C', H', W').

    Returns:
        (N, C', H, W).
    """
    height, width = image.shape[-2:]
    # Replication, since reflection fails where the picture is smaller than the padding.
    padded = F.pad(image, (0, -width % multiple, 0, -height % multiple), mode="replicate")
    return process(padded)[..., :height, :width]


def halved(image: Tensor) -> Tensor:
    """Half height and width by averaging 2x2 pixels, which is what bilinear resizing by exactly 2 does."""
    return F.avg_pool2d(image, 2)


class ConvUnit(nn.Module):
    """A 3x3 convolution, batch normalisation and, if asked for, ReLU.

    Args:
        inputs: Channels in.
        outputs: Channels out.
        stride: 1 or 2.
        kernel: Height and width of the kernel; odd.
        relu: Whether ReLU follows.
    """

    def __init__(self, inputs: int, outputs: int, *, stride: int = 1, kernel: int = 3, relu: bool = True) -> None:
        super().__init__()
        self.convolution = nn.Conv2d(inputs, outputs, kernel, stride, kernel // 2, bias=False)
        self.normalisation: nn.Module = nn.BatchNorm2d(outputs)
        self.activation = nn.ReLU(inplace=True) if relu else nn.Identity()

    def forward(self, features: Tensor) -> Tensor:
        """(N, inputs, H, W) to (N, outputs, H / stride, W / stride)."""
        result: Tensor = self.activation(self.normalisation(self.convolution(features)))
        return result

    def fold(self) -> None:
        """Merges the normalisation into the convolution: the same function, one layer, for inference only."""
        if isinstance(self.normalisation, nn.BatchNorm2d):
            self.convolution = fuse_conv_bn_eval(self.convolution.eval(), self.normalisation.eval())
            self.normalisation = nn.Identity()


def fold_batch_normalisation(network: nn.Module) -> nn.Module:
    """Folds every :class:`ConvUnit` of ``network`` in place and puts it in evaluation mode.

    Returns:
        The same module.
    """
    network.eval()
    with torch.no_grad():
        for module in list(network.modules()):
            if isinstance(module, ConvUnit):
                module.fold()
    return network
