"""Ranges of a quantised network's features, moved until its pictures are as good as they get.

NNCF chooses the range of each feature by itself, from what it saw there. That cuts off what is rare, though a large
correction may hang on it, or leaves all others too coarse. So each range is tried a little narrower and wider, and what
makes the pictures better stays.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import openvino as ov
from openvino import opset13 as ops

from pipeline.engines.openvino_core import openvino_core

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from pipeline.engines.calibration import Example

FACTORS = (0.7, 0.85, 1.2, 1.5)
"""Factors of a range that are tried."""

ENOUGH = 1e-4
"""Least improvement in dB that moves a range."""

FLOOR = 0.3
"""Mean square error in codes that is added to every error: 53 dB, which nobody sees. Else pictures that are sharp
already, where FP32 reaches 60 dB and INT8 55, would decide."""

SHARP = 4.0
"""Mean square error in codes of the blurred side below which an example counts as sharp."""


def refine(model: ov.Model, reference: ov.Model, examples: Sequence[Example]) -> None:
    """Moves the ranges of a quantised network's features, in place.

    Blurred and sharp examples count apart, however many there are of each: where there is much to gain, large
    corrections must not be cut off, and where there is none, small ones must not be coarse. Sharp ones that come out
    better than in floating point make up for no loss of blurred ones.

    Args:
        model: Quantised network, of dynamic sizes.
        reference: The same network in floating point.
        examples: Examples, which are not those that the result is checked with.
    """
    before = np.array([np.mean((example.blurred.astype(np.float32) - example.sharp) ** 2) for example in examples])
    is_sharp = before < SHARP
    wanted = mean_errors(reference, examples)

    def loss() -> float:
        """What INT8 loses, in dB: what blurred examples do, and sharp ones."""
        lost = 10 * np.log10((mean_errors(model, examples) + FLOOR) / (wanted + FLOOR))
        blurred, sharp = (float(lost[group].mean()) if group.any() else 0.0 for group in (~is_sharp, is_sharp))
        return blurred + max(sharp, 0.0)

    best = loss()
    for nodes in _feature_ranges(model):
        low, high = (nodes[0].input_value(index).get_node().get_data() for index in (1, 2))
        chosen = 1.0
        for factor in FACTORS:
            _set(nodes, low * factor, high * factor)
            found = loss()
            if found < best - ENOUGH:
                best, chosen = found, factor
        _set(nodes, low * chosen, high * chosen)


def mean_errors(model: ov.Model, examples: Sequence[Example]) -> NDArray[np.float64]:
    """Mean square error that a network makes of each example, in codes."""
    compiled = openvino_core().compile_model(model, "CPU", {"INFERENCE_PRECISION_HINT": "f32"})
    results = [example.result(compiled(by_name(compiled, example.inputs))[0]) for example in examples]
    pairs = zip(results, examples, strict=True)
    return np.array([np.mean((result - example.sharp) ** 2, dtype=np.float64) for result, example in pairs])


def by_name(
    model: ov.Model | ov.CompiledModel, inputs: dict[str, NDArray[np.float32]]
) -> dict[str, NDArray[np.float32]]:
    """Inputs of an example under the names that a network has; one of RGB may call its only input as it likes."""
    names = [port.get_any_name() for port in model.inputs]
    return dict(zip(names, inputs.values(), strict=True)) if len(names) == 1 else inputs


def _feature_ranges(model: ov.Model) -> list[list[ov.Node]]:
    """Where features, and not weights, are rounded by one range: those that are concatenated have it in common."""
    groups: dict[str, list[ov.Node]] = {}
    for node in model.get_ordered_ops():
        if node.get_type_name() != "FakeQuantize" or node.input_value(1).get_node().get_data().size > 1:
            continue
        source = node.input_value(0).get_node()
        while source.get_type_name() == "Convert":
            source = source.input_value(0).get_node()
        if source.get_type_name() != "Constant":
            readers = [reader.get_node() for reader in node.output(0).get_target_inputs()]
            joined = [reader for reader in readers if reader.get_type_name() == "Concat"]
            groups.setdefault((joined or [node])[0].get_friendly_name(), []).append(node)
    return list(groups.values())


def _set(nodes: list[ov.Node], low: NDArray[np.float32], high: NDArray[np.float32]) -> None:
    for node in nodes:
        for index, value in ((1, low), (2, high), (3, low), (4, high)):
            node.input(index).replace_source_output(ops.constant(np.asarray(value, np.float32)).output(0))
