"""How each engine of this package is loaded. An engine's library is imported only when the engine is asked for."""

from __future__ import annotations

import tempfile
from dataclasses import dataclass, replace
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING

from network import catalogue
from network.models import registry
from pipeline.engines.precision import choose, int8_form
from pipeline.errors import UsageError

if TYPE_CHECKING:
    from torch import nn

    from pipeline.runner.protocols import Engine

ONNX = ".onnx"
SAFETENSORS = ".safetensors"
OPENVINO = ".xml"
PORTABLE = ".engine"


@dataclass(frozen=True, slots=True)
class EngineRequest:
    """A request to a loader of an engine.

    Attributes:
        network: Name of the network, such as ``idc-video``.
        weights: File of the network; None takes what comes with the package.
        strength: Share of the network's changes that is applied, 0 to :data:`network.planes.MAX_STRENGTH`.
        threads: Threads to compute with on a processor; None leaves the number to the engine.
        precision: One of :data:`pipeline.engines.precision.PRECISIONS`.
        device: Name of the device, as the engine calls it; None for the one that the engine takes by itself.
    """

    network: str
    weights: Path | None
    strength: float
    threads: int | None
    precision: str
    device: str | None = None


def load_openvino(request: EngineRequest) -> Engine:
    """Loads OpenVINO: the shipped network, or an ONNX or INT8 file.

    A safetensors file, or a network that the user registered, is converted first.

    Raises:
        UsageError: If the weights are no such file, are not in the wanted precision, or can't be converted here.
        EngineError: If OpenVINO can't load the network, or the device is not there.
    """
    _check_names(request)
    from pipeline.engines.devices import floating_on, on_openvino
    from pipeline.engines.openvino import OpenVinoOptions
    from pipeline.engines.openvino_core import PROCESSOR

    device = (request.device or PROCESSOR).upper()
    weights, precision = request.weights, floating_on(device, request.precision)
    options = OpenVinoOptions(device, request.threads, request.strength)
    if weights is None and not registry.is_registered(request.network):
        original, quantised = catalogue.onnx_file(request.network), catalogue.int8_file(request.network)
        if original is None:
            raise _without_weights(request.network)
        chosen = precision
        if precision == "auto":  # what was never compared with FP32 stays in it
            chosen = "fp32" if quantised is None else choose(original).precision
        if chosen == "int8":
            form = int8_form(original, quantised, required=precision == "int8")
            return on_openvino(form or original, options)
        return on_openvino(original, replace(options, floating=chosen))
    if precision in {"bf16", "fp16"}:
        options = replace(options, floating=precision)
    suffix = weights.suffix.lower() if weights else SAFETENSORS
    if suffix == PORTABLE:
        raise UsageError(f"{weights} is a TensorRT engine; choose `engine` tensorrt", field="engine")
    if (suffix == OPENVINO) != (precision == "int8") and request.precision != "auto":
        made = "`deblur export --int8` writes" if precision == "int8" else "`deblur export` writes"
        given = weights or f"network {request.network!r}"
        raise UsageError(
            f"{given} is not in {precision}; give a file that {made}, or leave `precision` out", field="precision"
        )
    if weights and suffix in {ONNX, OPENVINO}:
        return on_openvino(weights, options)
    require("OpenVINO reads ONNX, and to convert a network", "torch", "safetensors", "onnx", "onnxscript")
    from network.export import export_network, export_weights

    with tempfile.TemporaryDirectory(prefix="deblur-") as folder:
        path = Path(folder) / f"network{ONNX}"
        if weights:
            export_weights(weights, path)
        else:
            module, digest = _made(request.network)
            export_network(module, path, name=request.network, digest=digest)
        return on_openvino(path, options)


def load_torch(request: EngineRequest) -> Engine:
    """Loads PyTorch: the shipped network, or a safetensors file.

    Raises:
        UsageError: If the weights are no such file, the precision is not FP32, or PyTorch is not installed.
        EngineError: If PyTorch can't use its device.
        network.errors.WeightsError: If the file can't be read.
    """
    _check_names(request)
    _refuse_device(request, "torch")
    if request.precision not in {"auto", "fp32"}:
        raise UsageError(
            f"the torch engine has no {request.precision}; choose `precision` fp32, or `engine` openvino",
            field="precision",
        )
    _require_safetensors(request, "torch")
    require("the torch engine", "torch", "safetensors")
    from pipeline.engines.torch import TorchEngine, TorchOptions

    options = TorchOptions(threads=request.threads, strength=request.strength)
    path = _weights_file(request)
    if path is None:
        module, digest = _made(request.network)
        return TorchEngine(module, name=request.network, digest=digest, options=options)
    return TorchEngine.from_weights(path, options)


def load_tensorrt(request: EngineRequest) -> Engine:
    """Loads TensorRT: the shipped network, one that the user registered, a safetensors file, or a portable engine.

    Raises:
        UsageError: If the weights are no such file, a precision was asked for, or TensorRT or a GPU is not there.
        network.errors.WeightsError: If the file can't be read.
    """
    _check_names(request)
    _refuse_device(request, "TensorRT")
    if request.precision != "auto":
        raise UsageError(
            "the TensorRT engine computes in fp16; leave `precision` out, or use `engine` openvino", field="precision"
        )
    is_portable = request.weights is not None and request.weights.suffix.lower() == PORTABLE
    if not is_portable:
        _require_safetensors(request, "TensorRT")
    require("the TensorRT engine", "torch", "safetensors", extra="trt")
    if request.weights is not None and is_portable:
        return _portable(request.weights, request.strength)
    from trt.compiler import TensorRTCompiler
    from trt.errors import TensorRTError

    path = _weights_file(request)
    try:
        compiler = TensorRTCompiler()
    except TensorRTError as error:
        raise UsageError(f"{error}; or choose `engine` openvino or `engine` torch", field="engine") from error
    from pipeline.engines.tensorrt import TensorRTEngine, TensorRTOptions
    from trt.settings import EngineSettings

    name = request.network
    options = TensorRTOptions(settings=EngineSettings(strength=request.strength))
    if path is None:
        module, digest = _made(name)
        return TensorRTEngine(module, name=name, compiler=compiler, digest=digest, options=options)
    return TensorRTEngine.from_weights(path, compiler, options)


