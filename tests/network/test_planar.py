"""The residual bridge: codes that come back as they were, and a reference written out in double precision."""

from __future__ import annotations

import copy
import itertools
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from network.models import registry
from network.models.identity import Identity
from network.models.layers import fold_for_inference
from network.planar import IntegerPlanes, PlanarNetwork
from network.planes import Layout, Matrix, PlaneSpec

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from numpy.typing import NDArray

Planes = list["NDArray[Any]"]

SIZES = [(48, 32), (37, 21), (21, 34), (2, 2), (1, 1), (1, 6), (7, 1)]
"""Width and height."""


class Residual(nn.Module):
    """A small network with residuals of tens of codes."""

    def __init__(self) -> None:
        super().__init__()
        generator = torch.Generator().manual_seed(7)
        self.first = nn.Parameter(torch.randn(6, 3, 3, 3, generator=generator) * 0.3)
        self.second = nn.Parameter(torch.randn(3, 6, 3, 3, generator=generator) * 0.03)

    def forward(self, image: Tensor) -> Tensor:
        return image + F.conv2d(F.relu(F.conv2d(image, self.first, padding=1)), self.second, padding=1)

    def reference(self, image: NDArray[Any]) -> NDArray[Any]:
        """The same in numpy, double precision, for (3, H, W)."""
        hidden = np.maximum(_convolved(image, self.first.detach().double().numpy()), 0)
        result: NDArray[Any] = image + _convolved(hidden, self.second.detach().double().numpy())
        return result


def specs(layout: Layout, sizes: list[tuple[int, int]]) -> Iterator[PlaneSpec]:
    matrices = [Matrix.BT601, Matrix.BT709, Matrix.BT2020]
    if layout is Layout.YUV444P:
        matrices.append(Matrix.RGB)
    for depth, matrix, full_range, size in itertools.product((8, 10, 12, 16), matrices, (False, True), sizes):
        yield PlaneSpec(*size, layout, depth, matrix, full_range)


def random_planes(spec: PlaneSpec, batch: int, seed: int = 0) -> Planes:
    """Every code, those outside the nominal range included."""
    generator = np.random.default_rng(seed)
    shapes = [(batch, *shape) for shape in spec.plane_shapes]
    return [(generator.integers(0, 1 << spec.depth, shape) << spec.code_shift).astype(spec.dtype) for shape in shapes]


def smooth_planes(spec: PlaneSpec, seed: int = 0) -> Planes:
    """One frame that looks like a picture: no extremes, so that clamping hides nothing."""
    generator = np.random.default_rng(seed)
    planes = []
    for shape in spec.plane_shapes:
        codes = generator.normal(0.5, 0.06, shape) + 0.2 * np.sin(np.arange(shape[1]) / 5).reshape(
            (1, -1) + (1,) * (len(shape) - 2)
        )
        codes = np.clip(codes, 0.1, 0.9) * ((1 << spec.depth) - 1)
        planes.append((codes.astype(np.int64) << spec.code_shift).astype(spec.dtype)[None])
    return planes


def run(module: nn.Module, planes: Planes) -> Planes:
    with torch.no_grad():
        return [result.numpy() for result in module(*(torch.from_numpy(plane) for plane in planes))]


@pytest.mark.parametrize("layout", list(Layout))
def test_identity_gives_back_every_code(layout: Layout) -> None:
    for spec in specs(layout, SIZES):
        planes = random_planes(spec, batch=2)
        module = IntegerPlanes(PlanarNetwork(Identity(), spec))
        for before, after in zip(planes, run(module, planes), strict=True):
            assert after.dtype == spec.dtype
            np.testing.assert_array_equal(before, after, err_msg=str(spec))


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
def test_a_network_in_half_precision_changes_nothing_by_its_rounding(dtype: torch.dtype) -> None:
    spec = PlaneSpec(37, 21, Layout.YUV420P, depth=10)
    planes = random_planes(spec, batch=1)
    for before, after in zip(
        planes, run(IntegerPlanes(PlanarNetwork(Identity(), spec, dtype=dtype)), planes), strict=True
    ):
        np.testing.assert_array_equal(before, after)


