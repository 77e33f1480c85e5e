"""The engine that runs networks with OpenVINO: the default on processors."""

from __future__ import annotations

import hashlib
from collections import OrderedDict
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import openvino as ov
from openvino import opset13 as ops

from network import catalogue
from network.colour import coefficients
from network.planes import PlaneBatch, PlaneSpec
from pipeline.engines.base import allocating, check_pair
from pipeline.engines.openvino_core import openvino_core
from pipeline.errors import EngineError
from pipeline.runner.protocols import EngineInfo

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from network.window.windows import Windows

KEPT = 4
"""Compiled graphs kept at a time: a stream needs one or two, and each holds the memory of a frame's features."""


@dataclass(frozen=True, slots=True)
class OpenVinoOptions:
    """How OpenVINO runs a network.

    Attributes:
        device: OpenVINO's name of the device, such as ``CPU`` or ``GPU``.
        threads: Threads to compute with; None leaves it to OpenVINO, which takes every physical core.
        strength: Share of the network's changes that is applied, 0 to :data:`network.planes.MAX_STRENGTH`.
        bf16: Whether layers in floating point compute in bfloat16, on a device that can.
    """

    device: str = "CPU"
    threads: int | None = None
    strength: float = 1.0
    bf16: bool = False


class OpenVinoEngine:
    """Deblurs with a network in an ONNX file, or one that was quantised, in OpenVINO's own format.

    The network is joined with the planar graphs of the frames' layout and compiled for each kind and number of frames;
    frames are read and written where they lie, without a copy.

    Args:
        path: File of the network: RGB (N, 3, H, W) float32 to the same, dynamic sizes, as ``deblur export`` writes it.
        options: Options to run the network with.

    Raises:
        EngineError: If the file can't be read, is no such network, or the device is not there or has no bfloat16.
    """

    def __init__(self, path: Path, options: OpenVinoOptions | None = None) -> None:
        self._options = options or OpenVinoOptions()
        self._core = openvino_core()
        device_name = self._device_name()
        if self._options.bf16:
            self._require_bf16(device_name)
        self._network = _read_network(self._core, path)
        self._compiled: OrderedDict[tuple[PlaneSpec, int], Any] = OrderedDict()
        name = _metadata(self._network, catalogue.NETWORK_KEY)
        digest = _metadata(self._network, catalogue.DIGEST_KEY)
        precision = _metadata(self._network, catalogue.PRECISION_KEY)
        self._info = EngineInfo(
            backend=f"OpenVINO {ov.get_version().split('-')[0]}",
            device=device_name,
            precision=precision or ("bf16" if self._options.bf16 else "fp32"),
            network=path.stem if name is None else name,
            digest=_digest(path) if digest is None else digest,
            kind="openvino",
        )

    @property
    def info(self) -> EngineInfo:
        """Facts about this engine."""
        return self._info

    def buffers(self, spec: PlaneSpec, batch: int) -> PlaneBatch:
        """Allocates a batch, and compiles the network for such frames if that is not done.

        Args:
            spec: Kind and size of the frames.
            batch: Frames in the batch, at least 1.

        Raises:
            EngineError: If such frames can't be compiled for, or are too large for the memory.
        """
        with allocating(spec, batch):
            self._request(spec, batch)
            return PlaneBatch.empty(spec, batch)

    def run(self, batch: PlaneBatch, out: PlaneBatch, windows: Windows | None = None) -> None:  # noqa: ARG002 - soon
        """Deblurs ``batch`` into ``out``.

        Args:
            batch: The blurred frames; left as they are.
            out: Batch that is overwritten; of the same spec and size as ``batch``, in other memory.
            windows: Windows of the frames to make, see :meth:`pipeline.runner.protocols.Engine.run`.

        Raises:
            EngineError: If the two don't match, or OpenVINO fails.
        """
        check_pair(batch, out)
        if not all(plane.flags.c_contiguous for plane in (*batch.planes, *out.planes)):
            raise EngineError("planes must be contiguous; make them with buffers()")
        request = self._request(batch.spec, batch.size)
        try:
            for index, (source, target) in enumerate(zip(batch.planes, out.planes, strict=True)):
                request.set_input_tensor(index, ov.Tensor(source, shared_memory=True))
                request.set_output_tensor(index, ov.Tensor(target, shared_memory=True))
            request.infer(share_outputs=True)  # else it also returns a copy of every plane
        except RuntimeError as error:
            raise EngineError(f"OpenVINO failed on a frame: {_reason(error)}") from error

    def reset(self) -> None:
        """Nothing to forget: every frame stands for itself."""

    def _device_name(self) -> str:
        try:
            return str(self._core.get_property(self._options.device, "FULL_DEVICE_NAME")).strip()
        except RuntimeError as error:
            present = ", ".join(self._core.available_devices) or "none"
            raise EngineError(f"OpenVINO finds no device {self._options.device!r}; there is: {present}") from error

    def _require_bf16(self, device_name: str) -> None:
        if "BF16" not in self._core.get_property(self._options.device, "OPTIMIZATION_CAPABILITIES"):
            raise EngineError(
                f"{device_name} does not compute in bf16; choose `precision` fp32 or auto", field="precision"
            )

    def _request(self, spec: PlaneSpec, batch: int) -> Any:
        key = (spec, batch)
        if key not in self._compiled:
            while len(self._compiled) >= KEPT:
                self._compiled.popitem(last=False)
            self._compiled[key] = self._compile(spec, batch)
        self._compiled.move_to_end(key)
        return self._compiled[key]

    def _compile(self, spec: PlaneSpec, batch: int) -> Any:
        precision = "bf16" if self._options.bf16 else "f32"
        properties: dict[str, Any] = {"PERFORMANCE_HINT": "LATENCY", "INFERENCE_PRECISION_HINT": precision}
        if self._options.device == "CPU":
            # Decoding and encoding run beside the network: pinned to cores, its threads would wait for theirs.
            properties["ENABLE_CPU_PINNING"] = False
            if self._options.threads is not None:
                properties["INFERENCE_NUM_THREADS"] = self._options.threads
        try:
            model = planar_model(self._core, self._network, spec, batch, self._options.strength)
            return self._core.compile_model(model, self._options.device, properties).create_infer_request()
        except (RuntimeError, MemoryError) as error:
            raise EngineError(
                f"OpenVINO can't compile {self._info.network} for {spec.width}x{spec.height} {spec.layout}: "
                f"{_reason(error)}"
            ) from error


