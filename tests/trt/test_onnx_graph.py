"""The ONNX planar graph computes what the PyTorch planar graph computes, in either precision."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import onnx
import pytest
import torch
from torch import nn
from torch.nn import functional as F

from network import weights
from network.catalogue import onnx_file, weights_file
from network.export import export_network
from network.planes import Layout, PlaneSpec
from trt.compiled import PlanarGraph
from trt.errors import ConversionError
from trt.onnx_graph import network_facts, planar_model
from trt.settings import EngineSettings, Precision

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


def shipped() -> nn.Module:
    path = weights_file("idc-rt")
    assert path is not None
    return weights.load(path)[0]


def shipped_onnx() -> Path:
    path = onnx_file("idc-rt")
    assert path is not None
    return path


def assert_same(model: onnx.ModelProto, network: nn.Module, spec: PlaneSpec, settings: EngineSettings) -> None:
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1  # its threads spin while they wait, at the cost of everything else
    session = onnxruntime.InferenceSession(model.SerializeToString(), options, providers=["CPUExecutionProvider"])
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
    if spec.layout is not Layout.GRAY:  # the shipped network leaves grey noise as it is
        assert max(changed) >= step, "nothing was changed"


@pytest.mark.parametrize(
    ("layout", "precision"), [*((layout, Precision.FP32) for layout in Layout), (Layout.NV12, Precision.FP16)]
)
def test_the_graph_from_files_is_the_graph_of_pytorch(layout: Layout, precision: Precision) -> None:
    spec, settings = PlaneSpec(47, 31, layout, 10), EngineSettings(precision, strength=0.75)
    assert_same(planar_model(shipped_onnx(), spec, settings), shipped(), spec, settings)


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


def test_every_weight_of_the_network_is_half() -> None:
    model = planar_model(shipped_onnx(), PlaneSpec(16, 16), EngineSettings())
    types = {tensor.name: tensor.data_type for tensor in model.graph.initializer}
    convolutions = [node for node in model.graph.node if node.op_type == "Conv"]
    assert len(convolutions) > 20
    assert {types[name] for node in convolutions for name in node.input[1:]} == {onnx.TensorProto.FLOAT16}


def test_the_file_is_not_changed() -> None:
    before = shipped_onnx().read_bytes()
    planar_model(shipped_onnx(), PlaneSpec(16, 16), EngineSettings())
    assert shipped_onnx().read_bytes() == before


def test_what_the_file_says_of_itself() -> None:
    name, digest = network_facts(shipped_onnx())
    path = weights_file("idc-rt")
    assert path is not None
    assert (name, digest) == ("idc-rt", weights.load(path)[1].digest)


def test_what_is_no_network_is_refused(tmp_path: Path) -> None:
    (tmp_path / "noise.onnx").write_bytes(b"\xff\x00noise")
    with pytest.raises(ConversionError, match="no ONNX file"):
        planar_model(tmp_path / "noise.onnx", PlaneSpec(16, 16), EngineSettings())
    two = onnx.load(shipped_onnx())
    two.graph.input.append(onnx.helper.make_tensor_value_info("second", onnx.TensorProto.FLOAT, [1]))
    onnx.save_model(two, tmp_path / "two.onnx")
    with pytest.raises(ConversionError, match="one picture to one"):
        planar_model(tmp_path / "two.onnx", PlaneSpec(16, 16), EngineSettings())