@pytest.mark.parametrize("layout", list(Layout))
def test_a_real_network_agrees_with_the_reference(layout: Layout) -> None:
    network = Residual()
    for spec in specs(layout, [(37, 21), (20, 12)]):
        planes = smooth_planes(spec)
        _check(planes, spec, network, network.reference, strength=0.7 if spec.full_range else 1.0)


def test_the_papers_network_agrees_with_the_reference() -> None:
    torch.manual_seed(5)
    network = fold_for_inference(registry.create("idc", scales=1, texture=False))
    double = copy.deepcopy(network).double()

    def reference(image: NDArray[Any]) -> NDArray[Any]:
        with torch.no_grad():
            result: NDArray[Any] = double(torch.from_numpy(image)[None])[0].numpy()
        return result

    for depth, size in ((8, (64, 48)), (8, (75, 51)), (10, (75, 51))):
        spec = PlaneSpec(*size, Layout.YUV420P, depth)
        _check(smooth_planes(spec), spec, network, reference, strength=1.0)


@pytest.mark.parametrize("layout", list(Layout))
def test_strength_scales_the_change_and_zero_is_exact(layout: Layout) -> None:
    spec = PlaneSpec(37, 21, layout, depth=10)
    planes = smooth_planes(spec)
    network = Residual()
    none = run(IntegerPlanes(PlanarNetwork(network, spec, strength=0.0)), planes)
    half = run(IntegerPlanes(PlanarNetwork(network, spec, strength=0.5)), planes)
    full = run(IntegerPlanes(PlanarNetwork(network, spec, strength=1.0)), planes)
    for original, zero, some, whole in zip(planes, none, half, full, strict=True):
        np.testing.assert_array_equal(original, zero)
        step = 1 << spec.code_shift
        changes = [(plane.astype(int) - original.astype(int)) / step for plane in (some, whole)]
        assert np.abs(changes[1]).mean() > 4
        assert np.abs(2 * changes[0] - changes[1]).max() <= 1.5


class Add(nn.Module):
    """Adds a constant to every colour."""

    def __init__(self, amount: float) -> None:
        super().__init__()
        self.amount = amount

    def forward(self, image: Tensor) -> Tensor:
        return image + self.amount


def test_super_whites_and_super_blacks_survive() -> None:
    spec = PlaneSpec(16, 16)
    luma = np.arange(256, dtype=np.uint8).reshape(1, 16, 16)
    chroma = np.full((1, 8, 8), 200, np.uint8)
    brighter = run(IntegerPlanes(PlanarNetwork(Add(10 / 219), spec)), [luma, chroma, chroma])
    np.testing.assert_array_equal(brighter[0], np.minimum(luma.astype(int) + 10, 255))
    np.testing.assert_array_equal(brighter[1], chroma)
    darker = run(IntegerPlanes(PlanarNetwork(Add(-10 / 219), spec)), [luma, chroma, chroma])
    np.testing.assert_array_equal(darker[0], np.maximum(luma.astype(int) - 10, 0))


def test_p010_stays_in_the_high_bits() -> None:
    spec = PlaneSpec(38, 22, Layout.NV12, depth=10)
    for plane in run(IntegerPlanes(PlanarNetwork(Add(0.5), spec)), random_planes(spec, batch=1)):
        assert not (plane & 63).any()


def _check(
    planes: Planes,
    spec: PlaneSpec,
    network: nn.Module,
    reference: Callable[[NDArray[Any]], NDArray[Any]],
    strength: float,
) -> None:
    results = run(IntegerPlanes(PlanarNetwork(network, spec, strength)), planes)
    expected = _reference([plane[0] for plane in planes], spec, reference, strength)
    for index, (original, result, wanted) in enumerate(zip(planes, results, expected, strict=True)):
        codes = result[0].astype(int) >> spec.code_shift
        assert not (result & ((1 << spec.code_shift) - 1)).any()
        error = np.abs(codes - wanted)
        assert error.max() <= 1, f"plane {index} of {spec} is off by {error.max()}"
        # Only codes that lie on the edge of rounding may differ, and single precision has few of those; at 16 bits
        # it is itself coarser.
        assert error.mean() <= (0.01 if spec.depth < 16 else 0.1)
        if spec.width > 1:
            assert np.abs(wanted - (original[0].astype(int) >> spec.code_shift)).mean() > 0.5, "nothing was changed"