def network_digest(path: Path) -> str:
    """The digest of the weights that a network's file was made from; that of the file where it does not say.

    Raises:
        EngineError: If it can't be read.
    """
    digest = _metadata(_read_network(openvino_core(), path), catalogue.DIGEST_KEY)
    return _digest(path) if digest is None else digest


def planar_model(core: ov.Core, network: ov.Model, spec: PlaneSpec, batch: int, strength: float) -> ov.Model:
    """Joins a network with the planar graphs of a layout: planes in, planes out.

    Args:
        core: OpenVINO's core, which reads the planar graphs.
        network: Network from RGB to RGB; it is not changed.
        spec: Kind and size of the frames.
        batch: Number of frames in a batch.
        strength: Share of the network's changes that is applied, 0 to :data:`network.planes.MAX_STRENGTH`.

    Returns:
        A model of static shapes whose inputs and outputs are the planes of ``spec`` in their integer type.
    """
    before, after = (core.read_model(path) for path in catalogue.planar_graph_files(spec.layout))
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


def _feed(parameter: Any, source: Any) -> None:
    """Connects whatever reads ``parameter`` to ``source`` instead."""
    for reader in parameter.output(0).get_target_inputs():
        reader.replace_source_output(source)


def _parameters(model: ov.Model) -> Mapping[str, Any]:
    """The inputs of a model by name."""
    return {parameter.output(0).get_any_name(): parameter for parameter in model.get_parameters()}


def _read_network(core: ov.Core, path: Path) -> ov.Model:
    if not path.is_file():
        raise EngineError(f"{path} is not there; give an .onnx file that 'deblur export' wrote")
    try:
        model = core.read_model(path)
    except RuntimeError as error:
        raise EngineError(f"{path} is no network that OpenVINO can read: {_reason(error)}") from error
    if (
        len(model.inputs) != 1
        or len(model.outputs) != 1
        or not (_takes_rgb(model.input()) and _takes_rgb(model.output()))
    ):
        raise EngineError(
            f"{path} does not map RGB (batch, 3, height, width) of any size to the same; "
            "give an .onnx file that 'deblur export' wrote"
        )
    binary = _metadata(model, catalogue.BINARY_KEY)
    if binary is not None and binary != _digest(path.with_suffix(".bin")):
        raise EngineError(f"{path.with_suffix('.bin')} does not belong to {path.name}; make both again")
    return model


def _takes_rgb(port: Any) -> bool:
    shape = port.get_partial_shape()
    return (
        port.get_element_type() == ov.Type.f32
        and shape.rank.is_static
        and len(shape) == 4
        and shape[1] == ov.Dimension(3)
        and all(shape[axis].is_dynamic for axis in (0, 2, 3))
    )


def _metadata(model: ov.Model, key: str) -> str | None:
    """A metadata entry of a network's file, from where OpenVINO keeps it; None if there is none."""
    place = ["framework", key]
    return str(model.get_rt_info(place).value) if model.has_rt_info(place) else None


def _digest(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _reason(error: BaseException) -> str:
    """The last line of OpenVINO's message that says something; the ones before name its source files."""
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    return lines[-1] if lines else type(error).__name__
