"""Operations counted in graphs, and the rate of matrix products."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import onnx
import pytest
import torch
from onnx import helper, numpy_helper

from network import catalogue
from pipeline.engines.flops import SIZES, matrix_rate, network_flops
from pipeline.runner.protocols import EngineInfo

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = pytest.mark.timeout(60)


def write_mixture(path: Path) -> None:
    """Every kind of product: plain, grouped, strided and transposed convolutions, and a matrix product."""
    shapes = {"plain": (8, 3, 3, 3), "grouped": (8, 2, 5, 5), "transposed": (8, 3, 2, 2), "groups": (4, 3, 1, 1)}
    constants = {name: np.ones(shape, np.float32) for name, shape in shapes.items()}
    constants |= {"matrix": np.ones((1, 5), np.float32), "column": np.array([-1, 1]), "axes": np.array([2, 3])}
    nodes = [
        helper.make_node("Conv", ["rgb", "plain"], ["a"], strides=[2, 2], pads=[1, 1, 1, 1]),
        helper.make_node("Conv", ["a", "grouped"], ["b"], group=4, pads=[2, 2, 2, 2]),
        helper.make_node("ConvTranspose", ["b", "transposed"], ["c"], strides=[2, 2]),
        helper.make_node("Concat", ["c", "first"], ["d"], axis=1),
        helper.make_node("ConvTranspose", ["d", "groups"], ["e"], group=2),
        helper.make_node("ReduceMean", ["e", "axes"], ["f"]),
        helper.make_node("Reshape", ["f", "column"], ["g"]),
        helper.make_node("MatMul", ["g", "matrix"], ["out"]),
    ]
    constants["first"] = np.zeros((1, 1, 32, 64), np.float32)
    rgb = helper.make_tensor_value_info("rgb", onnx.TensorProto.FLOAT, ["n", 3, "h", "w"])
    out = helper.make_tensor_value_info("out", onnx.TensorProto.FLOAT, None)
    weights = [numpy_helper.from_array(array, name) for name, array in constants.items()]
    graph = helper.make_graph(nodes, "mixture", [rgb], [out], weights)
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)]), path)


def test_operations_are_those_counted_by_hand(tmp_path: Path) -> None:
    path = tmp_path / "mixture.onnx"
    write_mixture(path)
    half = 32 * 16
    plain, grouped, transposed = 8 * 3 * 9 * half, 8 * 2 * 25 * half, 8 * 3 * 4 * half
    groups, matrix = 4 * 3 * 64 * 32, 6 * 1 * 5
    assert network_flops(None, path, 64, 32) == 2 * (plain + grouped + transposed + groups + matrix)


def test_the_shipped_files_agree() -> None:
    weights = catalogue.weights_file(catalogue.DEFAULT)
    if weights is None:
        pytest.skip("no weights are shipped")
    by_graph = network_flops(None, None, 320, 192)
    assert by_graph is not None
    # The file's cosine transform is one convolution for all frames, with zeros between them.
    assert by_graph == pytest.approx(network_flops(None, weights, 320, 192), rel=0.005)
    assert network_flops(None, None, 640, 192) == 2 * by_graph


def test_networks_without_a_file_or_without_products() -> None:
    assert network_flops("identity", None, 64, 64) == 0
    if catalogue.onnx_file("idc") is None:
        assert network_flops("idc", None, 64, 64) is None


@pytest.mark.skipif(torch.cuda.is_available(), reason="there is a GPU")
def test_the_matrix_product_says_how_it_was_measured() -> None:
    """Without a GPU, PyTorch too is compared with the processor."""
    rate = matrix_rate(EngineInfo("PyTorch 2", "", "int8", "", "", kind="torch"), threads=1, seconds=0.05)
    assert rate.flops > 1e8
    assert (rate.precision, rate.threads) == ("fp32", 1)
    assert rate.size in SIZES
    assert rate.library.startswith("OpenVINO")
