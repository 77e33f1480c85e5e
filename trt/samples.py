"""What engines are compared on: content like that of real frames, and the worst that there can be."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np
import torch
from torch.nn import functional as F

from network.colour import coefficients
from network.planes import Layout, PlaneBatch
from network.window.stage import WindowStage
from trt.compiled import plane_dtype

if TYPE_CHECKING:
    from torch import Tensor

    from network.planes import PlaneSpec
    from network.window.windows import Window, Windows
    from trt.signature import Signature

Planes = tuple["Tensor", ...]

ROOM = 32
"""Pixels by which pictures are larger than a frame that moves across them."""


@dataclass(frozen=True, slots=True)
class Sample:
    """One frame, or one window, to compare on.

    Attributes:
        name: Name of what it shows.
        inputs: Inputs of a call for one frame, in host memory.
    """

    name: str
    inputs: Planes


def samples_for(signature: Signature) -> tuple[Sample, ...]:
    """Samples for a network.

    One for RGB gets two pictures with the statistics of natural ones (spectrum, edges, objects, one of them blurred by
    motion), black, white, noise of black and white alone, and noise over all codes, those outside the nominal range
    included. One over time gets such pictures that move, the first one without neighbours as well, the same extremes,
    and motion that no video has.

    Args:
        signature: What goes into the network.
    """
    pictures = _pictures(signature.spec)
    if signature.window is None:
        return tuple(Sample(name, frames[-1]) for name, frames in pictures.items())
    return _windows(replace(signature, batch=1), pictures, signature.window)


def _pictures(spec: PlaneSpec) -> dict[str, list[Planes]]:
    """Three consecutive frames of each content, (1, *plane shape) each."""
    generator = torch.Generator().manual_seed(20)
    sharp, other = (_natural(spec.height + ROOM, spec.width + ROOM, generator) for _ in range(2))
    moved = F.avg_pool2d(F.pad(other, (7, 7, 0, 0), mode="replicate"), (1, 15), stride=1)
    flat = torch.ones_like(_crop(sharp, spec, 0, 0))
    shapes = [(1, *shape) for shape in spec.plane_shapes]

    def saturated() -> Tensor:
        return torch.rand(flat.shape, generator=generator).round()

    def every_code() -> Planes:
        codes = [torch.randint(0, 1 << spec.depth, shape, generator=generator) for shape in shapes]
        return tuple((code << spec.code_shift).to(plane_dtype(spec)) for code in codes)

    rgb = {
        "texture": [_crop(sharp, spec, 8 + 3 * time, 16 - 2 * time) for time in range(3)],
        "motion": [_crop(moved, spec, 0, 15 * time) for time in range(3)],
        "black": [0 * flat] * 3,
        "white": [flat] * 3,
        "black and white noise": [saturated() for _ in range(3)],
    }
    made = {name: [_planes_of(frame, spec) for frame in frames] for name, frames in rgb.items()}
    return {**made, "noise of all codes": [every_code() for _ in range(3)]}


def _windows(signature: Signature, pictures: dict[str, list[Planes]], window: Window) -> tuple[Sample, ...]:
    """Windows of three frames, and those of single ones."""
    stage = WindowStage(signature.spec, window)
    samples = [Sample(name, _staged(stage, frames, window.consecutive(3, 1, 1))) for name, frames in pictures.items()]
    texture = pictures["texture"]
    samples.append(Sample("texture without neighbours", _staged(stage, texture, window.alone(3)[1:2])))
    if window.frames > 1:
        luma, chroma, motion = samples[0].inputs
        generator = torch.Generator().manual_seed(21)
        wild = torch.randn(motion.shape, generator=generator) * max(signature.size) / 4
        wild[:, 4:] = torch.rand(wild[:, 4:].shape, generator=generator).round()
        samples.append(Sample("motion beyond measure", (luma, chroma, wild)))
    return tuple(samples)


def _staged(stage: WindowStage, frames: list[Planes], windows: Windows) -> Planes:
    """Inputs of the network for one window of some frames."""
    planes = tuple(np.concatenate([plane.numpy() for plane in parts]) for parts in zip(*frames, strict=True))
    stage.fill(PlaneBatch(stage.spec, planes), windows)
    return tuple(torch.from_numpy(each.astype(np.float32)) for each in stage.inputs)


def _crop(picture: Tensor, spec: PlaneSpec, top: int, left: int) -> Tensor:
    return picture[:, :, top : top + spec.height, left : left + spec.width]


def _natural(height: int, width: int, generator: torch.Generator) -> Tensor:
    """RGB (1, 3, height, width) in [0, 1]: octaves of noise whose amplitude falls as in photographs, and hard edges."""
    picture = torch.full((1, 3, height, width), 0.5)
    size = 2
    while size < 2 * max(height, width):
        rows, columns = min(size, height), min(size, width)
        noise = torch.randn((1, 3, rows, columns), generator=generator)
        noise = 0.5 * noise + noise.mean(dim=1, keepdim=True)
        picture += 0.4 * size**-0.5 * F.interpolate(noise, (height, width), mode="bilinear", align_corners=False)
        size *= 2
    for _ in range(12):
        top, left, low, right = torch.rand(4, generator=generator).tolist()
        down = slice(int(min(top, low) * height), int(max(top, low) * height) + 1)
        across = slice(int(min(left, right) * width), int(max(left, right) * width) + 1)
        shade = torch.rand((3, 1, 1), generator=generator)
        picture[0, :, down, across] = 0.4 * picture[0, :, down, across] + 0.6 * shade
    return picture.clamp(0, 1)


def _planes_of(rgb: Tensor, spec: PlaneSpec) -> tuple[Tensor, ...]:
    """RGB (1, 3, height, width) in [0, 1] as planes, (1, *plane shape) each, in words."""
    numbers = coefficients(spec)
    to_rgb = torch.from_numpy(numbers.to_rgb).double()
    offset = torch.from_numpy(numbers.offset).double().reshape(3, 1, 1)
    if spec.layout is Layout.GRAY:
        words = (rgb.double() - offset).mean(dim=1, keepdim=True) / to_rgb.mean()
    else:
        words = torch.einsum("cr,nrhw->nchw", torch.linalg.inv(to_rgb), rgb.double() - offset)
    planes = [words[:, 0]]
    if spec.layout is not Layout.GRAY:
        chroma = F.interpolate(words[:, 1:], spec.chroma_size, mode="area")
        planes += [chroma.movedim(1, -1)] if spec.layout is Layout.NV12 else list(chroma.unbind(1))
    step, highest = 1 << spec.code_shift, (1 << spec.depth) - 1
    dtype = plane_dtype(spec)
    return tuple(
        (plane / step).round().clamp(0, highest).mul(step).to(torch.int32).to(dtype).contiguous() for plane in planes
    )
