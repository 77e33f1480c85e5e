"""The network over time: the paper's idea on a window of three frames, in the codec's own planes.

A deep branch deblurs, a shallow one keeps texture, a fusion joins them, and three scales are supervised in training.
What differs from the paper's network, and why:

* It sees the previous and the next frame, brought onto the present one (:mod:`network.window.alignment`). Frames blur
  differently, so that what one has lost another may show; aligned, they need no search.
* It is told the motion, by multiplication: features are scaled and shifted by two small layers that see the optical
  flow. Motion is what blurs, and where a frame is missing, a mark says so.
* Planes enter as they are, luma unshuffled by 4 and half-resolution chroma by 2: 24 channels a frame at a quarter of
  the resolution. Nothing is converted to RGB, and every layer runs at 1/4 resolution or below, where convolutions are
  bound by arithmetic and not by memory.
* The unshuffled pixels enter as scaled cosine coefficients (:class:`network.models.plane_channels.PlaneSpectrum`),
  which makes blur visible to the first layers.
* The coarser scales are outputs of the decoder's lower levels, used in training only. Inference is one pass.
* The network predicts what to add to the present frame, starting from nothing (a zero-initialised last layer).
* Batch normalisation speeds up training and is folded into the convolutions for inference.
"""

from __future__ import annotations

from functools import partial

import torch
from torch import Tensor, nn

from network.models.layers import ConvUnit, Raise, ResidualUnit, without_autocast
from network.models.plane_channels import CHANNELS, LUMA_STEP, PlaneSpectrum, as_channels, as_planes
from network.window.motion import MOTION_CHANNELS
from network.window.windows import Window

CORRECTION = 0.05
"""Scale of what the network adds to its input: about the deviation between blurred and sharp pictures. Without it, one
step of the optimiser on the last layer changes the output by more than there is to correct."""

FEATURE_SCALE = 1 / 16
"""Scale of all features in the folded network. On noise of saturated colours they come near to where FP16 ends, at
65,504. A power of two rounds nothing."""

MOMENTS = 9
"""Channels that are made of the motion."""


