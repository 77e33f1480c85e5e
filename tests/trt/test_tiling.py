"""Tiles give the frame that the whole would have given, within one code."""

from __future__ import annotations

import copy
import itertools

import pytest
import torch
from torch import nn

from network.models import registry
from network.models.identity import Identity
from network.models.layers import to_precision
from network.planes import Layout, Matrix, PlaneSpec
from network.window.windows import Window
from tests.support.networks import lively, rgb_network, video_network
from trt.compiled import TorchCompiled, plane_dtype
from trt.samples import samples_for
from trt.settings import EngineSettings, Precision
from trt.signature import Signature
from trt.tiling import Grid, TiledCompiled, grid, grid_step, overlap_of, reach

EXACT = EngineSettings(Precision.FP32)


def noise(spec: PlaneSpec, batch: int = 1) -> tuple[torch.Tensor, ...]:
    generator = torch.Generator().manual_seed(5)
    shapes = [(batch, *shape) for shape in spec.plane_shapes]
    codes = [torch.randint(0, 1 << spec.depth, shape, generator=generator) for shape in shapes]
    return tuple((code << spec.code_shift).to(plane_dtype(spec)) for code in codes)


def off_by(spec: PlaneSpec, first: tuple[torch.Tensor, ...], second: tuple[torch.Tensor, ...]) -> int:
    shift = spec.code_shift
    pairs = zip(first, second, strict=True)
    return max(int(((one.int() >> shift) - (other.int() >> shift)).abs().max()) for one, other in pairs)


@pytest.mark.parametrize(
    ("network", "pixels"),
    [
        (Identity(), 0),
        (nn.Conv2d(3, 3, 3, padding=1), 1),
        (nn.Sequential(nn.Conv2d(3, 4, 5, padding=2), nn.ReLU(), nn.Conv2d(4, 3, 3, padding=1)), 3),
        (nn.Conv2d(3, 3, (9, 1), padding=(4, 0)), 4),
    ],
    ids=["identity", "3x3", "5x5 and 3x3", "vertical"],
)
def test_reach_is_that_of_the_layers(network: nn.Module, pixels: int) -> None:
    assert reach(network) == pixels


class WholePicture(nn.Module):
    def forward(self, image: torch.Tensor) -> torch.Tensor:
        return image + image.mean(dim=(2, 3), keepdim=True)


@pytest.mark.timeout(120)
def test_a_network_that_sees_everything_has_no_reach() -> None:
    with pytest.raises(ValueError, match="too far"):
        reach(WholePicture())


