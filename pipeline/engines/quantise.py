"""INT8: a network whose convolutions multiply integers of 8 bits, made after training by NNCF.

Convolutions and what lies between them are quantised. Three things are not:

- The sum of an RGB network's input and its correction: the planes get back exactly what the network changed, and
  rounding the input to 8 bits of another scale would be a change (it cost 0.6 dB).
- The cosine transform at the beginning of a network over time: beside brightness, 8 bits round away the fine detail.
- What sees the motion alone, and the products with it: their ranges change with the motion (it cost 0.25 dB).

Then the ranges of features are moved until the pictures are best (:mod:`pipeline.engines.ranges`). Where that still
loses more than is allowed, NNCF measures which layers it is, and leaves them in floating point one after the other
until the rest is good enough.

Processors without VNNI add two products in 16 bits, which stop at their end. That happens above all where a layer reads
the picture itself, white being the largest of codes, so weights of those layers take half the range of 8 bits (NNCF's
default). Half the range everywhere would prevent all of it, but lost 0.3 dB. So the other layers keep the whole range,
and `tests/pipeline/engines/test_overflow.py` holds what such a processor computes against sums that can't stop.
"""

from __future__ import annotations

import hashlib
import json
import logging
import tempfile
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Any

import nncf
import numpy as np
import openvino as ov
from nncf.quantization.advanced_parameters import AdvancedQuantizationParameters, OverflowFix
from openvino import opset13 as ops

from network import catalogue
from network.errors import DataError
from network.evaluation.metrics import psnr
from network.files import commit
from pipeline.engines.openvino_core import openvino_core, with_cores_of_its_own
from pipeline.engines.ranges import by_name, refine

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from pipeline.engines.calibration import Calibration, Example


REFINED = 96
"""Number of examples, about, by which the ranges of features are moved."""

TRANSPARENT = 45.0
"""PSNR in dB beyond which nobody sees a difference, and which counts as no better. Else pairs without blur, where FP32
reaches 60 dB and INT8 55, would decide which layers are kept."""


@dataclass(frozen=True, slots=True)
class Quantised:
    """Result of quantising a network.

    Attributes:
        path: File of the network's description; the weights lie beside it in a file ending in ``.bin``.
        layers: Number of convolutions of the network.
        kept: Names of the convolutions left in floating point.
        loss: PSNR lost against the network in FP32, in dB: mean over the checks of the calibration, where each PSNR is
            at most :data:`TRANSPARENT`.
    """

    path: Path
    layers: int
    kept: tuple[str, ...]
    loss: float