def _convolved(image: NDArray[Any], weights: NDArray[Any]) -> NDArray[Any]:
    """3x3, zero padding, written out."""
    height, width = image.shape[1:]
    padded = np.pad(image, ((0, 0), (1, 1), (1, 1)))
    result = np.zeros((weights.shape[0], height, width))
    for row, column in itertools.product(range(3), range(3)):
        result += np.einsum(
            "oi,ihw->ohw", weights[:, :, row, column], padded[:, row : row + height, column : column + width]
        )
    return result


def _reference(
    planes: Planes, spec: PlaneSpec, network: Callable[[NDArray[Any]], NDArray[Any]], strength: float
) -> Planes:
    """The whole bridge for one frame in double precision; returns codes."""
    codes = [plane.astype(np.int64) >> spec.code_shift for plane in planes]
    if spec.layout is Layout.NV12:
        codes = [codes[0], codes[1][..., 0], codes[1][..., 1]]
    unit = 2.0 ** (spec.depth - 8)
    top = 2.0**spec.depth - 1
    luma_scale, luma_zero = (top, 0.0) if spec.full_range else (219 * unit, 16 * unit)
    chroma_scale, chroma_zero = (top, 128 * unit) if spec.full_range else (224 * unit, 128 * unit)

    first = (codes[0] - luma_zero) / luma_scale
    if spec.matrix is Matrix.RGB:
        green, blue, red = ((code - luma_zero) / luma_scale for code in codes)
        change = strength * (network(np.stack((red, green, blue))) - np.stack((red, green, blue)))
        changes = [luma_scale * change[1], luma_scale * change[2], luma_scale * change[0]]
    else:
        k_red, k_blue = {
            Matrix.BT601: (0.299, 0.114),
            Matrix.BT709: (0.2126, 0.0722),
            Matrix.BT2020: (0.2627, 0.0593),
        }[spec.matrix]
        if spec.layout is Layout.GRAY:
            rgb = np.stack((first, first, first))
        else:
            c_blue, c_red = ((_resampled_up(code, spec) - chroma_zero) / chroma_scale for code in codes[1:])
            red = first + 2 * (1 - k_red) * c_red
            blue = first + 2 * (1 - k_blue) * c_blue
            green = (first - k_red * red - k_blue * blue) / (1 - k_red - k_blue)
            rgb = np.stack((red, green, blue))
        change = strength * (network(rgb) - rgb)
        luma = k_red * change[0] + (1 - k_red - k_blue) * change[1] + k_blue * change[2]
        changes = [luma_scale * luma]
        if spec.layout is not Layout.GRAY:
            changes.append(chroma_scale * _resampled_down((change[2] - luma) / (2 * (1 - k_blue)), spec))
            changes.append(chroma_scale * _resampled_down((change[0] - luma) / (2 * (1 - k_red)), spec))
    results = [
        np.clip(code + np.round(change), 0, top).astype(np.int64) for code, change in zip(codes, changes, strict=True)
    ]
    return [results[0], np.stack(results[1:], axis=-1)] if spec.layout is Layout.NV12 else results


def _factors(spec: PlaneSpec) -> tuple[int, int]:
    """How many luma samples share one of chroma, vertically and horizontally."""
    match spec.layout:
        case Layout.YUV420P | Layout.NV12:
            return 2, 2
        case Layout.YUV422P:
            return 1, 2
        case _:
            return 1, 1


def _resampled_up(plane: NDArray[Any], spec: PlaneSpec) -> NDArray[Any]:
    """Linear interpolation along each axis, chroma centred on the luma samples that share it."""
    for axis, (factor, size) in enumerate(zip(_factors(spec), (spec.height, spec.width), strict=True)):
        positions = (np.arange(size) + 0.5) / factor - 0.5
        plane = np.apply_along_axis(lambda line, at: np.interp(at, np.arange(len(line)), line), axis, plane, positions)
    return plane


def _resampled_down(plane: NDArray[Any], spec: PlaneSpec) -> NDArray[Any]:
    """The mean of the luma samples that share a chroma sample."""
    rows, columns = _factors(spec)
    padded = np.pad(plane, ((0, -spec.height % rows), (0, -spec.width % columns)), mode="edge")
    height, width = padded.shape
    result: NDArray[Any] = padded.reshape(height // rows, rows, width // columns, columns).mean(axis=(1, 3))
    return result