class IDCVideo(nn.Module):
    """``idc-video``: dual branch, one pass, three aligned frames, nothing above 1/4 resolution.

    Args:
        widths: Numbers of channels at 1/4, 1/8 and 1/16 resolution.
        depth: Number of residual units at 1/16 resolution.
        motion: Number of channels of the layers that see the motion.
        frames: Number of frames that it sees: 3, or 1 for the present frame alone, which is an ablation.
        texture: Whether the network has the texture branch; False is an ablation.

    Raises:
        ValueError: If ``frames`` is neither 1 nor 3.

    Attributes:
        window: Neighbours that it looks at.
    """

    multiple = LUMA_STEP * 4
    """Multiple that height and width of luma must be of, in pixels: the unshuffle and two halvings."""

    def __init__(
        self,
        widths: tuple[int, int, int] = (64, 96, 160),
        depth: int = 6,
        motion: int = 16,
        frames: int = 3,
        *,
        texture: bool = True,
    ) -> None:
        super().__init__()
        if frames not in {1, 3}:
            raise ValueError(f"idc-video sees 1 or 3 frames, not {frames}")
        high, middle, low = widths
        self.window = Window(frames // 2, frames // 2)
        self.correction = CORRECTION
        self.spectrum = PlaneSpectrum()
        self.entry = ConvUnit(frames * CHANNELS, high)
        self.down_middle = nn.Sequential(ConvUnit(high, middle, stride=2), ResidualUnit(middle))
        self.down_low = ConvUnit(middle, low, stride=2)
        self.low = nn.Sequential(*(ResidualUnit(low) for _ in range(depth)))
        self.up_middle = Raise(low, middle)
        self.middle = ResidualUnit(middle)
        self.up_high = Raise(middle, high)
        self.high = ResidualUnit(high)
        self.texture = nn.Sequential(ConvUnit(CHANNELS, high), ConvUnit(high, high)) if texture else None
        self.fusion = ConvUnit(2 * high if texture else high, high, kernel=1)
        self.exit = nn.Conv2d(high, CHANNELS, 3, padding=1)
        # Heads of the coarser scales: their pixel shuffle gives 1/2 and 1/4 of the full resolution.
        self.coarse_exits = nn.ModuleList(nn.Conv2d(channels, CHANNELS, 3, padding=1) for channels in (middle, low))
        for convolution in (self.exit, *self.coarse_exits):
            nn.init.zeros_(convolution.weight)
            nn.init.zeros_(convolution.bias)
        self.motion = MotionTeller(motion, middle, low) if frames > 1 else None

    def forward(self, luma: Tensor, chroma: Tensor, motion: Tensor | None = None) -> tuple[Tensor, Tensor]:
        """Corrections of the present frame.

        Args:
            luma: Luma of the window's frames in the order of time, the neighbours aligned, (N, frames, H, W) float,
                0 black and 1 white; H and W multiples of :attr:`multiple`.
            chroma: Both chroma planes of each frame, (N, 2 frames, H / 2, W / 2) float, nominally -0.5 to 0.5.
            motion: Motion, (N, 6, H / 8, W / 8) float: flow to the previous frame (x, y) and to the next one, in pixels
                of a quarter of the resolution, and 1 where there is no previous and no next frame; see
                :func:`network.window.motion.motion_of`. None for a network that sees one frame.

        Returns:
            What to add to luma, (N, 1, H, W), and to both chroma planes, (N, 2, H / 2, W / 2).
        """
        return as_planes(self.corrections(as_channels(luma, chroma), motion)[0])

    def corrections(self, frames: Tensor, motion: Tensor | None, *, coarse: bool = False) -> list[Tensor]:
        """Corrections as channels.

        Args:
            frames: The window as channels, (N, frames * 24, H / 4, W / 4), see
                :func:`network.models.plane_channels.as_channels`.
            motion: See :meth:`forward`.
            coarse: Whether to correct the two coarser scales as well, for the loss.

        Returns:
            (N, 24, H / 4, W / 4) and, with ``coarse``, those at half and a quarter of that.
        """
        spectrum = self.spectrum(frames)
        present = spectrum[:, self.window.before * CHANNELS :][:, :CHANNELS]
        features, *coarser = self.features(spectrum, present, motion)
        outputs = [self.exit(features)]
        if coarse:
            outputs += [head(level) for head, level in zip(self.coarse_exits, coarser, strict=True)]
        return [output.float() * self.correction for output in outputs]

    def features(self, spectrum: Tensor, present: Tensor, motion: Tensor | None) -> tuple[Tensor, Tensor, Tensor]:
        """What the corrections are made of.

        Args:
            spectrum: Cosine coefficients of the window's frames, (N, frames * 24, H / 4, W / 4).
            present: Those of the present frame, (N, 24, H / 4, W / 4).
            motion: See :meth:`forward`.

        Returns:
            Features at 1/4, 1/8 and 1/16 of the resolution.
        """
        kind = self.exit.weight.dtype
        spectrum, present = spectrum.to(kind), present.to(kind)
        entry = self.entry(spectrum)
        told = None if self.motion is None else self.motion(motion)
        middle = self.down_middle(entry)
        if told is not None:
            middle = told.to_middle(middle)
        low = self.down_low(middle)
        if told is not None:
            low = told.to_low(low)
        low = self.low(low)
        middle = self.up_middle(low) + middle
        if told is not None:
            middle = told.to_raised(middle)
        middle = self.middle(middle)
        features = self.high(self.up_high(middle) + entry)
        if self.texture is not None:
            features = torch.cat((features, self.texture(present)), dim=1)
        return self.fusion(features), middle, low

    def forward_scales(self, frames: Tensor, motion: Tensor | None = None) -> list[Tensor]:
        """Corrections of all three scales, for the loss; see :meth:`corrections`."""
        return self.corrections(frames, motion, coarse=True)

    def fold(self) -> None:
        """Merges the scale of the correction into the last layers, and makes all features smaller for FP16.

        Between the first layers and the last, the network is made of convolutions, ReLU, sums and products with what
        motion says, where only biases and shifts know of the scale. The same function, for inference only, after the
        folding of every :class:`ConvUnit`.
        """
        if self.correction == 1.0:
            return
        readers: list[nn.Module] = [self.entry, *([] if self.texture is None else [self.texture[0]])]
        for reader in readers:
            assert isinstance(reader, ConvUnit), "a ConvUnit reads the spectrum"
            reader.convolution.weight.mul_(FEATURE_SCALE)
        motion_units = set() if self.motion is None else set(self.motion.modules())
        for unit in self.modules():
            if isinstance(unit, ConvUnit) and unit not in motion_units and unit.convolution.bias is not None:
                unit.convolution.bias.mul_(FEATURE_SCALE)
        if self.motion is not None:
            self.motion.scale_shifts(FEATURE_SCALE)
        for head in (self.exit, *self.coarse_exits):
            head.weight.mul_(self.correction / FEATURE_SCALE)
            head.bias.mul_(self.correction)
        self.correction = 1.0

    def sample_inputs(
        self, height: int, width: int, batch: int = 1, device: torch.device | str | None = None
    ) -> tuple[Tensor, ...]:
        """Inputs of :meth:`forward` for frames of a size, zero all over."""
        height, width = (-(-length // self.multiple) * self.multiple for length in (height, width))
        frames = self.window.frames
        inputs = [
            torch.zeros(batch, frames, height, width, device=device),
            torch.zeros(batch, 2 * frames, height // 2, width // 2, device=device),
        ]
        if self.motion is not None:
            inputs.append(torch.zeros(batch, MOTION_CHANNELS, height // 8, width // 8, device=device))
        return tuple(inputs)


idc_video_small = partial(IDCVideo, widths=(40, 64, 96), depth=5)
"""``idc-video-small``: the same layers with fewer channels, at 0.4 times the cost."""

idc_video_large = partial(IDCVideo, widths=(96, 160, 256))
"""``idc-video-large``: the same layers with more channels, at 2.4 times the cost."""


class Modulation(nn.Module):
    """Tells features something by multiplication: x (1 + s) + b, starting from x.

    Args:
        channels: Number of channels of the features.
        told: Number of channels of what is told.
    """

    def __init__(self, channels: int, told: int) -> None:
        super().__init__()
        self.layer = nn.Conv2d(told, 2 * channels, 1)
        self.channels = channels
        for parameter in self.layer.parameters():
            nn.init.zeros_(parameter)

    def forward(self, features: Tensor, told: Tensor) -> Tensor:
        """(N, channels, H, W) and (N, told, H, W) to (N, channels, H, W)."""
        scale, shift = self.layer(told).split(self.channels, 1)
        told_features: Tensor = features * (1 + scale) + shift
        return told_features

    def scale_shift(self, factor: float) -> None:
        """Multiplies the shift alone, for features that were made smaller."""
        for parameter in self.layer.parameters():
            parameter[self.channels :].mul_(factor)


class MotionTeller(nn.Module):
    """Layers that see the motion, and tell the features at 1/8 and 1/16 resolution of it.

    Args:
        channels: Number of channels of these layers.
        middle: Number of channels of the features at 1/8.
        low: Number of channels of the features at 1/16.
    """

    def __init__(self, channels: int, middle: int, low: int) -> None:
        super().__init__()
        self.entry = nn.Sequential(ConvUnit(MOMENTS, channels), ConvUnit(channels, channels))
        self.down = ConvUnit(channels, channels, stride=2)
        self.middle = Modulation(middle, channels)
        self.low = Modulation(low, channels)
        self.raised = Modulation(middle, channels)

    def forward(self, motion: Tensor) -> _Told:
        """Motion (N, 6, H / 8, W / 8) to what is told."""
        fine = self.entry(moments(motion).to(next(self.down.parameters()).dtype))
        return _Told(self, fine, self.down(fine))

    def scale_shifts(self, factor: float) -> None:
        """Multiplies all shifts, for features that were made smaller."""
        for modulation in (self.middle, self.low, self.raised):
            modulation.scale_shift(factor)


class _Told:
    """What is told of one window's motion."""

    def __init__(self, layers: MotionTeller, fine: Tensor, coarse: Tensor) -> None:
        self._layers, self._fine, self._coarse = layers, fine, coarse

    def to_middle(self, features: Tensor) -> Tensor:
        told: Tensor = self._layers.middle(features, self._fine)
        return told

    def to_low(self, features: Tensor) -> Tensor:
        told: Tensor = self._layers.low(features, self._coarse)
        return told

    def to_raised(self, features: Tensor) -> Tensor:
        told: Tensor = self._layers.raised(features, self._fine)
        return told


def moments(motion: Tensor) -> Tensor:
    """(N, 6, h, w) motion to 9 channels of like size.

    Both displacements / 4; the second moments of their mean over its length, which say along which line blur lies and
    are the same forwards and backwards; that length; and both marks.
    """
    with without_autocast(motion):
        motion = motion.float()
        previous, following = motion[:, :2], motion[:, 2:4]
        x, y = ((following - previous) / 2).unbind(1)
        length = (x * x + y * y + 0.0625).sqrt()
        along = torch.stack(((x * x - y * y) / length, 2 * x * y / length, length), dim=1)
        return torch.cat((previous / 4, following / 4, along, motion[:, 4:]), 1)
