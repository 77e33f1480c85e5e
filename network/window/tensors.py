"""Working planes in PyTorch, on any device: what :mod:`network.window.working` does, equal within one code.

Frames come as words in float32, which holds 16 bits exactly.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
from torch import Tensor
from torch.nn import functional as F

from network.colour import code_ranges, green_blue_red, luma_and_chroma
from network.planes import Layout, Matrix
from network.window.motion import STEP

if TYPE_CHECKING:
    from collections.abc import Sequence

    from network.planes import PlaneSpec
    from network.window.working import WorkingSpec


def read_tensors(planes: Sequence[Tensor], spec: PlaneSpec, working: WorkingSpec) -> tuple[Tensor, Tensor]:
    """Brings frames into working planes, padded by replication.

    Args:
        planes: Words of the frames' planes as float32, (N, *plane shape) each.
        spec: Kind and size of the frames.
        working: :func:`network.window.working.working_spec` of them.

    Returns:
        Codes as float32: luma (N, 1, H, W) and chroma (N, 2, H / 2, W / 2).
    """
    size = (working.height, working.width)
    if spec.matrix is Matrix.RGB:
        luma, chroma = _from_rgb(planes, spec, working)
    else:
        luma = read_luma_tensor(planes, spec, working)
        match spec.layout:
            case Layout.GRAY:
                half = (len(luma), 2, size[0] // 2, size[1] // 2)
                return luma, torch.full(half, float(working.chroma_zero), device=luma.device)
            case Layout.NV12:
                chroma = torch.floor(planes[1] / (1 << spec.code_shift)).movedim(-1, 1)
            case Layout.YUV420P:
                chroma = torch.stack(tuple(planes[1:]), 1)
            case _:
                deep = torch.stack(tuple(planes[1:]), 1) * (1 << (working.depth - spec.depth))
                chroma = _halved(deep, spec.layout).round()
    return _padded(luma, size), _padded(chroma, (size[0] // 2, size[1] // 2))


def read_luma_tensor(planes: Sequence[Tensor], spec: PlaneSpec, working: WorkingSpec) -> Tensor:
    """The luma of :func:`read_tensors` alone, (N, 1, H, W)."""
    if spec.matrix is Matrix.RGB:
        luma = _from_rgb(planes, spec, working)[0]
    else:
        codes = torch.floor(planes[0] / (1 << spec.code_shift))
        luma = (codes * (1 << (working.depth - spec.depth))).unsqueeze(1)
    return _padded(luma, (working.height, working.width))


def averaged_tensor(luma: Tensor, working: WorkingSpec) -> Tensor:
    """Luma averaged by 4 either way and rounded to 8 bits, see :func:`network.window.motion.averaged`.

    Args:
        luma: Codes as float32, (N, 1, H, W).
        working: Codes of the working planes.

    Returns:
        (N, H / 4, W / 4) uint8.
    """
    mean = F.avg_pool2d(luma, STEP)[:, 0] / (1 << working.extra_bits)
    return mean.round().clamp(0, 255).to(torch.uint8)


def write_tensors(luma: Tensor, chroma: Tensor, spec: PlaneSpec) -> tuple[Tensor, ...]:
    """The planes of frames whose working planes are direct, from corrected codes.

    Args:
        luma: New codes, (N, 1, H, W).
        chroma: New codes, (N, 2, H / 2, W / 2).
        spec: Kind and size of the frames.

    Returns:
        Words as float32, (N, *plane shape) each.
    """
    planes = [luma[:, 0, : spec.height, : spec.width]]
    rows, columns = spec.chroma_size
    cropped = chroma[:, :, :rows, :columns]
    if spec.layout is Layout.NV12:
        planes.append(cropped.movedim(1, -1))
    elif spec.layout is not Layout.GRAY:
        planes += cropped.unbind(1)
    return tuple(planes)


def add_correction_tensors(
    planes: Sequence[Tensor], luma: Tensor, chroma: Tensor, spec: PlaneSpec
) -> tuple[Tensor, ...]:
    """Adds what a network corrects to frames, see :func:`network.window.working.add_correction`.

    Args:
        planes: Words of the frames' planes as float32, (N, *plane shape) each.
        luma: Correction of luma, (N, 1, H, W), 1 for the way from black to white.
        chroma: Correction of chroma, (N, 2, H / 2, W / 2), 1 for the whole of its range.
        spec: Kind and size of the frames.

    Returns:
        New words as float32, of the shapes of ``planes``.
    """
    of_luma = luma[:, 0, : spec.height, : spec.width]
    rows, columns = spec.chroma_size
    of_chroma = _enlarged(chroma, spec.layout)[:, :, :rows, :columns]
    codes = code_ranges(spec.depth, full_range=spec.full_range)
    if spec.matrix is Matrix.RGB:
        changes = [change * codes.luma_range for change in green_blue_red(of_luma, *of_chroma.unbind(1))]
    elif spec.layout is Layout.NV12:
        changes = [of_luma * codes.luma_range, of_chroma.movedim(1, -1) * codes.chroma_range]
    else:
        changes = [of_luma * codes.luma_range, *(of_chroma * codes.chroma_range).unbind(1)]
    step, highest = 1 << spec.code_shift, (1 << spec.depth) - 1
    return tuple(
        (plane + change.round() * step).clamp(0, highest * step) for plane, change in zip(planes, changes, strict=True)
    )


def _from_rgb(planes: Sequence[Tensor], spec: PlaneSpec, working: WorkingSpec) -> tuple[Tensor, Tensor]:
    """Codes of luma (N, 1, h, w) and chroma (N, 2, h / 2, w / 2), not padded, of green, blue and red planes."""
    given = code_ranges(spec.depth, full_range=spec.full_range)
    luma, *differences = luma_and_chroma(*((plane - given.luma_zero) / given.luma_range for plane in planes))
    chroma = torch.stack(differences, 1)

    def codes(plane: Tensor, scale: int, zero: int) -> Tensor:
        return (plane * scale + zero).round().clamp(0, working.maximum)

    return (
        codes(luma.unsqueeze(1), working.luma_range, working.luma_zero),
        codes(_halved(chroma, spec.layout), working.chroma_range, working.chroma_zero),
    )


def _halved(chroma: Tensor, layout: Layout) -> Tensor:
    """Chroma averaged to half the height, and of 4:4:4 to half the width; odd sizes are rounded up."""
    rows, columns = chroma.shape[-2:]
    across = 2 if layout is Layout.YUV444P else 1
    even = F.pad(chroma, (0, columns % across, 0, rows % 2), mode="replicate")
    return F.avg_pool2d(even, (2, across))


def _enlarged(chroma: Tensor, layout: Layout) -> Tensor:
    """A correction of half-resolution chroma at the resolution of the frame's chroma, bilinear."""
    if layout in {Layout.NV12, Layout.YUV420P, Layout.GRAY}:
        return chroma
    scale = (2.0, 1.0) if layout is Layout.YUV422P else (2.0, 2.0)
    return F.interpolate(chroma, scale_factor=scale, mode="bilinear", align_corners=False)


def _padded(planes: Tensor, size: tuple[int, int]) -> Tensor:
    height, width = planes.shape[-2:]
    if (height, width) == size:
        return planes
    return F.pad(planes, (0, size[1] - width, 0, size[0] - height), mode="replicate")