def quantise(source: Path, out: Path, calibration: Calibration, limit: float = 0.1) -> Quantised:
    """Writes a network in INT8, as OpenVINO's intermediate representation.

    Args:
        source: ONNX file, as ``deblur export`` writes it.
        out: File to write, ending in ``.xml``; the weights go beside it. Replaced if they are there.
        calibration: Examples to choose scales with and to check the result on.
        limit: PSNR in dB that may be lost on the checks, counted as in :class:`Quantised`.

    Raises:
        DataError: If the limit can't be reached, or the file holds no convolution.
    """
    nncf.set_log_level(logging.ERROR)
    original = _with_plain_biases(openvino_core().read_model(source))
    names = [node.get_friendly_name() for node in original.get_ops() if node.get_type_name() == "Convolution"]
    if not names:
        raise DataError(f"{source} has no convolution to quantise")
    before = measured(original, calibration.checks)
    options: dict[str, Any] = {
        "preset": nncf.QuantizationPreset.MIXED,
        "target_device": nncf.TargetDevice.CPU,
        "subset_size": len(calibration.examples),
        "ignored_scope": nncf.IgnoredScope(names=[*_last_sums(original), *_exact(original)]),
    }
    shown = nncf.Dataset(calibration.examples, lambda example: by_name(original, example.inputs))
    tuning = AdvancedQuantizationParameters(overflow_fix=OverflowFix.FIRST_LAYER)
    # NNCF makes cores and lets them go.
    model = with_cores_of_its_own(lambda: nncf.quantize(original.clone(), shown, advanced_parameters=tuning, **options))
    refine(model, original, calibration.examples[:: max(len(calibration.examples) // REFINED, 1)])
    if before - measured(model, calibration.checks) > limit:
        model = with_cores_of_its_own(
            lambda: nncf.quantize_with_accuracy_control(
                original.clone(),
                calibration_dataset=shown,
                validation_dataset=nncf.Dataset(calibration.checks),
                validation_fn=_validate,
                max_drop=limit,
                advanced_quantization_parameters=tuning,
                **options,
            )
        )
    loss = before - measured(model, calibration.checks)
    if loss > limit:
        raise DataError(f"{source.name} loses {loss:.2f} dB in INT8, more than {limit} dB, whatever layers are kept")
    kept = tuple(name for name in names if not _is_quantised(model, name))
    notes = {
        "calibration": calibration.origin,
        "checked_on": len(calibration.checks),
        "kept": kept,
        "loss_db": round(loss, 4),
        "nncf": version("nncf"),
    }
    _save(model, original, out, notes)
    return Quantised(out, len(names), kept, loss)


def measured(model: ov.Model, checks: Sequence[Example]) -> float:
    """PSNR of what a network makes of examples, 8-bit rounded, in dB: mean over them.

    That of each counts as :data:`TRANSPARENT` at most.

    Args:
        model: Network, of any size.
        checks: Examples.
    """
    return _validate(openvino_core().compile_model(model, "CPU", {"INFERENCE_PRECISION_HINT": "f32"}), checks)[0]


def _validate(model: Any, checks: Iterable[Example]) -> tuple[float, list[float]]:
    scores = []
    for example in checks:
        result = example.result(model(by_name(model, example.inputs))[0])
        codes = np.clip(np.rint(result), 0, 255).astype(np.uint8)
        scores.append(min(psnr(codes, example.sharp), TRANSPARENT))
    return float(np.mean(scores)), scores


def _exact(model: ov.Model) -> list[str]:
    """Names of what stays in floating point in a network over time: its cosine transform, and what motion decides."""
    inputs = {parameter.output(0).get_any_name(): parameter for parameter in model.get_parameters()}
    if "luma" not in inputs:
        return []
    seen = {name: _behind(inputs[name]) for name in ("luma", "motion") if name in inputs}
    told = seen.get("motion", set()) - seen["luma"]
    found = []
    for node in model.get_ordered_ops():
        kind, name = node.get_type_name(), node.get_friendly_name()
        sources = {value.get_node().get_friendly_name() for value in node.input_values()}
        is_transform = kind == "Convolution" and node.input_value(0).get_node().get_type_name() == "Parameter"
        if is_transform or (kind in _ROUNDED and (name in told or sources & told)):
            found.append(name)
    return found


_ROUNDED = frozenset(("Convolution", "Add", "Subtract", "Multiply", "Divide", "Sqrt", "Concat"))
"""Kinds of operations whose inputs NNCF rounds."""


def _behind(node: ov.Node) -> set[str]:
    """Names of all that depends on a node."""
    found: set[str] = set()
    waiting = [node]
    while waiting:
        for reader in waiting.pop().output(0).get_target_inputs():
            following = reader.get_node()
            if following.get_friendly_name() not in found:
                found.add(following.get_friendly_name())
                waiting += [output.get_node() for output in following.outputs()]
    return found


def _with_plain_biases(model: ov.Model) -> ov.Model:
    """Makes each bias a constant: read from ONNX with dynamic sizes, it is computed, and would not be recognised."""
    for add in model.get_ops():
        if add.get_type_name() != "Add":
            continue
        convolution, bias = (add.input_value(index).get_node() for index in range(2))
        if convolution.get_type_name() == "Convolution" and bias.get_type_name() == "Reshape":
            values = bias.input_value(0).get_node().get_data()
            add.input(1).replace_source_output(ops.constant(values.reshape(1, -1, 1, 1)).output(0))
    model.validate_nodes_and_infer_types()
    return model


def _last_sums(model: ov.Model) -> list[str]:
    """Names of the sums that no convolution comes after: where the correction meets the picture."""
    found, waiting = [], [model.get_results()[0].input_value(0).get_node()]
    seen = set()
    while waiting:
        node = waiting.pop()
        name = node.get_friendly_name()
        if name in seen or node.get_type_name() == "Convolution":
            continue
        seen.add(name)
        is_bias = any(value.get_node().get_type_name() == "Convolution" for value in node.input_values())
        if node.get_type_name() == "Add" and not is_bias:
            found.append(name)
        waiting += [value.get_node() for value in node.input_values()]
    return found


def _is_quantised(model: ov.Model, name: str) -> bool:
    node = next(node for node in model.get_ops() if node.get_friendly_name() == name)
    source = node.input_value(0).get_node()
    sources = [value.get_node() for value in source.input_values()] if source.get_type_name() == "Concat" else [source]
    return all(part.get_type_name() == "FakeQuantize" for part in sources)


_KEPT_KEYS = (
    catalogue.NETWORK_KEY,
    catalogue.DIGEST_KEY,
    catalogue.CARD_KEY,
    catalogue.WINDOW_KEY,
    catalogue.PLANES_KEY,
)


def _save(model: ov.Model, original: ov.Model, out: Path, notes: dict[str, Any]) -> None:
    """Writes both files; the description names the digest of the weights, so that two that do not fit are found."""
    for key in _KEPT_KEYS:
        place = ["framework", key]
        if original.has_rt_info(place):
            model.set_rt_info(original.get_rt_info(place).value, place)
    model.set_rt_info("int8", ["framework", catalogue.PRECISION_KEY])
    model.set_rt_info(json.dumps(notes, sort_keys=True), ["framework", catalogue.QUANTISATION_KEY])
    with tempfile.TemporaryDirectory(prefix=".partial-", dir=out.parent) as folder:
        partial = Path(folder) / out.name
        partial_weights = partial.with_suffix(".bin")
        for _ in range(2):  # the digest is known when the weights have been written
            ov.save_model(model, partial, compress_to_fp16=False)
            digest = hashlib.sha256(partial_weights.read_bytes()).hexdigest()
            model.set_rt_info(digest, ["framework", catalogue.BINARY_KEY])
        commit(partial_weights, out.with_suffix(".bin"))
        commit(partial, out)
