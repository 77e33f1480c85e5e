"""ONNX files: the same function, any size, and nothing of the machine that wrote them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import onnx
import pytest
import torch
from torch import nn

from network import catalogue, weights
from network.errors import WeightsError
from network.export import export_network, export_planar_graphs, export_weights
from network.models import registry
from network.models.layers import ConvUnit
from network.planes import Layout
from pipeline.engines.openvino_core import openvino_core

if TYPE_CHECKING:
    from collections.abc import Callable

SIZES = [(1, 1, 1), (1, 48, 64), (3, 37, 43), (2, 5, 130), (1, 97, 131)]
"""Batch, height and width; multiples of a network's stride and others."""

OPTIONS = {"widths": [8, 8, 8], "depth": 1}


def runner(path: Path) -> Callable[[torch.Tensor], torch.Tensor]:
    options = {"INFERENCE_PRECISION_HINT": "f32"}
    compiled = openvino_core().compile_model(str(path), "CPU", options)
    return lambda image: torch.from_numpy(compiled(image.numpy())[0].copy())


def randomised(network: nn.Module) -> nn.Module:
    """Fills every tensor, normalisation statistics included, so that no layer is left out by being zero."""
    generator = torch.Generator().manual_seed(11)
    with torch.no_grad():
        for name, tensor in network.state_dict().items():
            if tensor.is_floating_point():
                noise = torch.randn(tensor.shape, generator=generator)
                tensor.copy_(noise.abs() + 0.5 if "var" in name else noise / max(1, tensor[0].numel()) ** 0.5)
    return network.eval()


def assert_same_over_time(network: Any, path: Path) -> None:
    compiled = openvino_core().compile_model(str(path), "CPU", {"INFERENCE_PRECISION_HINT": "f32"})
    for batch, height, width in [(1, 16, 16), (1, 48, 64), (3, 32, 112)]:
        generator = torch.Generator().manual_seed(5)
        inputs = [torch.rand(part.shape, generator=generator) for part in network.sample_inputs(height, width, batch)]
        with torch.no_grad():
            expected = network(*inputs)
        found = compiled(
            {port.get_any_name(): part.numpy() for port, part in zip(compiled.inputs, inputs, strict=True)}
        )
        for name, wanted in zip(("luma_correction", "chroma_correction"), expected, strict=True):
            assert wanted.abs().mean() > 0.001, "nothing was changed"
            torch.testing.assert_close(torch.from_numpy(found[name]), wanted, rtol=1e-3, atol=1e-3)


def assert_same_at_every_size(network: nn.Module, path: Path) -> None:
    exported = runner(path)
    for batch, height, width in SIZES:
        image = torch.rand(batch, 3, height, width)
        with torch.no_grad():
            expected = network(image)
        assert (expected - image).abs().mean() > 0.01, "nothing was changed"
        torch.testing.assert_close(exported(image), expected, rtol=1e-3, atol=1e-3)


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("weights") / "tiny.safetensors"
    network = randomised(registry.create("idc-video", **OPTIONS))
    weights.save(path, network, name="idc-video", options=OPTIONS, card={"steps": 7})
    return path


@pytest.fixture(scope="module")
def exported(trained: Path) -> Path:
    path = trained.with_suffix(".onnx")
    export_weights(trained, path)
    return path


def test_a_network_over_time_is_the_same_at_every_size(trained: Path, exported: Path) -> None:
    network, _ = weights.load(trained)
    assert_same_over_time(network, exported)


def test_a_network_over_time_that_sees_one_frame_needs_no_motion(tmp_path: Path) -> None:
    network = randomised(registry.create("idc-video", frames=1, **OPTIONS))
    path = tmp_path / "one.onnx"
    export_network(network, path, name="idc-video", digest="")
    assert [entry.name for entry in onnx.load(path).graph.input] == ["luma", "chroma"]
    assert_same_over_time(network, path)


