"""Building blocks that the networks share."""

from __future__ import annotations

from contextlib import nullcontext
from typing import TYPE_CHECKING

import torch
from torch import Tensor, nn
from torch.nn import functional as F
from torch.nn.utils.fusion import fuse_conv_bn_eval

if TYPE_CHECKING:
    from collections.abc import Callable
    from contextlib import AbstractContextManager


def with_padding(image: Tensor, multiple: int, process: Callable[[Tensor], Tensor]) -> Tensor:
    """Pads height and width to a multiple by repeating the last row and column, processes, and crops.

    Args:
        image: Picture (N, C, H, W), any H and W of at least 1.
        multiple: Divisor that ``process`` needs of height and width, in pixels.
        process: Function that maps (N, C, H', W') to (N, C', H', W').

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
        inputs: Number of channels in.
        outputs: Number of channels out.
        stride: Stride of the convolution, 1 or 2.
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


class ResidualUnit(nn.Module):
    """Two convolutions added to the input, then ReLU.

    Args:
        channels: Number of channels in and out.
    """

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.first = ConvUnit(channels, channels)
        self.second = ConvUnit(channels, channels, relu=False)

    def forward(self, features: Tensor) -> Tensor:
        """(N, channels, H, W) to the same shape."""
        return F.relu(features + self.second(self.first(features)))


class Raise(nn.Module):
    """Doubles height and width: a 1x1 convolution to four times the channels, and a pixel shuffle.

    Args:
        inputs: Number of channels in.
        outputs: Number of channels out.
    """

    def __init__(self, inputs: int, outputs: int) -> None:
        super().__init__()
        self.expand = ConvUnit(inputs, 4 * outputs, kernel=1, relu=False)

    def forward(self, features: Tensor) -> Tensor:
        """(N, inputs, H, W) to (N, outputs, 2 H, 2 W)."""
        return F.pixel_shuffle(self.expand(features), 2)


def fold_for_inference(network: nn.Module) -> nn.Module:
    """Folds what training alone needs into the convolutions of ``network``, in place, and puts it in evaluation mode.

    Every :class:`ConvUnit` loses its normalisation; then the network's own ``fold``, where it has one, does the rest.

    Returns:
        The same module.
    """
    network.eval()
    with torch.no_grad():
        for module in list(network.modules()):
            if isinstance(module, ConvUnit):
                module.fold()
        fold = getattr(network, "fold", None)
        if fold is not None:
            fold()
    return network


def to_precision(network: nn.Module, dtype: torch.dtype) -> nn.Module:
    """Converts a network to a data type, in place; modules with a true attribute ``is_exact`` stay as they are.

    Returns:
        The same module.
    """
    exact = [module for module in network.modules() if getattr(module, "is_exact", False)]
    kept = [{name: buffer.clone() for name, buffer in module.named_buffers(recurse=False)} for module in exact]
    network.to(dtype)
    for module, buffers in zip(exact, kept, strict=True):
        for name, buffer in buffers.items():
            setattr(module, name, buffer)
    return network


def without_autocast(like: Tensor) -> AbstractContextManager[object]:
    """A context in which a step computes in the types of its tensors, on the device of a tensor.

    Outside of mixed precision it is nothing, so that no exported graph has it.
    """
    device = like.device.type
    is_mixed = torch.amp.is_autocast_available(device) and torch.is_autocast_enabled(device)
    return torch.autocast(device, enabled=False) if is_mixed else nullcontext()
