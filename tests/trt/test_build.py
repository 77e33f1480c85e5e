"""Every network becomes one engine, whole, in the precision asked for: by the real converter and builder."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
import torch
from torch import nn

from network import weights
from network.catalogue import weights_file
from network.models import registry
from network.planes import Layout, Matrix, PlaneSpec
from network.window.windows import Window
from tests.support.networks import rgb_network, video_network
from trt.build import build, convolutions, export, load, serialize, unconvertible
from trt.errors import ConversionError, MissingError
from trt.graphs import make_graph
from trt.samples import samples_for
from trt.settings import EngineSettings, Precision
from trt.signature import Signature, window_of

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.support.tensorrt import Definitions

SMALL = PlaneSpec(96, 64)
HALF, FLOAT = "HALF", "FLOAT"


class Unconvertible(nn.Module):
    """Has an operator that TensorRT has no equivalent of."""

    def forward(self, image: torch.Tensor) -> torch.Tensor:
        largest: torch.Tensor = torch.linalg.svdvals(image.float()).to(image.dtype)[..., :1, None]
        return image * largest


class SilentFloat(nn.Module):
    """Computes in FP32 whatever its weights are."""

    def __init__(self) -> None:
        super().__init__()
        self.convolution = nn.Conv2d(3, 3, 3, padding=1)

    def forward(self, image: torch.Tensor) -> torch.Tensor:
        weight, bias = self.convolution.weight, self.convolution.bias
        assert bias is not None
        return nn.functional.conv2d(image.float(), weight.float(), bias.float(), padding=1).to(image.dtype)


def networks(name: str) -> nn.Module:
    path = weights_file(name)
    return registry.create(name) if path is None else weights.load(path)[0]


def signature(network: nn.Module, spec: PlaneSpec = SMALL, batch: int = 1) -> Signature:
    return Signature(spec, batch, window_of(network))


def assert_whole(
    definitions: Definitions, spec: PlaneSpec, network: nn.Module, settings: EngineSettings, batch: int = 1
) -> int:
    """Builds; one network definition with every convolution in it, in the precision asked for. Returns the size.

    The cosine transform of a network over time is in FP32 in either precision.
    """
    before = len(definitions)
    engine = serialize(signature(network, spec, batch), network, settings)
    assert len(definitions) == before + 1, "more than one segment"
    layers = definitions[-1]
    expected = HALF if settings.precision is Precision.FP16 else FLOAT
    found = [types for kind, types in layers if kind in {"CONVOLUTION", "DECONVOLUTION"}]
    assert len(found) == len(convolutions(export(signature(network, spec), network, settings))) > 0
    exact = [] if window_of(network) is None else [found.pop(0)]
    assert exact in ([], [[FLOAT]])
    assert all(types == [expected] for types in found), found
    assert not [kind for kind, _ in layers if kind.startswith("PLUGIN")]
    assert len(engine) > 10_000
    return len(engine)


@pytest.mark.slow
@pytest.mark.parametrize("depth", [8, 10])
@pytest.mark.parametrize(
    ("name", "width", "height", "batch"),
    [
        *(("idc-video", *size, batch) for size in ((1280, 720), (1920, 1080), (3840, 2160)) for batch in (1, 4, 8)),
        ("idc", 1280, 720, 1),
        ("idc", 1920, 1080, 1),
    ],
)
def test_every_network_is_one_engine_in_fp16(
    builder: Definitions, name: str, width: int, height: int, batch: int, depth: int
) -> None:
    spec = PlaneSpec(width, height, Layout.YUV420P, depth)
    size = assert_whole(builder, spec, networks(name), EngineSettings(), batch)
    print(f"{name} {width}x{height} {depth} bits, {batch} at a time: {size / 1e6:.1f} MB")


@pytest.mark.parametrize("make", [rgb_network, video_network])
@pytest.mark.parametrize("layout", list(Layout))
def test_every_layout_is_one_engine(builder: Definitions, layout: Layout, make: Callable[[], nn.Module]) -> None:
    assert_whole(builder, PlaneSpec(94, 62, layout, 10), make(), EngineSettings())


@pytest.mark.parametrize("make", [rgb_network, video_network])
def test_rgb_planes_are_one_engine(builder: Definitions, make: Callable[[], nn.Module]) -> None:
    spec = PlaneSpec(96, 64, Layout.YUV444P, 8, Matrix.RGB, full_range=True)
    assert_whole(builder, spec, make(), EngineSettings())


def test_odd_sizes_are_one_engine(builder: Definitions) -> None:
    assert_whole(builder, PlaneSpec(95, 63), rgb_network(), EngineSettings())
    assert_whole(builder, PlaneSpec(95, 63), video_network(), EngineSettings())


def test_the_present_frame_alone_is_one_engine(builder: Definitions) -> None:
    assert_whole(builder, SMALL, video_network(frames=1), EngineSettings())


@pytest.mark.parametrize("make", [rgb_network, video_network])
def test_fp32_is_built_in_fp32(builder: Definitions, make: Callable[[], nn.Module]) -> None:
    assert_whole(builder, SMALL, make(), EngineSettings(precision=Precision.FP32))


def test_settings_reach_the_builder(builder: Definitions) -> None:
    settings = EngineSettings(optimization_level=0, workspace_bytes=1 << 28, strength=0.5)
    assert_whole(builder, SMALL, video_network(), settings)


def test_an_operator_left_to_pytorch_is_named(builder: Definitions) -> None:
    before = len(builder)
    with pytest.raises(ConversionError, match="svd"):
        serialize(signature(Unconvertible()), Unconvertible(), EngineSettings())
    assert len(builder) == before, "an engine was built all the same"


def test_the_converter_does_not_change_the_network(builder: Definitions) -> None:
    network = video_network()
    before = weights.digest_of(network.state_dict())
    assert_whole(builder, SMALL, network, EngineSettings())
    assert weights.digest_of(network.state_dict()) == before


def test_convolutions_are_found_in_an_export() -> None:
    program = export(signature(nn.Identity()), registry.create("idc"), EngineSettings())
    kinds = {str(node.target) for node in convolutions(program)}
    assert len(kinds) == 2, "convolutions and transposed ones"


def test_silent_fp32_is_refused() -> None:
    with pytest.raises(ConversionError, match=r"float32, not torch\.float16"):
        export(signature(SilentFloat()), SilentFloat(), EngineSettings())
    assert export(signature(SilentFloat()), SilentFloat(), EngineSettings(precision=Precision.FP32)) is not None


@pytest.mark.parametrize("make", [rgb_network, video_network])
def test_the_exported_graph_computes_what_the_network_computes(make: Callable[[], nn.Module]) -> None:
    network, settings = make(), EngineSettings(precision=Precision.FP32)
    wanted = signature(network, PlaneSpec(94, 62, Layout.NV12, 10))
    program, reference = export(wanted, network, settings), make_graph(network, wanted, settings)
    for sample in samples_for(wanted):
        inputs = [tensor.float() for tensor in sample.inputs]
        for exported, expected, port in zip(program.module()(*inputs), reference(*inputs), wanted.outputs, strict=True):
            # One code at most, where a value lies on the edge between two.
            assert ((exported - expected).abs() * port.scale).max() <= 1
            assert ((exported - expected).abs() * port.scale > 1e-3).float().mean() < 1e-3


def test_operators_are_read_from_the_converters_warning() -> None:
    text = "Interpretation will fail due to missing operations \ncall_function torch.ops.aten._linalg_svd.default\n"
    assert unconvertible(["other", text + "call_function _operator.getitem"]) == ["aten._linalg_svd.default"]
    assert unconvertible(["other"]) == []


@pytest.mark.skipif(torch.cuda.is_available(), reason="there is a CUDA device")
def test_without_a_gpu_both_ways_to_an_engine_say_so() -> None:
    with pytest.raises(MissingError, match=r"no CUDA device.*--portable"):
        build(Signature(SMALL), rgb_network(), EngineSettings())
    with pytest.raises(MissingError, match="no CUDA device"):
        load(b"", Signature(SMALL))
    with pytest.raises(MissingError, match="not on cpu"):
        load(b"", Signature(SMALL), "cpu")


def test_names_follow_the_planes_and_the_window() -> None:
    def names(of: Signature) -> tuple[list[str], list[str]]:
        return [port.name for port in of.inputs], [port.name for port in of.outputs]

    assert names(Signature(SMALL)) == (["plane0", "plane1", "plane2"], ["new_plane0", "new_plane1", "new_plane2"])
    assert names(Signature(PlaneSpec(8, 8, Layout.GRAY))) == (["plane0"], ["new_plane0"])
    over_time = Signature(PlaneSpec(8, 8, Layout.GRAY), 1, Window(1, 1))
    assert names(over_time) == (["luma", "chroma", "motion"], ["new_luma", "new_chroma"])
