"""The planar graph as one ONNX model: the shipped graphs joined with a network, the network in FP16 if asked for.

It is :class:`trt.graphs.PlanarGraph` made from files alone: nothing here needs PyTorch. A network over time has a
model of its own (:mod:`trt.onnx_windows`).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import onnx
from onnx import TensorProto, compose, helper, numpy_helper

from network import catalogue
from network.colour import coefficients
from network.window.windows import SEEING
from trt.errors import ConversionError
from trt.onnx_windows import window_model
from trt.settings import EngineSettings, Precision

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray

    from network.planes import PlaneSpec
    from network.window.windows import Window

SCALE_INPUTS = {"Resize": (1, 2)}
"""Inputs that stay FP32 in a network of FP16, by the standard: the region and the scales of a resize."""


def planar_model(path: Path, spec: PlaneSpec, settings: EngineSettings) -> onnx.ModelProto:
    """Joins a network with the planar graphs of a layout.

    Args:
        path: File of the network: RGB (N, 3, H, W) float32 to the same, dynamic sizes, as ``deblur export`` writes it.
        spec: Layout, depth and matrix of the planes; width and height are not read.
        settings: Precision and strength.

    Returns:
        A model with inputs ``plane0`` to ``plane2`` (as many as the layout has) and outputs ``new_plane0`` to
        ``new_plane2``: words as float32, dynamic batch and sizes.

    Raises:
        ConversionError: If the file is no such network.
    """
    network = read_model(path)
    if len(network.graph.input) != 1 or len(network.graph.output) != 1:
        raise ConversionError(f"{path} is no network from one picture to one; write one with `deblur export`")
    _replace_doublings(network)
    if settings.precision is Precision.FP16:
        _make_half(network)
    before, after = (onnx.load(file) for file in catalogue.planar_graph_files(spec.layout))
    numbers = coefficients(spec)
    _make_constants(before, {"to_rgb": numbers.to_rgb, "offset": numbers.offset})
    _make_constants(
        after,
        {
            "from_rgb": numbers.from_rgb * np.float32(settings.strength),
            "step": numbers.step,
            "maximum": numbers.maximum,
        },
    )
    names = [value.name for value in before.graph.input]
    # Prefixes keep the names of the three apart; the planes go to both ends and keep theirs.
    before, network, after = (
        compose.add_prefix(model, prefix)
        for model, prefix in ((before, "before/"), (network, "network/"), (after, "after/"))
    )
    picture = network.graph.input[0].name
    joined = compose.merge_models(before, network, io_map=[("before/rgb", picture)], outputs=None)
    _keep_as_output(joined, *_rounded_picture(joined, settings))
    seen = joined.graph.output[-1].name
    deblurred = network.graph.output[0].name
    model = compose.merge_models(joined, after, io_map=[(seen, "after/before"), (deblurred, "after/after")])
    for name in names:
        _rename_input(model, f"before/{name}", name)
        _rename_input(model, f"after/{name}", name)
        _rename_output(model, f"after/new_{name}", f"new_{name}")
    unique = {value.name: value for value in model.graph.input}
    del model.graph.input[:]
    model.graph.input.extend(unique[name] for name in names)
    onnx.checker.check_model(model)
    return model


@dataclass(frozen=True, slots=True)
class NetworkFacts:
    """What an ONNX file says of its network.

    Attributes:
        name: Name of the network; that of the file where it says none.
        digest: Digest of the weights; empty where it says none.
        window: Neighbours that the network looks at; None for one for RGB.
    """

    name: str
    digest: str
    window: Window | None


def network_facts(path: Path) -> NetworkFacts:
    """Reads what an ONNX file says of its network.

    Raises:
        ConversionError: If the file can't be read, or names a window that no network here has.
    """
    entries = {entry.key: entry.value for entry in read_model(path).metadata_props}
    stated = entries.get(catalogue.WINDOW_KEY)
    window = next((each for each in SEEING if stated == f"{each.before},{each.after}"), None)
    if stated is not None and window is None:
        raise ConversionError(f"{path} is for a window of {stated}; a network here sees none or 1,1")
    name, digest = entries.get(catalogue.NETWORK_KEY, path.stem), entries.get(catalogue.DIGEST_KEY, "")
    return NetworkFacts(name, digest, window)


def engine_model(path: Path, spec: PlaneSpec, settings: EngineSettings) -> onnx.ModelProto:
    """The model from which an engine is built, for a network for RGB or over time.

    Args:
        path: File of the network, as ``deblur export`` writes it.
        spec: Layout, depth and matrix of the frames; width and height are not read.
        settings: Precision and strength.

    Raises:
        ConversionError: If the file is no such network.
    """
    window = network_facts(path).window
    if window is None:
        return planar_model(path, spec, settings)
    return window_model(read_model(path), window, spec, settings)


def read_model(path: Path) -> onnx.ModelProto:
    """Reads an ONNX file.

    Raises:
        ConversionError: If it can't be read.
    """
    try:
        return onnx.load(path)
    except Exception as error:  # protobuf's own errors share no base
        raise ConversionError(f"{path} is no ONNX file that can be read; write one with `deblur export`") from error


def _replace_doublings(model: onnx.ModelProto) -> None:
    """Turns bilinear doublings into transposed convolutions of a picture with its edges repeated, in place.

    It is the same function. TensorRT refuses a resize of dynamic sizes whose result is concatenated, since it can't
    prove that the sizes agree; those of a convolution it can.
    """
    scales = {tensor.name: numpy_helper.to_array(tensor).tolist() for tensor in model.graph.initializer}
    wanted = [
        node
        for node in model.graph.node
        if node.op_type == "Resize" and len(node.input) == 3 and scales.get(node.input[2]) == [1.0, 1.0, 2.0, 2.0]
        if _text(node, "mode") == "linear" and _text(node, "coordinate_transformation_mode") == "half_pixel"
    ]
    if not wanted:
        return
    shapes = {
        value.name: value.type.tensor_type.shape for value in onnx.shape_inference.infer_shapes(model).graph.value_info
    }
    taps = np.array([0.25, 0.75, 0.75, 0.25], np.float32)
    pads, nodes = "doubling/pads", []
    model.graph.initializer.append(numpy_helper.from_array(np.array([0, 0, 1, 1, 0, 0, 1, 1], np.int64), pads))
    for node in model.graph.node:
        channels = shapes[node.input[0]].dim[1].dim_value if node in wanted else 0
        if not channels:
            nodes.append(node)
            continue
        weights, padded = f"{node.output[0]}/weights", f"{node.output[0]}/padded"
        kernel = np.tile(np.outer(taps, taps), (channels, 1, 1, 1))
        model.graph.initializer.append(numpy_helper.from_array(kernel, weights))
        nodes += [
            helper.make_node("Pad", [node.input[0], pads], [padded], mode="edge"),
            helper.make_node(
                "ConvTranspose", [padded, weights], list(node.output), group=channels, strides=[2, 2], pads=[3] * 4
            ),
        ]
    del model.graph.node[:]
    model.graph.node.extend(nodes)


def _text(node: onnx.NodeProto, name: str) -> str:
    """A text attribute; empty if it is not there."""
    return next((entry.s.decode() for entry in node.attribute if entry.name == name), "")


def _make_half(model: onnx.ModelProto) -> None:
    """Turns a network into FP16, between casts from and to FP32, in place.

    Raises:
        ConversionError: If it casts to FP32 itself.
    """
    graph = model.graph
    kept = {
        node.input[index]
        for node in graph.node
        for index in SCALE_INPUTS.get(node.op_type, ())
        if index < len(node.input)
    }
    for tensor in graph.initializer:
        if tensor.data_type == TensorProto.FLOAT and tensor.name not in kept:
            tensor.CopyFrom(numpy_helper.from_array(numpy_helper.to_array(tensor).astype(np.float16), tensor.name))
    for node in graph.node:
        if node.op_type in {"Cast", "Constant"}:  # the exporter leaves none; what one is for can't be told from here
            raise ConversionError(f"the network has a {node.op_type} ({node.name}), so it can't be turned into FP16")
    del graph.value_info[:]  # types of what lies between
    picture, result = graph.input[0].name, graph.output[0].name
    for node in graph.node:
        node.input[:] = [f"{name}/half" if name == picture else name for name in node.input]
        node.output[:] = [f"{name}/half" if name == result else name for name in node.output]
        node.input[:] = [f"{name}/half" if name == result else name for name in node.input]
    graph.node.insert(0, helper.make_node("Cast", [picture], [f"{picture}/half"], to=TensorProto.FLOAT16))
    graph.node.append(helper.make_node("Cast", [f"{result}/half"], [result], to=TensorProto.FLOAT))


def _rounded_picture(model: onnx.ModelProto, settings: EngineSettings) -> tuple[onnx.NodeProto, str]:
    """A node that returns the network's actual input as FP32, and the name of its output.

    The residual is computed from it, so that rounding the input to FP16 does not count as a change.
    """
    picture = "before/rgb"
    if settings.precision is Precision.FP32:
        return helper.make_node("Identity", [picture], ["seen"]), "seen"
    (cast,) = (node for node in model.graph.node if node.op_type == "Cast" and list(node.input) == [picture])
    return helper.make_node("Cast", [cast.output[0]], ["seen"], to=TensorProto.FLOAT), "seen"


def _keep_as_output(model: onnx.ModelProto, node: onnx.NodeProto, name: str) -> None:
    model.graph.node.append(node)
    model.graph.output.append(helper.make_tensor_value_info(name, TensorProto.FLOAT, [None, 3, None, None]))


def _make_constants(model: onnx.ModelProto, values: dict[str, NDArray[np.float32]]) -> None:
    """Puts constants in the place of inputs."""
    graph = model.graph
    remaining = [value for value in graph.input if value.name not in values]
    del graph.input[:]
    graph.input.extend(remaining)
    graph.initializer.extend(numpy_helper.from_array(np.asarray(value), name) for name, value in values.items())


def _rename_input(model: onnx.ModelProto, old: str, new: str) -> None:
    for value in model.graph.input:
        if value.name == old:
            value.name = new
    for node in model.graph.node:
        node.input[:] = [new if name == old else name for name in node.input]


def _rename_output(model: onnx.ModelProto, old: str, new: str) -> None:
    for value in model.graph.output:
        if value.name == old:
            value.name = new
    for node in model.graph.node:
        node.input[:] = [new if name == old else name for name in node.input]
        node.output[:] = [new if name == old else name for name in node.output]
