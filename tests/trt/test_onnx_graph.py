"""The ONNX planar graph computes what the PyTorch planar graph computes, in either precision."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import onnx
import pytest
import torch
from torch import nn
from torch.nn import functional as F

from network import weights
from network.catalogue import DEFAULT, WINDOW_KEY, onnx_file, weights_file
from network.export import export_network
from network.planes import Layout, Matrix, PlaneSpec
from network.window.windows import Window
from tests.support.networks import rgb_network, video_network
from trt.errors import ConversionError
from trt.graphs import PlanarGraph, make_graph
from trt.onnx_graph import NetworkFacts, engine_model, network_facts, planar_model
from trt.samples import samples_for
from trt.settings import EngineSettings, Precision
from trt.signature import Signature

if TYPE_CHECKING:
    from pathlib import Path

onnxruntime = pytest.importorskip("onnxruntime", reason="ONNX Runtime, the reference for ONNX files, is not installed")


class Doubling(nn.Module):
    """Halves, convolves, doubles and concatenates, as the paper's network does between its scales."""

    def __init__(self) -> None:
        super().__init__()
        self.first = nn.Conv2d(3, 5, 3, stride=2, padding=1)
        self.last = nn.Conv2d(8, 3, 1)

    def forward(self, image: torch.Tensor) -> torch.Tensor:
        height, width = image.shape[-2:]
        doubled = F.interpolate(self.first(image), scale_factor=2.0, mode="bilinear", align_corners=False)
        result: torch.Tensor = self.last(torch.cat((image, doubled[..., :height, :width]), dim=1))
        return result


