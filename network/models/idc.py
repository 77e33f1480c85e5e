"""IDC, the network of "Iterative Dual CNNs for Image Deblurring" (Table 1), layer by layer.

What the paper leaves open, and what is chosen here:

* *How a scale is fed.* The blurred image of the scale and the previous scale's result, upsampled, are concatenated
  (6 channels). At the coarsest scale, which has no previous result, the blurred image stands in for it, as in the
  scale-recurrent network (Tao et al. 2018) whose blocks the paper adopts.
* *Resizing between scales.* 2x2 averages down, bilinear up: what bilinear resizing by exactly 2 does either way.
* *U-Net skips.* By addition, which needs no layer that Table 1 does not list; concatenation would double the inputs of
  D2 and D3.
* *A 4x4 deconvolution of stride 1 that is SAME.* Four taps have no middle; one row and column is dropped at the start
  and two at the end, as TensorFlow does.
* *Channels after a deconvolution.* D1 and D2 give the channels of the level above (64 and 32), so that the skips add;
  D3 keeps 32.
* *Activation.* ReLU after each 5x5 convolution, each deconvolution and the first convolution of a residual block;
  none after the addition of a residual block and none after the last convolution of the fusion.
* *Fusion input.* Both branches' features, concatenated (32 + 64).
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from network.models.layers import halved, with_padding


class ResidualBlock(nn.Module):
    """Two 5x5 convolutions, ReLU between them, added to the input.

    Args:
        channels: Number of channels in and out.
    """

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.first = nn.Conv2d(channels, channels, 5, padding=2)
        self.second = nn.Conv2d(channels, channels, 5, padding=2)

    def forward(self, features: Tensor) -> Tensor:
        """(N, channels, H, W) to the same shape."""
        result: Tensor = features + self.second(F.relu(self.first(features)))
        return result


class EBlock(nn.Module):
    """A 5x5 convolution, ReLU and two residual blocks.

    Args:
        inputs: Number of channels in.
        outputs: Number of channels out.
        stride: Stride of the convolution.
    """

    def __init__(self, inputs: int, outputs: int, stride: int = 1) -> None:
        super().__init__()
        self.convolution = nn.Conv2d(inputs, outputs, 5, stride, padding=2)
        self.blocks = nn.Sequential(ResidualBlock(outputs), ResidualBlock(outputs))

    def forward(self, features: Tensor) -> Tensor:
        """(N, inputs, H, W) to (N, outputs, H / stride, W / stride)."""
        result: Tensor = self.blocks(F.relu(self.convolution(features)))
        return result


class DBlock(nn.Module):
    """Two residual blocks, a 4x4 deconvolution and ReLU.

    Args:
        inputs: Channels in, and channels of the residual blocks.
        outputs: Number of channels out.
        stride: Stride of the deconvolution: 2 doubles height and width, 1 keeps them.
    """

    def __init__(self, inputs: int, outputs: int, stride: int) -> None:
        super().__init__()
        self.blocks = nn.Sequential(ResidualBlock(inputs), ResidualBlock(inputs))
        self.deconvolution = nn.ConvTranspose2d(inputs, outputs, 4, stride, padding=1)
        self.stride = stride

    def forward(self, features: Tensor) -> Tensor:
        """(N, inputs, H, W) to (N, outputs, H * stride, W * stride)."""
        height, width = features.shape[-2:]
        raised = self.deconvolution(self.blocks(features))
        # At stride 1 the padding of 1 leaves one row and column too many at the end.
        return F.relu(raised[..., : height * self.stride, : width * self.stride])


class SubDeblur(nn.Module):
    """The U-Net that deblurs: E1 32, E2 64, E3 128, D1 128, D2 64, D3 32."""

    def __init__(self) -> None:
        super().__init__()
        self.E1 = EBlock(6, 32)
        self.E2 = EBlock(32, 64, stride=2)
        self.E3 = EBlock(64, 128, stride=2)
        self.D1 = DBlock(128, 64, stride=2)
        self.D2 = DBlock(64, 32, stride=2)
        self.D3 = DBlock(32, 32, stride=1)

    def forward(self, images: Tensor) -> Tensor:
        """(N, 6, H, W), H and W divisible by 4, to (N, 32, H, W)."""
        full = self.E1(images)
        half = self.E2(full)
        result: Tensor = self.D3(self.D2(self.D1(self.E3(half)) + half) + full)
        return result


class SubTexture(nn.Sequential):
    """The shallow, wide branch that keeps texture: two EBlocks of 64 at stride 1, never downsampled."""

    def __init__(self) -> None:
        super().__init__(EBlock(6, 64), EBlock(64, 64))


class Fusion(nn.Module):
    """5x5 to 32 and 5x5 to the three colours.

    Args:
        inputs: Number of channels of both branches together.
    """

    def __init__(self, inputs: int) -> None:
        super().__init__()
        self.first = nn.Conv2d(inputs, 32, 5, padding=2)
        self.second = nn.Conv2d(32, 3, 5, padding=2)

    def forward(self, features: Tensor) -> Tensor:
        """(N, inputs, H, W) to (N, 3, H, W)."""
        result: Tensor = self.second(F.relu(self.first(features)))
        return result


class IDC(nn.Module):
    """The paper's network.

    Args:
        scales: Number of passes, 1 to 3, from coarse to fine with shared weights (3 is the paper's; 1 its ablation).
        texture: Whether the network has the Sub-Texture branch; False is the paper's other ablation.

    Raises:
        ValueError: If ``scales`` is not 1, 2 or 3.
    """

    def __init__(self, scales: int = 3, *, texture: bool = True) -> None:
        super().__init__()
        if scales not in {1, 2, 3}:
            raise ValueError(f"IDC has 1, 2 or 3 scales, not {scales}")
        self.scales = scales
        self.deblur = SubDeblur()
        self.texture = SubTexture() if texture else None
        self.fusion = Fusion(96 if texture else 32)
        for module in self.modules():
            if isinstance(module, nn.Conv2d | nn.ConvTranspose2d):
                nn.init.xavier_uniform_(module.weight)
                if module.bias is not None:
                    nn.init.zeros_(module.bias)

    @property
    def multiple(self) -> int:
        """Multiple to which height and width are padded, in pixels: two halvings in the U-Net, one more a scale."""
        return 4 << (self.scales - 1)

    def forward(self, image: Tensor) -> Tensor:
        """Deblurs a picture.

        Args:
            image: Blurred RGB in [0, 1], float, (N, 3, H, W), any H and W of at least 1.

        Returns:
            Deblurred RGB of the same shape, not clamped.
        """
        return with_padding(image, self.multiple, lambda padded: self.forward_scales(padded)[0])

    def forward_scales(self, image: Tensor) -> tuple[Tensor, ...]:
        """Deblurs, and keeps every scale's result for the loss.

        Args:
            image: RGB in [0, 1], float, (N, 3, H, W); H and W divisible by :attr:`multiple`.

        Returns:
            One tensor a scale, the finest first, each (N, 3, H / 2^k, W / 2^k).
        """
        blurred = [image]
        for _ in range(self.scales - 1):
            blurred.append(halved(blurred[-1]))
        results: list[Tensor] = []
        for scale_image in reversed(blurred):
            previous = (
                F.interpolate(results[-1], scale_factor=2.0, mode="bilinear", align_corners=False)
                if results
                else scale_image
            )
            pair = torch.cat((scale_image, previous), dim=1)
            features = self.deblur(pair)
            if self.texture is not None:
                features = torch.cat((features, self.texture(pair)), dim=1)
            results.append(self.fusion(features))
        return tuple(reversed(results))
