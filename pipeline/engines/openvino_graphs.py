"""Graphs that OpenVINO compiles: a network with the arithmetic of the planes before and after it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import openvino as ov
from openvino import opset13 as ops

from network import catalogue
from network.colour import coefficients
from pipeline.engines.openvino_core import openvino_core

if TYPE_CHECKING:
    from collections.abc import Mapping

    from network.planes import PlaneSpec
    from network.window.windows import Window
    from network.window.working import WorkingSpec


def planar_model(network: ov.Model, spec: PlaneSpec, batch: int, strength: float) -> ov.Model:
    """Joins a network from RGB to RGB with the planar graphs of a layout: planes in, planes out.

    Args:
        network: Network from RGB to RGB; it is not changed.
        spec: Kind and size of the frames.
        batch: Number of frames in a batch.
        strength: Share of the network's changes that is applied, 0 to :data:`network.planes.MAX_STRENGTH`.

    Returns:
        A model of static shapes whose inputs and outputs are the planes of ``spec`` in their integer type.
    """
    before, after = (openvino_core().read_model(path) for path in catalogue.planar_graph_files(spec.layout))
    inner = network.clone()
    numbers = coefficients(spec)
    sources = {
        "to_rgb": numbers.to_rgb,
        "offset": numbers.offset,
        "from_rgb": numbers.from_rgb * np.float32(strength),
        "step": numbers.step,
        "maximum": numbers.maximum,
    }
    into, back = _parameters(before), _parameters(after)
    for name, value in sources.items():
        _feed((into if name in into else back)[name], ops.constant(value).output(0))
    _feed(inner.get_parameters()[0], before.get_results()[0].input_value(0))
    _feed(back["before"], before.get_results()[0].input_value(0))
    _feed(back["after"], inner.get_results()[0].input_value(0))
    count = len(spec.plane_shapes)
    planes = [into[f"plane{index}"] for index in range(count)]
    for index, plane in enumerate(planes):
        _feed(back[f"plane{index}"], plane.output(0))
    joined = ov.Model(after.get_results(), planes, f"{network.get_friendly_name()} for {spec.layout}")
    joined.reshape({index: [batch, *shape] for index, shape in enumerate(spec.plane_shapes)})
    words = ov.Type(spec.dtype)
    edges = ov.preprocess.PrePostProcessor(joined)
    for index in range(count):
        edges.input(index).tensor().set_element_type(words)
        edges.output(index).tensor().set_element_type(words)
    return edges.build()


def window_model(network: ov.Model, window: Window, working: WorkingSpec, batch: int, strength: float) -> ov.Model:
    """Joins a network over time with the arithmetic of its working planes.

    Args:
        network: Network over time; it is not changed.
        window: Neighbours that it looks at.
        working: Size and codes of the working planes.
        batch: Number of windows in a batch.
        strength: Share of the network's correction that is applied.

    Returns:
        A model of static shapes. Its inputs are codes of luma and chroma in their integer type, and, with neighbours,
        motion; its outputs are new codes where the working planes are direct, else corrections as float32.
    """
    inner = network.clone()
    height, width = working.height, working.width
    parameters = _parameters(inner)
    sizes = {
        "luma": [batch, window.frames, height, width],
        "chroma": [batch, 2 * window.frames, height // 2, width // 2],
        "motion": [batch, 6, height // 8, width // 8],
    }
    codes, results, inputs = ov.Type(working.dtype), [], []
    colours = {"luma": (working.luma_zero, working.luma_range), "chroma": (working.chroma_zero, working.chroma_range)}
    for index, (name, (zero, whole)) in enumerate(colours.items()):
        entry = ops.parameter(sizes[name], codes, name)
        inputs.append(entry)
        above = ops.subtract(ops.convert(entry, "f32"), _number(zero))
        if _scale_readers(parameters[name], 1 / whole):
            _feed(parameters[name], above.output(0))
        else:
            _feed(parameters[name], ops.multiply(above, _number(1 / whole)).output(0))
        correction = inner.get_results()[index].input_value(0)
        if not working.is_direct:
            results.append(ops.result(ops.multiply(correction, _number(strength))))
            continue
        change = ops.round(ops.multiply(correction, _number(strength * whole)), "half_to_even")
        planes = sizes[name][1] // window.frames
        # Sliced before it is converted: else OpenVINO writes all frames as floats, to read one of them here.
        present = ops.slice(entry, [window.before * planes], [(window.before + 1) * planes], [1], [1])
        corrected = ops.clamp(ops.add(ops.convert(present, "f32"), change), 0.0, float(working.maximum))
        results.append(ops.result(ops.convert(corrected, codes)))
    if "motion" in parameters:
        entry = ops.parameter(sizes["motion"], ov.Type.f32, "motion")
        inputs.append(entry)
        _feed(parameters["motion"], entry.output(0))
    return ov.Model(results, inputs, f"{network.get_friendly_name()} for {height} rows and {width} columns")


def _scale_readers(parameter: Any, factor: float) -> bool:
    """Multiplies the weights of the convolutions that read an input, if nothing else does.

    They then see whole numbers, which BF16 holds exactly up to 256: codes of 8 bits are not rounded.

    Returns:
        Whether it was done.
    """
    readers = [target.get_node() for target in parameter.output(0).get_target_inputs()]
    if not all(
        reader.get_type_name() == "Convolution" and reader.input_value(1).get_node().get_type_name() == "Constant"
        for reader in readers
    ):
        return False
    for reader in readers:
        weights = reader.input_value(1).get_node().get_data()
        reader.input(1).replace_source_output(ops.constant(weights * np.float32(factor)).output(0))
    return True


def _number(value: float) -> ov.Node:
    return ops.constant(np.float32(value))


def _feed(parameter: Any, source: Any) -> None:
    """Connects whatever reads ``parameter`` to ``source`` instead."""
    for reader in parameter.output(0).get_target_inputs():
        reader.replace_source_output(source)


def _parameters(model: ov.Model) -> Mapping[str, Any]:
    """The inputs of a model by name."""
    return {parameter.output(0).get_any_name(): parameter for parameter in model.get_parameters()}