@pytest.fixture(scope="module")
def rgb(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("networks") / "rgb.onnx"
    export_network(rgb_network(), path, name="rgb", digest="ab" * 32)
    return path


@pytest.fixture(scope="module")
def video(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("networks") / "video.onnx"
    export_network(video_network(), path, name="idc-video", digest="")
    return path


def session_of(model: onnx.ModelProto) -> Any:
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1  # its threads spin while they wait, at the cost of everything else
    return onnxruntime.InferenceSession(model.SerializeToString(), options, providers=["CPUExecutionProvider"])


def assert_same(model: onnx.ModelProto, network: nn.Module, spec: PlaneSpec, settings: EngineSettings) -> None:
    session = session_of(model)
    random = np.random.default_rng(5)
    step = 1 << spec.code_shift
    planes = [
        (random.integers(0, 1 << spec.depth, (2, *shape)) * step).astype(np.float32) for shape in spec.plane_shapes
    ]
    results = session.run(None, {f"plane{index}": plane for index, plane in enumerate(planes)})
    assert [output.name for output in session.get_outputs()] == [f"new_plane{i}" for i in range(len(planes))]
    expected = PlanarGraph(network, spec, settings)(*map(torch.from_numpy, planes))
    for result, wanted in zip(results, expected, strict=True):
        difference = np.abs(result - wanted.numpy())
        assert difference.max() <= step, "one code at most, where a value lies between two"
        # Libraries add up in different orders, which FP16 shows more often.
        assert (difference > 0).mean() < (0.01 if settings.precision is Precision.FP32 else 0.1)
    changed = [np.abs(result - plane).max() for result, plane in zip(results, planes, strict=True)]
    assert max(changed) >= step, "nothing was changed"


@pytest.mark.parametrize(
    ("layout", "precision"), [*((layout, Precision.FP32) for layout in Layout), (Layout.NV12, Precision.FP16)]
)
def test_the_graph_from_files_is_the_graph_of_pytorch(rgb: Path, layout: Layout, precision: Precision) -> None:
    spec, settings = PlaneSpec(47, 31, layout, 10), EngineSettings(precision, strength=0.75)
    assert_same(engine_model(rgb, spec, settings), rgb_network(), spec, settings)


@pytest.mark.parametrize("precision", list(Precision))
@pytest.mark.parametrize(
    "spec", [PlaneSpec(47, 31), PlaneSpec(47, 31, Layout.YUV444P, 8, Matrix.RGB), PlaneSpec(48, 32, Layout.NV12, 10)]
)
def test_the_model_over_time_is_the_graph_of_pytorch(video: Path, spec: PlaneSpec, precision: Precision) -> None:
    settings, signature = EngineSettings(precision, strength=0.75), Signature(spec, 1, Window(1, 1))
    session = session_of(engine_model(video, spec, settings))
    assert [value.name for value in session.get_inputs()] == [port.name for port in signature.inputs]
    assert [value.name for value in session.get_outputs()] == [port.name for port in signature.outputs]
    graph = make_graph(video_network(), signature, settings)
    for sample in samples_for(signature):
        arrays = {port.name: tensor.numpy() for port, tensor in zip(signature.inputs, sample.inputs, strict=True)}
        with torch.no_grad():
            expected = graph(*sample.inputs)
        for result, wanted, port in zip(session.run(None, arrays), expected, signature.outputs, strict=True):
            off = np.abs(result - wanted.numpy()) * port.scale
            assert off.max() <= max(1, signature.highest / 255)
            assert precision is Precision.FP16 or (off > 0.1).mean() < 0.01


def test_the_present_frame_alone_needs_no_motion(tmp_path: Path) -> None:
    network, path = video_network(frames=1), tmp_path / "one.onnx"
    export_network(network, path, name="idc-video", digest="")
    assert network_facts(path).window == Window()
    session = session_of(engine_model(path, PlaneSpec(32, 32), EngineSettings()))
    assert [value.name for value in session.get_inputs()] == ["luma", "chroma"]


def test_the_spectrum_alone_stays_in_full_precision(video: Path) -> None:
    model = engine_model(video, PlaneSpec(16, 16), EngineSettings())
    types = {tensor.name: tensor.data_type for tensor in model.graph.initializer}
    weights_of = [node.input[1] for node in model.graph.node if node.op_type == "Conv"]
    exact = [name for name in weights_of if types[name] == onnx.TensorProto.FLOAT]
    assert exact == ["spectrum.luma", "spectrum.chroma"]
    assert {types[name] for name in weights_of} == {onnx.TensorProto.FLOAT, onnx.TensorProto.FLOAT16}


def test_a_window_that_no_network_has_is_refused(video: Path, tmp_path: Path) -> None:
    model = onnx.load(video)
    onnx.helper.set_model_props(model, {WINDOW_KEY: "2,0"})
    onnx.save_model(model, tmp_path / "other.onnx")
    with pytest.raises(ConversionError, match="for a window of 2,0"):
        engine_model(tmp_path / "other.onnx", PlaneSpec(16, 16), EngineSettings())
    del model.graph.input[0]
    onnx.helper.set_model_props(model, {WINDOW_KEY: "1,1"})
    onnx.save_model(model, tmp_path / "other.onnx")
    with pytest.raises(ConversionError, match="not a network over time"):
        engine_model(tmp_path / "other.onnx", PlaneSpec(16, 16), EngineSettings())


@pytest.mark.parametrize("precision", [Precision.FP32, pytest.param(Precision.FP16, marks=pytest.mark.slow)])
def test_a_doubling_is_replaced_by_the_same_function(tmp_path: Path, precision: Precision) -> None:
    torch.manual_seed(0)
    network, path = Doubling(), tmp_path / "doubling.onnx"
    export_network(network, path, name="doubling", digest="")
    spec, settings = PlaneSpec(34, 22, Layout.YUV444P), EngineSettings(precision)
    model = planar_model(path, spec, settings)
    names = [node.name for node in model.graph.node if node.op_type == "Resize"]
    assert not [name for name in names if name.startswith("network/")]
    assert_same(model, network, spec, settings)


def test_every_weight_of_the_network_is_half(rgb: Path) -> None:
    model = planar_model(rgb, PlaneSpec(16, 16), EngineSettings())
    types = {tensor.name: tensor.data_type for tensor in model.graph.initializer}
    convolutions = [node for node in model.graph.node if node.op_type == "Conv"]
    assert len(convolutions) > 4
    assert {types[name] for node in convolutions for name in node.input[1:]} == {onnx.TensorProto.FLOAT16}


def test_the_files_are_not_changed(rgb: Path, video: Path) -> None:
    for path in (rgb, video):
        before = path.read_bytes()
        engine_model(path, PlaneSpec(16, 16), EngineSettings())
        assert path.read_bytes() == before


def test_what_a_file_says_of_itself(rgb: Path) -> None:
    assert network_facts(rgb) == NetworkFacts("rgb", "ab" * 32, None)
    shipped, path = onnx_file(DEFAULT), weights_file(DEFAULT)
    assert shipped is not None
    assert path is not None
    assert network_facts(shipped) == NetworkFacts("idc-video", weights.load(path)[1].digest, Window(1, 1))


def test_what_is_no_network_is_refused(rgb: Path, tmp_path: Path) -> None:
    (tmp_path / "noise.onnx").write_bytes(b"\xff\x00noise")
    with pytest.raises(ConversionError, match="no ONNX file"):
        planar_model(tmp_path / "noise.onnx", PlaneSpec(16, 16), EngineSettings())
    two = onnx.load(rgb)
    two.graph.input.append(onnx.helper.make_tensor_value_info("second", onnx.TensorProto.FLOAT, [1]))
    onnx.save_model(two, tmp_path / "two.onnx")
    with pytest.raises(ConversionError, match="one picture to one"):
        planar_model(tmp_path / "two.onnx", PlaneSpec(16, 16), EngineSettings())
