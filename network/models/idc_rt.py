"""The real-time network: the paper's idea under a budget of 20 to 30 thousand multiply-adds a pixel.

A deep branch deblurs, a shallow one keeps texture, a fusion joins them, and three scales are supervised in training.
What differs from the paper's network, and why:

* Pixels are unshuffled by 4 at the entry: no information is lost (16 pixels of 3 colours become 48 channels), so the
  texture branch is still never downsampled, and every layer runs at 1/4 resolution or below, where convolutions are
  bound by arithmetic and not by memory.
* The unshuffled pixels enter as scaled cosine coefficients (:class:`network.models.layers.PixelSpectrum`), which makes
blur
  visible to the first layers; the transform is folded into them for inference.
* Most depth lies at 1/8 and 1/16, where a layer sees far and costs little.
* The coarser scales are outputs of the decoder's lower levels, used in training only. Inference is one pass.
* The network predicts what to add to its input, starting from nothing (a zero-initialised last layer).
* Batch normalisation speeds up training and is folded into the convolutions for inference, which leaves plain
  convolutions and ReLU: they quantise well and every engine runs them fast.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from network.models.layers import ConvUnit, PixelSpectrum, Raise, ResidualUnit, halved, with_padding

UNSHUFFLE = 4
PIXELS = 3 * UNSHUFFLE**2
CORRECTION = 0.05
"""Scale of what the network adds to its input: about the deviation between blurred and sharp pictures. Without it, one
step of the optimiser on the last layer changes the output by more than there is to correct."""


FEATURE_SCALE = 1 / 16
"""Scale of all features in the folded network. On noise of saturated colours they reach 193,000 (on real frames less
than 100), and FP16 ends at 65,504. A power of two rounds nothing."""


class IDCRealTime(nn.Module):
    """``idc-rt``: dual branch, one pass, nothing above 1/4 resolution.

    Args:
        widths: Numbers of channels at 1/4, 1/8 and 1/16 resolution.
        depth: Number of residual units at 1/16 resolution.
        scales: Number of scales supervised in training: 3 adds 1/2 and 1/4 resolution, 1 is the full resolution alone.
        texture: Whether the network has the texture branch; False is an ablation.

    Raises:
        ValueError: If ``scales`` is neither 1 nor 3.
    """

    multiple = UNSHUFFLE * 4
    """Multiple to which height and width are padded, in pixels: the unshuffle and two halvings."""

    def __init__(
        self,
        widths: tuple[int, int, int] = (64, 96, 128),
        depth: int = 4,
        scales: int = 3,
        *,
        texture: bool = True,
    ) -> None:
        super().__init__()
        if scales not in {1, 3}:
            raise ValueError(f"idc-rt is supervised at 1 or 3 scales, not {scales}")
        high, middle, low = widths
        self.scales = scales
        self.correction = CORRECTION
        self.spectrum: nn.Module = PixelSpectrum(UNSHUFFLE)
        self.entry = ConvUnit(PIXELS, high)
        self.down_middle = nn.Sequential(ConvUnit(high, middle, stride=2), ResidualUnit(middle))
        self.down_low = ConvUnit(middle, low, stride=2)
        self.low = nn.Sequential(*(ResidualUnit(low) for _ in range(depth)))
        self.up_middle = Raise(low, middle)
        self.middle = ResidualUnit(middle)
        self.up_high = Raise(middle, high)
        self.high = ResidualUnit(high)
        self.texture = nn.Sequential(ConvUnit(PIXELS, high), ConvUnit(high, high)) if texture else None
        self.fusion = ConvUnit(2 * high if texture else high, high, kernel=1)
        self.exit = nn.Conv2d(high, PIXELS, 3, padding=1)
        # Heads of the coarser scales: their pixel shuffle gives 1/2 and 1/4 of the full resolution.
        self.coarse_exits = nn.ModuleList(
            [nn.Conv2d(channels, PIXELS, 3, padding=1) for channels in (middle, low)] if scales == 3 else []
        )
        for convolution in (self.exit, *self.coarse_exits):
            nn.init.zeros_(convolution.weight)
            nn.init.zeros_(convolution.bias)

    def forward(self, image: Tensor) -> Tensor:
        """Deblurs in one pass.

        Args:
            image: Blurred RGB in [0, 1], float, (N, 3, H, W), any H and W of at least 1.

        Returns:
            Deblurred RGB of the same shape, not clamped.
        """
        return with_padding(image, self.multiple, lambda padded: padded + self._residuals(padded)[0])

    def forward_scales(self, image: Tensor) -> tuple[Tensor, ...]:
        """Deblurs, with the coarser scales' results for the loss.

        Args:
            image: RGB in [0, 1], float, (N, 3, H, W); H and W divisible by :attr:`multiple`.

        Returns:
            One tensor a scale, the finest first, each (N, 3, H / 2^k, W / 2^k).
        """
        full, *coarse = self._residuals(image, coarse=True)
        results = [image + full]
        for residual in coarse:
            image = halved(image)
            results.append(image + residual)
        return tuple(results)

    def fold(self) -> None:
        """Merges the cosine transform and the scale of the correction into the layers beside them.

        Also makes all features smaller, to give them room in FP16: between the first layers and the last, the network
        is made of convolutions, ReLU and sums, where only biases know of the scale. The same function, for inference
        only, after the folding of every :class:`ConvUnit`.
        """
        if not isinstance(self.spectrum, PixelSpectrum):
            return
        for reader in (self.entry, *([] if self.texture is None else [self.texture[0]])):
            self.spectrum.fold_into(reader).weight.mul_(FEATURE_SCALE)
        self.spectrum = nn.Identity()
        for unit in self.modules():
            if isinstance(unit, ConvUnit) and unit.convolution.bias is not None:
                unit.convolution.bias.mul_(FEATURE_SCALE)
        for head in (self.exit, *self.coarse_exits):
            head.weight.mul_(self.correction / FEATURE_SCALE)
            head.bias.mul_(self.correction)
        self.correction = 1.0

    def _residuals(self, image: Tensor, *, coarse: bool = False) -> list[Tensor]:
        pixels = self.spectrum(F.pixel_unshuffle(image, UNSHUFFLE))
        entry = self.entry(pixels)
        middle = self.down_middle(entry)
        low = self.low(self.down_low(middle))
        middle = self.middle(self.up_middle(low) + middle)
        features = self.high(self.up_high(middle) + entry)
        if self.texture is not None:
            features = torch.cat((features, self.texture(pixels)), dim=1)
        outputs = [self.exit(self.fusion(features))]
        if coarse:
            outputs += [head(level) for head, level in zip(self.coarse_exits, (middle, low), strict=False)]
        return [F.pixel_shuffle(output, UNSHUFFLE) * self.correction for output in outputs]
