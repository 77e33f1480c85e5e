"""Tiles give the frame that the whole would have given, within one code."""

from __future__ import annotations

import copy
import itertools

import pytest
import torch
from torch import nn

from network.models import registry
from network.models.identity import Identity
from network.planes import Layout, Matrix, PlaneSpec
from trt.compiled import TorchCompiled, plane_dtype
from trt.settings import EngineSettings, Precision
from trt.tiling import Grid, TiledCompiled, grid, grid_step, overlap_of, reach, tile_spec

EXACT = EngineSettings(Precision.FP32)


def lively(network: nn.Module, gain: float = 1.0) -> nn.Module:
    """Random weights, so that every layer and the farthest pixel count."""
    generator = torch.Generator().manual_seed(3)
    with torch.no_grad():
        for tensor in network.parameters():
            fan = max(1, tensor[0].numel()) if tensor.dim() else 1
            tensor.copy_(torch.randn(tensor.shape, generator=generator) * gain * (2 / fan) ** 0.5)
    return network.eval()


def small_idc_rt() -> nn.Module:
    return lively(registry.create("idc-rt", widths=[8, 8, 8], depth=1))


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


@pytest.mark.parametrize("name", ["idc-rt", "idc"])
def test_nothing_beyond_the_reach_counts_and_something_near_it_does(name: str) -> None:
    network = small_idc_rt() if name == "idc-rt" else lively(registry.create("idc", scales=1, texture=False), 0.7)
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


def in_tiles(network: nn.Module, spec: PlaneSpec, batch: int, cut: Grid) -> TiledCompiled:
    return TiledCompiled(TorchCompiled(tile_spec(spec, cut), batch, network, EXACT), spec, cut)


@pytest.mark.parametrize("spec", SPECS, ids=lambda spec: f"{spec.layout}-{spec.depth}")
def test_idc_rt_in_tiles_is_the_whole_within_one_code(spec: PlaneSpec) -> None:
    network = small_idc_rt()
    cut = grid(spec.height, spec.width, 1, 2, overlap_of(network), grid_step(network))
    assert len(cut.columns) == 2
    tiled = in_tiles(network, spec, 2, cut)
    assert (tiled.spec, tiled.batch) == (spec, 2)
    planes = noise(spec, 2)
    whole = TorchCompiled(spec, 2, network, EXACT)(planes)
    assert off_by(spec, whole, planes) > 10, "nothing was changed"
    assert off_by(spec, tiled(planes), whole) <= 1


def test_too_little_overlap_would_be_seen() -> None:
    network = small_idc_rt()
    spec = SPECS[0]
    cut = grid(spec.height, spec.width, 2, 2, 16, grid_step(network))
    planes = noise(spec)
    assert off_by(spec, in_tiles(network, spec, 1, cut)(planes), TorchCompiled(spec, 1, network, EXACT)(planes)) > 1


def test_a_small_idc_in_tiles_is_the_whole_within_one_code() -> None:
    network = lively(registry.create("idc", scales=1, texture=False), 0.3)
    spec = PlaneSpec(330, 21)
    cut = grid(spec.height, spec.width, 1, 2, overlap_of(network), grid_step(network))
    assert len(cut.columns) == 2
    planes = noise(spec)
    whole = TorchCompiled(spec, 1, network, EXACT)(planes)
    assert off_by(spec, whole, planes) > 10, "nothing was changed"
    assert off_by(spec, in_tiles(network, spec, 1, cut)(planes), whole) <= 1


def test_a_tile_of_another_shape_is_refused() -> None:
    spec = PlaneSpec(64, 64)
    cut = grid(64, 64, 1, 2, 2, 2)
    with pytest.raises(ValueError, match="tiles are"):
        TiledCompiled(TorchCompiled(spec, 1, Identity(), EXACT), spec, cut)
