"""A network over time as ONNX model for working planes: the network in FP16 if asked for, plane arithmetic around it.

It is :class:`trt.graphs.WindowGraph` made from a file alone: nothing here needs PyTorch.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

from network.window.working import working_spec
from trt.errors import ConversionError
from trt.settings import EngineSettings, Precision

if TYPE_CHECKING:
    from network.planes import PlaneSpec
    from network.window.windows import Window
    from network.window.working import WorkingSpec

INPUTS = ("luma", "chroma", "motion")
OUTPUTS = ("luma_correction", "chroma_correction")

EXACT_WEIGHTS = "spectrum."
"""Part of the names of weights that stay in FP32, see :class:`network.models.plane_channels.PlaneSpectrum`."""


def window_model(model: onnx.ModelProto, window: Window, spec: PlaneSpec, settings: EngineSettings) -> onnx.ModelProto:
    """Puts the arithmetic of working planes around a network over time.

    Args:
        model: The network, as ``deblur export`` writes it; changed in place.
        window: Neighbours that it looks at.
        spec: Layout, depth and matrix of the frames; width and height are not read.
        settings: Precision and strength.

    Returns:
        A model with the inputs and outputs that :class:`trt.signature.Signature` names, dynamic batch and sizes.

    Raises:
        ConversionError: If the file is no such network.
    """
    graph, working = model.graph, working_spec(spec)
    given = tuple(value.name for value in graph.input), tuple(value.name for value in graph.output)
    if given != (INPUTS[: 3 if window.frames > 1 else 2], OUTPUTS):
        raise ConversionError(f"the network takes and gives {given}, which is not a network over time of this project")
    if settings.precision is Precision.FP16:
        _make_half(model)
    nodes = list(graph.node)
    del graph.node[:]
    graph.node.extend(_before(graph, working))
    for node in nodes:
        node.input[:] = [f"{name}/share" if name in INPUTS[:2] else name for name in node.input]
    graph.node.extend(nodes)
    graph.node.extend(_after(graph, working, window, settings.strength))
    del graph.value_info[:]
    onnx.checker.check_model(model)
    return model


def _before(graph: onnx.GraphProto, working: WorkingSpec) -> list[onnx.NodeProto]:
    """Codes to shares of their range."""
    made = []
    for name, zero, scale in (
        ("luma", working.luma_zero, working.luma_range),
        ("chroma", working.chroma_zero, working.chroma_range),
    ):
        zero_name, scale_name = _number(graph, f"{name}/zero", zero), _number(graph, f"{name}/scale", 1 / scale)
        made += [
            helper.make_node("Sub", [name, zero_name], [f"{name}/above"]),
            helper.make_node("Mul", [f"{name}/above", scale_name], [f"{name}/share"]),
        ]
    return made


def _after(graph: onnx.GraphProto, working: WorkingSpec, window: Window, strength: float) -> list[onnx.NodeProto]:
    """Corrections to new codes, or to corrections of the strength asked for."""
    ends = [_number(graph, "lowest", 0), _number(graph, "highest", working.maximum)] if working.is_direct else []
    made = []
    for output, name, planes, scale in zip(
        graph.output, INPUTS[:2], (1, 2), (working.luma_range, working.chroma_range), strict=True
    ):
        correction, result = output.name, f"new_{name}"
        output.name = result
        strength_name = _number(graph, f"{name}/strength", strength)
        scaled = f"{name}/scaled" if working.is_direct else result
        made.append(helper.make_node("Mul", [correction, strength_name], [scaled]))
        if not working.is_direct:
            continue
        first = planes * window.before
        span = [_whole(graph, f"{name}/{at}", value) for at, value in (("from", first), ("to", first + planes))]
        axis, range_name = _whole(graph, f"{name}/axis", 1), _number(graph, f"{name}/range", scale)
        made += [
            helper.make_node("Mul", [scaled, range_name], [f"{name}/codes"]),
            helper.make_node("Round", [f"{name}/codes"], [f"{name}/whole"]),
            helper.make_node("Slice", [name, *span, axis], [f"{name}/present"]),
            helper.make_node("Add", [f"{name}/present", f"{name}/whole"], [f"{name}/sum"]),
            helper.make_node("Clip", [f"{name}/sum", *ends], [result]),
        ]
    return made


def _make_half(model: onnx.ModelProto) -> None:
    """Turns a network into FP16 from its first trained convolutions on, in place."""
    graph = model.graph
    types = {
        value.name: value.type.tensor_type.elem_type
        for value in onnx.shape_inference.infer_shapes(model).graph.value_info
    }
    weights = {tensor.name: tensor for tensor in graph.initializer}
    results = {value.name for value in graph.output}
    types |= dict.fromkeys([*results, *(value.name for value in graph.input)], TensorProto.FLOAT)
    types |= {name: tensor.data_type for name, tensor in weights.items()}
    half: set[str] = set()
    nodes: list[onnx.NodeProto] = []
    for node in graph.node:
        is_trained = node.op_type == "Conv" and EXACT_WEIGHTS not in node.input[1]
        if is_trained or half.intersection(node.input):
            for index, name in enumerate(node.input):
                if types.get(name) != TensorProto.FLOAT or name in half:
                    node.input[index] = f"{name}/half" if name in results else name
                    continue
                node.input[index] = f"{name}/half"
                if f"{name}/half" in half:
                    continue
                half.add(f"{name}/half")
                if name in weights:
                    values = numpy_helper.to_array(weights[name]).astype(np.float16)
                    graph.initializer.append(numpy_helper.from_array(values, f"{name}/half"))
                else:
                    nodes.append(helper.make_node("Cast", [name], [f"{name}/half"], to=TensorProto.FLOAT16))
            half.update(name for name in node.output if types.get(name) == TensorProto.FLOAT)
            node.output[:] = [f"{name}/half" if name in results else name for name in node.output]
        nodes.append(node)
    nodes.extend(
        helper.make_node("Cast", [f"{name}/half"], [name], to=TensorProto.FLOAT) for name in sorted(results & half)
    )
    used = {name for node in nodes for name in node.input}
    kept = [tensor for tensor in graph.initializer if tensor.name in used]
    del graph.node[:], graph.initializer[:], graph.value_info[:]
    graph.node.extend(nodes)
    graph.initializer.extend(kept)


def _number(graph: onnx.GraphProto, name: str, value: float) -> str:
    graph.initializer.append(numpy_helper.from_array(np.asarray(value, np.float32), name))
    return name


def _whole(graph: onnx.GraphProto, name: str, value: int) -> str:
    graph.initializer.append(numpy_helper.from_array(np.asarray([value], np.int64), name))
    return name