def test_a_small_network_of_rgb_is_not_changed_and_the_same_at_every_size(tmp_path: Path) -> None:
    network = randomised(nn.Sequential(ConvUnit(3, 8), ConvUnit(8, 3, relu=False)))
    path, before = tmp_path / "unit.onnx", weights.digest_of(network.state_dict())
    export_network(network, path, name="unit", digest=before)
    assert weights.digest_of(network.state_dict()) == before
    assert isinstance(network[0].normalisation, nn.BatchNorm2d)
    assert_same_at_every_size(network, path)


@pytest.mark.slow
def test_the_papers_network_is_the_same_at_every_size(tmp_path: Path) -> None:
    network = randomised(registry.create("idc"))
    path = tmp_path / "idc.onnx"
    export_network(network, path, name="idc", digest="")
    assert_same_at_every_size(network, path)


def test_the_file_says_what_it_holds(trained: Path, exported: Path) -> None:
    metadata = {entry.key: entry.value for entry in onnx.load(exported).metadata_props}
    _, header = weights.load(trained)
    assert metadata[catalogue.NETWORK_KEY] == "idc-video"
    assert (metadata[catalogue.WINDOW_KEY], metadata[catalogue.PLANES_KEY]) == ("1,1", "yuv420")
    assert metadata[catalogue.DIGEST_KEY] == header.digest
    assert json.loads(metadata[catalogue.CARD_KEY]) == {"steps": 7}


def test_normalisation_is_folded_in_the_file(trained: Path, exported: Path) -> None:
    network, _ = weights.load(trained)
    assert [module for module in network.modules() if isinstance(module, nn.BatchNorm2d)]
    assert "BatchNormalization" not in {node.op_type for node in onnx.load(exported).graph.node}


def test_no_path_of_this_machine_is_in_a_file(exported: Path) -> None:
    traces = [str(Path(__file__).parent.parent.parent), str(Path(torch.__file__).parent), str(Path.home())]
    shipped = sorted(catalogue.folder().glob("*.onnx"))
    assert len(shipped) > 2 * len(Layout)
    for path in (exported, *shipped):
        content = path.read_bytes()
        assert not [trace for trace in traces if len(trace) > 1 and trace.encode() + b"/" in content], path
        assert b"site-packages" not in content


def test_nothing_is_left_of_a_write_but_the_file(exported: Path, trained: Path) -> None:
    assert sorted(path.name for path in exported.parent.iterdir()) == [exported.name, trained.name]


def test_weights_that_can_not_be_read_are_refused(tmp_path: Path) -> None:
    source = tmp_path / "broken.safetensors"
    source.write_bytes(b"no weights at all")
    with pytest.raises(WeightsError):
        export_weights(source, tmp_path / "out.onnx")
    assert [path.name for path in tmp_path.iterdir()] == ["broken.safetensors"]


@pytest.mark.slow  # by default, the suite over the engines compares what the two compute
@pytest.mark.parametrize("layout", list(Layout))
def test_the_shipped_planar_graphs_are_those_of_the_code(layout: Layout, tmp_path: Path) -> None:
    fresh = tmp_path / "first.onnx", tmp_path / "second.onnx"
    export_planar_graphs(layout, *fresh)
    for new, shipped in zip(fresh, catalogue.planar_graph_files(layout), strict=True):
        assert _substance(new) == _substance(shipped), f"{shipped.name}: run `deblur export --shipped`"


def _substance(path: Path) -> list[tuple[str, dict[str, Any]]]:
    """Operators and constants of a graph, without their names and order, which differ between versions of PyTorch."""
    graph = onnx.load(path).graph
    constants: list[tuple[str, dict[str, Any]]] = [
        (f"constant {onnx.numpy_helper.to_array(entry).tolist()}", {}) for entry in graph.initializer
    ]
    operators = [
        (node.op_type, {entry.name: str(onnx.helper.get_attribute_value(entry)) for entry in node.attribute})
        for node in graph.node
    ]
    return sorted(operators, key=str) + sorted(constants, key=str)


def test_the_identity_network_is_exact() -> None:
    path = catalogue.onnx_file("identity")
    assert path is not None
    image = torch.rand(1, 3, 5, 7) * 3 - 1
    np.testing.assert_array_equal(runner(path)(image).numpy(), image.numpy())
