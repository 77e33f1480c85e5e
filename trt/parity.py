"""Whether an engine computes what PyTorch computes in FP32: on pictures like those it is for, and on the worst ones."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import torch
from torch.nn import functional as F

from network.colour import coefficients
from network.planes import Layout
from trt.compiled import TorchCompiled, plane_dtype
from trt.errors import ParityError
from trt.settings import EngineSettings, Precision

if TYPE_CHECKING:
    from collections.abc import Sequence

    from torch import Tensor, nn

    from network.planes import PlaneSpec
    from trt.compiled import Compiled

MIN_PSNR = 55.0
"""Lowest PSNR of a picture in dB, against the highest code of the depth. FP16 gives 64 and more; other weights, 30."""

MAX_WORST = 2 / 255
"""Greatest error of a single sample, as a share of the codes that the depth has."""


@dataclass(frozen=True, slots=True)
class Picture:
    """One frame to compare with.

    Attributes:
        name: Name of what the picture shows.
        planes: Planes, (1, *plane shape) each, in host memory.
    """

    name: str
    planes: tuple[Tensor, ...]


@dataclass(frozen=True, slots=True)
class Difference:
    """Difference between an engine and PyTorch on one picture.

    Attributes:
        name: Name of the picture.
        worst: Greatest difference of a sample, in codes.
        psnr: PSNR in dB against the highest code of the depth; infinite where nothing differs.
    """

    name: str
    worst: int
    psnr: float


@dataclass(frozen=True, slots=True)
class Parity:
    """Differences between an engine and PyTorch on all pictures.

    Attributes:
        differences: Differences, one for each picture.
        depth: Number of bits of a code.
        not_finite: Names of the pictures for which the engine computed NaN or infinity, before any rounding.
    """

    differences: tuple[Difference, ...]
    depth: int
    not_finite: tuple[str, ...] = ()

    @property
    def worst(self) -> Difference:
        """The picture with the greatest difference of a sample."""
        return max(self.differences, key=lambda difference: difference.worst)

    @property
    def lowest(self) -> Difference:
        """The picture with the lowest PSNR."""
        return min(self.differences, key=lambda difference: difference.psnr)

    @property
    def problem(self) -> str:
        """Reason why the engine must not be used, in one line; empty if it may be used."""
        highest = (1 << self.depth) - 1
        if self.not_finite:
            return f"the engine computes NaN or infinity ({', '.join(self.not_finite)})"
        if not self.lowest.psnr >= MIN_PSNR:  # NaN is no pass
            low = self.lowest
            return f"the engine is {low.psnr:.1f} dB from PyTorch's FP32 ({low.name}); at least {MIN_PSNR:.0f} is due"
        if self.worst.worst > MAX_WORST * highest:
            off = f"{self.worst.worst} of {highest} codes"
            return f"the engine is {off} off PyTorch's FP32 ({self.worst.name}); {MAX_WORST * highest:.0f} are the most"
        return ""

    def __str__(self) -> str:
        """The figures in one line."""
        worst, low = self.worst, self.lowest
        psnr = "identical" if math.isinf(low.psnr) else f"{low.psnr:.1f} dB at least ({low.name})"
        return f"worst sample {worst.worst} codes off ({worst.name}), {psnr}"


def verify(
    compiled: Compiled,
    network: nn.Module,
    settings: EngineSettings,
    device: torch.device | str,
    pictures: Sequence[Picture] | None = None,
) -> str:
    """Compares an engine with PyTorch, and refuses an engine that is wrong.

    Args:
        compiled: Engine to judge.
        network: Network that the engine should compute; it maps RGB to RGB, float32.
        settings: Settings of the build, of which the strength counts.
        device: Device on which ``compiled`` runs.
        pictures: Pictures to compare with; None for :func:`pictures_for`.

    Returns:
        The figures in one line.

    Raises:
        ParityError: If the engine must not be used.
        torch.OutOfMemoryError: If the device's memory does not suffice for the engine itself.
    """
    parity = compare(compiled, network, settings, device, pictures)
    if parity.problem:
        raise ParityError(parity.problem)
    return str(parity)


def compare(
    compiled: Compiled,
    network: nn.Module,
    settings: EngineSettings,
    device: torch.device | str,
    pictures: Sequence[Picture] | None = None,
) -> Parity:
    """Runs pictures through an engine and through PyTorch in FP32. Arguments as for :func:`verify`."""
    spec, device = compiled.spec, torch.device(device)
    pictures = pictures_for(spec) if pictures is None else pictures
    results, not_finite = _run(compiled, pictures, device)
    reference = _Reference(spec, network, settings, device)
    differences = []
    for picture, result in zip(pictures, results, strict=True):
        expected = reference(picture.planes)
        errors = torch.cat(
            [
                ((one.int() >> spec.code_shift) - (other.int() >> spec.code_shift)).abs().flatten()
                for one, other in zip(result, expected, strict=True)
            ]
        )
        mean_square = float(errors.double().square().mean())
        highest = (1 << spec.depth) - 1
        psnr = 10 * math.log10(highest**2 / mean_square) if mean_square else math.inf
        differences.append(Difference(picture.name, int(errors.max()), psnr))
    return Parity(tuple(differences), spec.depth, not_finite)


def pictures_for(spec: PlaneSpec) -> tuple[Picture, ...]:
    """Pictures that engines are compared on.

    Two pictures with the statistics of natural ones (spectrum, edges, objects, one of them blurred by motion), black,
    white, noise of black and white alone, and noise over all codes, those outside the nominal range included.

    Args:
        spec: Layout, depth, matrix and size of the planes.
    """
    generator = torch.Generator().manual_seed(20)
    sharp = _natural(spec, generator)
    moved = F.avg_pool2d(F.pad(_natural(spec, generator), (7, 7, 0, 0), mode="replicate"), (1, 15), stride=1)
    shapes = [(1, *shape) for shape in spec.plane_shapes]

    def words(codes: list[Tensor]) -> tuple[Tensor, ...]:
        return tuple((code << spec.code_shift).to(plane_dtype(spec)) for code in codes)

    end = 1 << spec.depth
    return (
        Picture("texture", _planes_of(sharp, spec)),
        Picture("motion", _planes_of(moved, spec)),
        Picture("black", _planes_of(torch.zeros_like(sharp), spec)),
        Picture("white", _planes_of(torch.ones_like(sharp), spec)),
        Picture("black and white noise", _planes_of(torch.rand(sharp.shape, generator=generator).round(), spec)),
        Picture("noise of all codes", words([torch.randint(0, end, shape, generator=generator) for shape in shapes])),
    )


class _Reference:
    """PyTorch in true FP32, on the device or, where its memory does not suffice beside the engine, on the processor."""

    def __init__(self, spec: PlaneSpec, network: nn.Module, settings: EngineSettings, device: torch.device) -> None:
        self._what = spec, 1, network, EngineSettings(Precision.FP32, settings.strength)
        self._device = device
        self._compiled: TorchCompiled | None = None

    def __call__(self, planes: tuple[Tensor, ...]) -> tuple[Tensor, ...]:
        """Deblurs planes, (1, *plane shape) each, in host memory."""
        # By default, PyTorch's convolutions round FP32 to TF32, which is no better than FP16.
        with torch.backends.cudnn.flags(enabled=True, allow_tf32=False):
            try:
                return self._run(planes)
            except torch.OutOfMemoryError:
                self._device, self._compiled = torch.device("cpu"), None
                return self._run(planes)

    def _run(self, planes: tuple[Tensor, ...]) -> tuple[Tensor, ...]:
        if self._compiled is None:
            self._compiled = TorchCompiled(*self._what, self._device)
        return tuple(plane.cpu() for plane in self._compiled(tuple(plane.to(self._device) for plane in planes)))


def _run(
    compiled: Compiled, pictures: Sequence[Picture], device: torch.device
) -> tuple[list[tuple[Tensor, ...]], tuple[str, ...]]:
    """Results of an engine for pictures, and the names of those where it computes NaN or infinity."""
    results: list[tuple[Tensor, ...]] = []
    not_finite: list[str] = []
    module = getattr(compiled, "module", None)  # float32 planes to float32 planes, where there is one
    for first in range(0, len(pictures), compiled.batch):
        group = pictures[first : first + compiled.batch]
        filled = [*group, *[group[-1]] * (compiled.batch - len(group))]
        planes = tuple(torch.cat(parts).to(device) for parts in zip(*(item.planes for item in filled), strict=True))
        made = tuple(plane.cpu() for plane in compiled(planes))
        results += [tuple(plane[index : index + 1] for plane in made) for index in range(len(group))]
        if module is not None:
            not_finite += _not_finite(module, group, planes)
    return results, tuple(not_finite)


def _not_finite(module: Any, group: Sequence[Picture], planes: tuple[Tensor, ...]) -> list[str]:
    """Names of pictures whose results hold NaN or infinity, checked in floating point: integers can't hold these."""
    with torch.no_grad():
        made = module(*(plane.to(torch.float32) for plane in planes))
    made = (made,) if isinstance(made, torch.Tensor) else made
    finite = [all(bool(plane[index].isfinite().all()) for plane in made) for index in range(len(group))]
    return [picture.name for picture, is_finite in zip(group, finite, strict=True) if not is_finite]


def _natural(spec: PlaneSpec, generator: torch.Generator) -> Tensor:
    """RGB (1, 3, height, width) in [0, 1]: octaves of noise whose amplitude falls as in photographs, and hard edges."""
    height, width = spec.height, spec.width
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
