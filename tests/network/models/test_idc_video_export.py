"""The network over time as it is exported: the same function in fewer steps."""

from __future__ import annotations

import copy

import numpy as np
import onnx
import pytest
import torch
from onnx import TensorProto, helper, numpy_helper
from onnx.reference import ReferenceEvaluator
from torch import nn

from network.models.idc_video_export import IDCVideoExport, pixels_together
from network.models.layers import fold_for_inference
from tests.network.models.test_idc_video import inputs, trained_alike


@pytest.mark.parametrize("options", [{}, {"frames": 1}, {"texture": False}], ids=str)
def test_it_is_the_same_function_and_leaves_the_network_as_it_was(options: dict[str, object]) -> None:
    network = trained_alike(**options).eval()
    folded = fold_for_inference(network)
    before = copy.deepcopy(folded.state_dict())
    exported = IDCVideoExport(folded)  # type: ignore[arg-type]
    given = inputs(network, batch=2)
    with torch.no_grad():
        for one, other in zip(exported(*given), folded(*given), strict=True):
            assert other.abs().max() > 0.01
            torch.testing.assert_close(one, other, atol=1e-5, rtol=1e-4)
    for name, tensor in folded.state_dict().items():
        assert torch.equal(tensor, before[name])


def shuffled(layer: nn.Conv2d, more: list[onnx.NodeProto]) -> onnx.ModelProto:
    """A convolution and a pixel shuffle by 2, from ``x`` to ``y``."""
    assert layer.bias is not None
    constants = [
        numpy_helper.from_array(layer.weight.detach().numpy(), "weight"),
        numpy_helper.from_array(layer.bias.detach().numpy(), "bias"),
    ]
    nodes = [
        helper.make_node("Conv", ["x", "weight", "bias"], ["channels"], kernel_shape=[1, 1]),
        helper.make_node("DepthToSpace", ["channels"], ["shuffled"], blocksize=2, mode="CRD"),
        *more,
    ]
    ends = [helper.make_tensor_value_info(name, TensorProto.FLOAT, [1, None, None, None]) for name in "xy"]
    return helper.make_model(helper.make_graph(nodes, "shuffle", ends[:1], ends[1:], constants))


def test_pixels_of_a_shuffle_lie_together_and_the_function_stays() -> None:
    torch.manual_seed(0)
    layer, image = nn.Conv2d(3, 8, 1), torch.rand(1, 3, 5, 4)
    model = shuffled(layer, [helper.make_node("Identity", ["shuffled"], ["y"])])
    with torch.no_grad():
        expected = nn.functional.pixel_shuffle(layer(image), 2)
    pixels_together(model)
    assert onnx.helper.get_node_attr_value(model.graph.node[1], "mode") == b"DCR"
    (found,) = ReferenceEvaluator(model).run(None, {"x": image.numpy()})
    torch.testing.assert_close(torch.from_numpy(found), expected)


def test_channels_that_others_read_stay_where_they_are() -> None:
    torch.manual_seed(0)
    layer, image = nn.Conv2d(3, 8, 1), torch.rand(1, 3, 1, 1)
    model = shuffled(layer, [helper.make_node("Reshape", ["channels", "shape"], ["y"])])
    model.graph.initializer.append(numpy_helper.from_array(np.array([1, 2, 2, 2]), "shape"))
    with torch.no_grad():
        expected = layer(image).reshape(1, 2, 2, 2)
    pixels_together(model)
    (found,) = ReferenceEvaluator(model).run(None, {"x": image.numpy()})
    torch.testing.assert_close(torch.from_numpy(found), expected)
