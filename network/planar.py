"""Planes in, planes out: the residual bridge between what a codec stores and a network that knows RGB.

Planes become RGB, the network runs, and only what it *changed* (its output minus its input) goes back to the planes:
through the linear part of the matrix, rounded to whole codes, and added to the original ones. So a network that
changes nothing gives back every code as it was, at any bit depth, matrix, range and subsampling, super-whites included;
what RGB can't hold and what resampling chroma loses never touches the picture.

Chroma is upsampled bilinearly and its residual averaged, both centred on the luma samples that share it. Where a codec
places chroma to the left instead, the network sees it a quarter of a chroma sample aside; since the residual goes back
the same way, no colour moves.

The arithmetic is elementwise rather than convolutions or matrix products over three channels, which inference
libraries run in channel-blocked layouts with a conversion before and after.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from network.colour import coefficients
from network.planes import Layout, PlaneSpec

if TYPE_CHECKING:
    from collections.abc import Sequence


class PlanesToRGB(nn.Module):
    """Planes to RGB.

    Args:
        layout: Layout of the samples in planes.
    """

    def __init__(self, layout: Layout) -> None:
        super().__init__()
        self.layout = layout

    def forward(self, planes: Sequence[Tensor], to_rgb: Tensor, offset: Tensor) -> Tensor:
        """Converts.

        Args:
            planes: Words of the planes as float32, (N, H, W) each, or (N, H, W, 2) for NV12's chroma.
            to_rgb: Matrix (3, C), see :class:`network.colour.ColourCoefficients`.
            offset: Offset (3,), see there.

        Returns:
            (N, 3, H, W) float32, nominally in [0, 1], not clamped.
        """
        height, width = planes[0].shape[1:3]
        components = [planes[0].unsqueeze(1)]
        for plane in _chroma_planes(planes, self.layout):
            enlarged = _enlarged(plane.unsqueeze(1), self.layout)
            components.append(enlarged[:, :, :height, :width])
        rgb = offset.reshape(3, 1, 1)
        for index, component in enumerate(components):
            rgb = rgb + component * to_rgb[:, index].reshape(3, 1, 1)
        return rgb


class ResidualToPlanes(nn.Module):
    """Adds the changes of a network to the planes.

    Args:
        layout: Layout of the samples in planes.
    """

    def __init__(self, layout: Layout) -> None:
        super().__init__()
        self.layout = layout

    def forward(
        self,
        planes: Sequence[Tensor],
        before: Tensor,
        after: Tensor,
        from_rgb: Tensor,
        step: Tensor,
        maximum: Tensor,
    ) -> tuple[Tensor, ...]:
        """Adds ``after - before`` to the planes.

        Args:
            planes: The original words as float32, shaped as for :class:`PlanesToRGB`.
            before: Input of the network, (N, 3, H, W).
            after: Output of the network, of the same shape.
            from_rgb: Matrix (C, 3), see :class:`network.colour.ColourCoefficients`; times the strength, if it is not 1.
            step: Words from one code to the next, (), see there.
            maximum: Highest word, (), see there.

        Returns:
            New words, whole numbers from 0 to ``maximum``, in the shapes of ``planes``.
        """
        residual = after - before
        changes = [_weighted(residual, from_rgb[0])]
        if self.layout is not Layout.GRAY:
            shrunk = _shrunk(residual, self.layout)
            changes += [_weighted(shrunk, from_rgb[1]), _weighted(shrunk, from_rgb[2])]
        if self.layout is Layout.NV12:
            changes = [changes[0], torch.stack(changes[1:], dim=-1)]
        return tuple(
            torch.minimum(torch.relu(plane + torch.round(change) * step), maximum)
            for plane, change in zip(planes, changes, strict=True)
        )


class PlanarNetwork(nn.Module):
    """A network for RGB, turned into one for planes of one kind. Everything in it is floating point.

    Args:
        network: Network that maps RGB (N, 3, H, W), nominally in [0, 1], to the same shape.
        spec: Layout, depth and matrix of the planes. Width and height are those of the tensors; the ones of ``spec``
            are not read.
        strength: Share of the network's changes that is applied; 0 leaves the picture as it is, 1 is the network's full
            effect.
        dtype: Data type in which the network computes. The plane arithmetic is float32 whatever this is.
    """

    def __init__(
        self,
        network: nn.Module,
        spec: PlaneSpec,
        strength: float = 1.0,
        dtype: torch.dtype = torch.float32,
    ) -> None:
        super().__init__()
        self.network = network
        self.dtype = dtype
        self.to_rgb = PlanesToRGB(spec.layout)
        self.to_planes = ResidualToPlanes(spec.layout)
        numbers = coefficients(spec)
        self._constant("rgb_matrix", torch.from_numpy(numbers.to_rgb))
        self._constant("rgb_offset", torch.from_numpy(numbers.offset))
        self._constant("plane_matrix", torch.from_numpy(numbers.from_rgb) * strength)
        self._constant("step", torch.from_numpy(numbers.step))
        self._constant("maximum", torch.from_numpy(numbers.maximum))

    def forward(self, *planes: Tensor) -> tuple[Tensor, ...]:
        """Deblurs.

        Args:
            planes: Words of the planes as float32, (N, H, W) each, or (N, H, W, 2) for NV12's chroma; chroma planes
                have ``PlaneSpec.chroma_size``.

        Returns:
            New words as float32, whole numbers, in the same shapes.
        """
        rgb = self.to_rgb(planes, self.rgb_matrix, self.rgb_offset)
        before = rgb.to(self.dtype)
        after = self.network(before)
        # The difference is taken from what the network was really given: rounding to its type is not its doing.
        result: tuple[Tensor, ...] = self.to_planes(
            planes, before.float(), after.float(), self.plane_matrix, self.step, self.maximum
        )
        return result

    def _constant(self, name: str, value: Tensor) -> None:
        self.register_buffer(name, value, persistent=False)


class IntegerPlanes(nn.Module):
    """Casts integer planes to float32 before a module and back after it.

    The casts are apart from :class:`PlanarNetwork` since TensorRT converts all of that, but no integer casts.

    Args:
        planar: Module that maps float32 planes to float32 planes of whole numbers.
    """

    def __init__(self, planar: nn.Module) -> None:
        super().__init__()
        self.planar = planar

    def forward(self, *planes: Tensor) -> tuple[Tensor, ...]:
        """uint8 or uint16 planes to planes of the same shapes and type."""
        results = self.planar(*(plane.to(torch.float32) for plane in planes))
        return tuple(result.to(plane.dtype) for result, plane in zip(results, planes, strict=True))


def _chroma_planes(planes: Sequence[Tensor], layout: Layout) -> Sequence[Tensor]:
    return planes[1].unbind(-1) if layout is Layout.NV12 else planes[1:]


def _enlarged(chroma: Tensor, layout: Layout) -> Tensor:
    """A chroma plane, (N, 1, h, w), at the density of luma; for odd sizes one row or column too many."""
    match layout:
        case Layout.YUV420P | Layout.NV12:
            return F.interpolate(chroma, scale_factor=2.0, mode="bilinear")
        case Layout.YUV422P:
            return F.interpolate(chroma, scale_factor=(1.0, 2.0), mode="bilinear")
        case _:
            return chroma


def _shrunk(residual: Tensor, layout: Layout) -> Tensor:
    """A residual, (N, 3, H, W), averaged to the density of chroma, sizes rounded up.

    Bilinear resizing by exactly 2 is the average of 2x2 samples. OpenVINO runs it on planes as they lie; it would run
    pooling in blocks of eight channels, five of them empty, which made the whole bridge half as slow again.
    """
    height, width = residual.shape[-2:]
    match layout:
        case Layout.YUV420P | Layout.NV12:
            even = F.pad(residual, (0, width % 2, 0, height % 2), mode="replicate")
            return F.interpolate(even, scale_factor=0.5, mode="bilinear")
        case Layout.YUV422P:
            even = F.pad(residual, (0, width % 2, 0, 0), mode="replicate")
            return F.interpolate(even, scale_factor=(1.0, 0.5), mode="bilinear")
        case _:
            return residual


def _weighted(residual: Tensor, weights: Tensor) -> Tensor:
    """(N, H, W): the three channels of (N, 3, H, W), weighed by (3,) and added up."""
    red, green, blue = residual.unbind(1)
    return red * weights[0] + green * weights[1] + blue * weights[2]