def _portable(path: Path, strength: float) -> Engine:
    from pipeline.engines.tensorrt import TensorRTEngine, TensorRTOptions
    from pipeline.engines.tensorrt_runners import CHUNKS
    from trt.errors import PortableError, TensorRTError
    from trt.portable_compiler import PortableCompiler, require_rtx
    from trt.settings import EngineSettings, Precision

    try:
        compiler = PortableCompiler(path)
        require_rtx()
    except PortableError as error:
        raise UsageError(str(error)) from error
    except TensorRTError as error:
        raise UsageError(f"{error}; or leave out `weights` {path}", field="weights") from error
    header = compiler.header
    if strength != header.strength:
        raise UsageError(
            f"{path} was built for strength {header.strength:g}, not {strength:g}; give `strength` "
            f"{header.strength:g}, or build it again",
            field="strength",
        )
    options = TensorRTOptions(
        frames=min(TensorRTOptions().frames, CHUNKS * header.batch),
        at_once=header.batch,
        settings=EngineSettings(Precision(header.precision), strength),
    )
    return TensorRTEngine(
        compiler.network,
        name=header.network,
        compiler=compiler,
        digest=header.network_digest,
        options=options,
    )


def load_onnxruntime(request: EngineRequest) -> Engine:
    """Loads ONNX Runtime: the shipped network, or an ONNX file.

    Raises:
        UsageError: If the weights are no ONNX file, the strength is not 1, the precision is not FP32, or ONNX Runtime
            or its provider for the device is not installed.
        EngineError: If ONNX Runtime can't load the network.
    """
    _check_names(request)
    if find_spec("onnxruntime") is None:
        raise UsageError("ONNX Runtime is not installed: pip install onnxruntime", field="engine")
    if request.precision not in {"auto", "fp32"}:
        raise UsageError(
            f"ONNX Runtime has no {request.precision} here; choose `precision` fp32, or `engine` openvino",
            field="precision",
        )
    if request.strength != 1:
        raise UsageError("ONNX Runtime has no strength but 1 here; choose `engine` openvino", field="strength")
    path = request.weights or catalogue.onnx_file(request.network)
    if path is None or path.suffix.lower() != ONNX:
        raise UsageError(
            "ONNX Runtime reads ONNX; give `weights` an .onnx file that 'deblur export' wrote", field="weights"
        )
    from pipeline.engines.devices import on_onnxruntime

    return on_onnxruntime(path, request.threads, request.device or "cpu")


def _check_names(request: EngineRequest) -> None:
    """Refuses a network or a file that no engine of this package can have."""
    if request.network not in registry.names():
        raise UsageError(
            f"there is no network {request.network!r}; choose one of {', '.join(registry.names())}", field="network"
        )
    weights = request.weights
    if weights is not None and weights.suffix.lower() not in {ONNX, SAFETENSORS, OPENVINO, PORTABLE}:
        raise UsageError(
            f"weights are an {ONNX}, {SAFETENSORS}, (INT8) {OPENVINO} or (TensorRT) {PORTABLE} file, which {weights} "
            "is not by its name"
        )


def _refuse_device(request: EngineRequest, engine: str) -> None:
    if request.device is not None:
        raise UsageError(
            f"the {engine} engine finds its device by itself; leave out `device`, or choose `engine` openvino",
            field="device",
        )


def _require_safetensors(request: EngineRequest, engine: str) -> None:
    weights = request.weights
    if weights is not None and weights.suffix.lower() == PORTABLE:
        raise UsageError(f"{weights} is a TensorRT engine; choose `engine` tensorrt", field="engine")
    if weights is not None and weights.suffix.lower() != SAFETENSORS:
        raise UsageError(
            f"the {engine} engine reads safetensors files, not {weights}; choose `engine` openvino", field="engine"
        )


def _weights_file(request: EngineRequest) -> Path | None:
    """The safetensors file to load; None for a network that needs none, see :func:`_made`.

    Raises:
        UsageError: If it needs weights, and there are none.
    """
    path = request.weights or catalogue.weights_file(request.network)
    if path is None and request.network != "identity" and not registry.is_registered(request.network):
        raise _without_weights(request.network)
    return path


def _made(network: str) -> tuple[nn.Module, str]:
    """A network with the weights that it is made with, and their digest; empty where it has none."""
    from network.weights import digest_of

    module = registry.create(network)
    state = module.state_dict()
    return module, digest_of(state) if state else ""


def require(purpose: str, *modules: str, extra: str = "train") -> None:
    """Refuses what needs modules that are not installed, and names the extra that brings them."""
    missing = [module for module in modules if find_spec(module) is None]
    if missing:
        raise UsageError(f'{purpose} needs {", ".join(missing)}: pip install "deblur-stream[{extra}]"')


def _without_weights(network: str) -> UsageError:
    from network.training.recipes import PRESETS

    preset = next(name for name, preset in PRESETS.items() if preset.network == network)
    return UsageError(
        f"network {network!r} comes without weights, and untrained it would deblur nothing: train it with "
        f"`deblur train POOL RUN --preset {preset}` and give the file by `weights`, or choose `network` "
        f"{' or '.join(catalogue.shipped_names())}",
        field="network",
    )