@pytest.mark.parametrize("name", ["small", "idc"])
def test_nothing_beyond_the_reach_counts_and_something_near_it_does(name: str) -> None:
    network = rgb_network() if name == "small" else lively(registry.create("idc", scales=1, texture=False), gain=1.0)
    step = grid_step(network)
    far = reach(network)
    probe = copy.deepcopy(network).double()
    width = (-(-far // step) + 2) * step
    generator = torch.Generator().manual_seed(1)
    image = torch.rand((1, 3, step, 2 * width), generator=generator, dtype=torch.float64)
    other = image.clone()
    other[..., width:] = torch.rand(other[..., width:].shape, generator=generator, dtype=torch.float64)
    with torch.no_grad():
        changed = (probe(image) != probe(other)).any(dim=1).any(dim=1)[0]
    assert not changed[: width - far].any()
    # The far ends weigh so little that double precision loses them; half of the reach it does not lose.
    assert changed[width - far // 2 : width].any()


@pytest.mark.parametrize("length", [64, 129, 720, 1080, 1921])
@pytest.mark.parametrize(("overlap", "step"), [(2, 2), (16, 8), (112, 16)])
@pytest.mark.parametrize("parts", [1, 2, 3, 5])
def test_tiles_cover_every_pixel_once_and_are_good_where_they_are_kept(
    length: int, overlap: int, step: int, parts: int
) -> None:
    spans = grid(length, length, parts, 1, overlap, step).rows
    assert len(spans) <= parts
    assert {span.length for span in spans} == {spans[0].length}
    kept = list(itertools.chain.from_iterable(range(span.keep_start, span.keep_stop) for span in spans))
    assert kept == list(range(length))
    for span in spans:
        assert span.start % step == 0
        end = span.start + span.length
        assert end <= length
        assert span.start == 0 or span.keep_start - span.start >= overlap
        assert end == length or end // step * step - span.keep_stop >= overlap
    assert spans[-1].start + spans[-1].length == length


SPECS = [
    PlaneSpec(261, 203),
    PlaneSpec(261, 203, Layout.NV12, 10, Matrix.BT2020),
    PlaneSpec(260, 202, Layout.YUV422P),
    PlaneSpec(261, 203, Layout.YUV444P, 8, Matrix.RGB),
    PlaneSpec(261, 203, Layout.GRAY, 12),
]


def in_tiles(network: nn.Module, signature: Signature, cut: Grid) -> TiledCompiled:
    return TiledCompiled(TorchCompiled(signature.of_size(*cut.shape), network, EXACT), signature, cut)


@pytest.mark.parametrize("spec", SPECS, ids=lambda spec: f"{spec.layout}-{spec.depth}")
def test_tiles_are_the_whole_within_one_code(spec: PlaneSpec) -> None:
    network = rgb_network()
    cut = grid(spec.height, spec.width, 2, 2, overlap_of(network), grid_step(network))
    assert (len(cut.rows), len(cut.columns)) == (2, 2)
    signature = Signature(spec, 2)
    planes = noise(spec, 2)
    whole = TorchCompiled(signature, network, EXACT)(planes)
    assert off_by(spec, whole, planes) > 10, "nothing was changed"
    assert off_by(spec, in_tiles(network, signature, cut)(planes), whole) <= 1


@pytest.mark.parametrize("spec", [PlaneSpec(311, 203), PlaneSpec(311, 203, Layout.YUV444P)], ids=str)
def test_a_network_over_time_in_tiles_is_the_whole(spec: PlaneSpec) -> None:
    network = video_network(depth=0)
    signature = Signature(spec, 1, Window(1, 1))
    cut = grid(*signature.size, 1, 2, overlap_of(network), grid_step(network))
    assert len(cut.columns) == 2
    tiled, whole = in_tiles(network, signature, cut), TorchCompiled(signature, network, EXACT)
    assert tiled.inputs == whole.inputs
    for sample in samples_for(signature):
        for one, other, port in zip(tiled(sample.inputs), whole(sample.inputs), signature.outputs, strict=True):
            assert ((one - other).abs() * port.scale).max() <= 1 + 1e-3 * port.scale


def test_the_reach_over_time_is_that_of_every_input() -> None:
    """What lies beyond it changes nothing, be it luma, chroma or motion; something near it does."""
    network = video_network(depth=0)
    far, step = reach(network), grid_step(network)
    probe = to_precision(copy.deepcopy(network), torch.float64)
    width = (-(-far // step) + 2) * step
    signature = Signature(PlaneSpec(2 * width, step), 1, Window(1, 1))
    generator = torch.Generator().manual_seed(1)
    inputs = [torch.rand(port.shape, generator=generator, dtype=torch.float64) for port in signature.inputs]
    near = []
    with torch.no_grad():
        before = probe(*inputs)[0][0, 0]
        for index, port in enumerate(signature.inputs):
            others = [tensor.clone() for tensor in inputs]
            part = port.part(others[index], (0, step), (width, 2 * width))
            part.copy_(torch.rand(part.shape, generator=generator, dtype=torch.float64))
            changed = (probe(*others)[0][0, 0] != before).any(dim=0)
            assert not changed[: width - far].any()
            near.append(bool(changed[width - far // 2 : width].any()))
    assert near == [True, True, True]


def test_too_little_overlap_would_be_seen() -> None:
    network = rgb_network()
    spec = SPECS[0]
    cut = grid(spec.height, spec.width, 2, 2, 2, grid_step(network))
    planes, signature = noise(spec), Signature(spec)
    assert off_by(spec, in_tiles(network, signature, cut)(planes), TorchCompiled(signature, network, EXACT)(planes)) > 1


def test_a_small_idc_in_tiles_is_the_whole_within_one_code() -> None:
    network = lively(registry.create("idc", scales=1, texture=False), gain=0.42)
    spec = PlaneSpec(330, 21)
    cut = grid(spec.height, spec.width, 1, 2, overlap_of(network), grid_step(network))
    assert len(cut.columns) == 2
    planes, signature = noise(spec), Signature(spec)
    whole = TorchCompiled(signature, network, EXACT)(planes)
    assert off_by(spec, whole, planes) > 10, "nothing was changed"
    assert off_by(spec, in_tiles(network, signature, cut)(planes), whole) <= 1


def test_a_tile_of_another_shape_is_refused() -> None:
    signature = Signature(PlaneSpec(64, 64))
    cut = grid(64, 64, 1, 2, 2, 2)
    with pytest.raises(ValueError, match="tiles are"):
        TiledCompiled(TorchCompiled(signature, Identity(), EXACT), signature, cut)
