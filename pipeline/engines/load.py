"""Which engine, network and weights a request means; each engine's library is imported only if it is chosen."""

from __future__ import annotations

import logging
import tempfile
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING

from network import catalogue
from network.models import registry
from network.planes import MAX_STRENGTH
from pipeline.engines.precision import PRECISIONS, int8_form
from pipeline.errors import UsageError

if TYPE_CHECKING:
    from torch import nn

    from pipeline.runner.protocols import Engine

_log = logging.getLogger("deblur.engines")

ENGINES = ("auto", "openvino", "tensorrt", "torch")
"""What may be asked for."""

ONNX = ".onnx"
SAFETENSORS = ".safetensors"
OPENVINO = ".xml"
PORTABLE = ".engine"


def load_engine(
    engine: str = "auto",
    network: str | None = None,
    weights: Path | None = None,
    strength: float = 1.0,
    threads: int | None = None,
    precision: str = "auto",
) -> Engine:
    """Loads a network into an engine.

    The logger `deblur.engines` says what the user should know or what takes long, now and while the engine is used.

    Args:
        engine: One of :data:`ENGINES`. ``auto`` is TensorRT where that and a CUDA device are there, unless the weights
            are ONNX; else OpenVINO, except that a safetensors file and a network that the user registered go to
            PyTorch.
        network: One of :func:`network.models.registry.names`. With ``weights``, the file says what network it is; any
            name but the default must then agree with it. None is the default.
        weights: An ONNX or INT8 file that ``deblur export`` wrote, a safetensors file that ``deblur train`` wrote, or
            a portable engine that ``deblur engine build`` wrote; None takes what comes with the package.
        strength: How much of what the network changes is applied, 0 to :data:`network.planes.MAX_STRENGTH`.
        threads: Threads to compute with on a processor; None leaves it to the engine.
        precision: One of :data:`pipeline.engines.precision.PRECISIONS`. ``auto`` is INT8 where the network has it and
            the processor is made for it, else FP32; TensorRT's is FP16, whatever its weights are.

    Raises:
        UsageError: If a name is unknown, a value out of range, a file or an installed package missing, or the network
            comes without weights.
        EngineError: If the engine can't load the network.
        network.errors.WeightsError: If a safetensors file can't be read.
    """
    _check_request(engine, network, strength, threads, precision)
    if weights is not None:
        _check_file(weights)
    loaded = _load(engine, network or catalogue.DEFAULT, weights, strength, threads, precision)
    if weights is not None and network not in {None, catalogue.DEFAULT, loaded.info.network}:
        raise UsageError(
            f"{weights} holds network {loaded.info.network!r}, not {network!r}; leave `network` out", field="network"
        )
    return loaded


def _load(
    engine: str,
    network: str,
    weights: Path | None,
    strength: float,
    threads: int | None,
    precision: str,
) -> Engine:
    if weights is not None and weights.suffix.lower() == PORTABLE:
        if engine not in {"auto", "tensorrt"}:
            raise UsageError(f"{weights} is a TensorRT engine; choose `engine` tensorrt", field="engine")
        engine = "tensorrt"
    if engine == "auto":
        is_torch = registry.is_registered(network) if weights is None else weights.suffix.lower() == SAFETENSORS
        is_free = precision in {"auto", "fp32"}
        engine = "torch" if is_torch and is_free else "openvino"
        can_be_tensorrt = precision == "auto" and (weights is None or is_torch)
        if can_be_tensorrt and _can_run_tensorrt(otherwise=engine):
            engine = "tensorrt"
    if engine == "tensorrt":
        if precision != "auto":
            raise UsageError(
                "the TensorRT engine computes in fp16; leave `precision` out, or use `engine` openvino",
                field="precision",
            )
        return _tensorrt(network, weights, strength)
    if engine == "torch":
        if precision not in {"auto", "fp32"}:
            raise UsageError(
                f"the torch engine has no {precision}; choose `precision` fp32, or `engine` openvino", field="precision"
            )
        return _torch(network, weights, strength, threads)
    return _openvino(network, weights, strength, threads, precision)


def _check_request(engine: str, network: str | None, strength: float, threads: int | None, precision: str) -> None:
    if engine not in ENGINES:
        raise UsageError(f"there is no engine {engine!r}; choose one of {', '.join(ENGINES)}", field="engine")
    if precision not in PRECISIONS:
        raise UsageError(
            f"there is no precision {precision!r}; choose one of {', '.join(PRECISIONS)}", field="precision"
        )
    if network is not None and network not in registry.names():
        raise UsageError(
            f"there is no network {network!r}; choose one of {', '.join(registry.names())}", field="network"
        )
    if not 0 <= strength <= MAX_STRENGTH:
        raise UsageError(f"the strength must be from 0 to {MAX_STRENGTH}, not {strength}", field="strength")
    if threads is not None and threads < 1:
        raise UsageError(f"the number of threads must be at least 1, not {threads}", field="threads")


def _can_run_tensorrt(*, otherwise: str) -> bool:
    """Whether TensorRT and a CUDA device are there; tells why not where TensorRT is installed."""
    if find_spec("torch_tensorrt") is None or find_spec("torch") is None:
        return False
    import torch

    if not torch.cuda.is_available():
        _log.warning(f"TensorRT is installed, but there is no CUDA device; the engine is {otherwise}")
        return False
    from trt import library
    from trt.errors import TensorRTError

    try:
        library.torch_tensorrt()
    except TensorRTError as error:
        _log.warning(f"TensorRT is installed, but the engine is {otherwise}: {error}")
        return False
    return True


def _tensorrt(network: str, weights: Path | None, strength: float) -> Engine:
    if weights is not None and weights.suffix.lower() not in {SAFETENSORS, PORTABLE}:
        raise UsageError(
            f"the TensorRT engine reads safetensors files, not {weights}; choose `engine` openvino", field="engine"
        )
    _require("the TensorRT engine", "torch", "safetensors", extra="trt")
    if weights is not None and weights.suffix.lower() == PORTABLE:
        return _portable(weights, strength)
    from trt.compiler import TensorRTCompiler
    from trt.errors import TensorRTError

    path = _safetensors(network, weights)
    try:
        compiler = TensorRTCompiler()
    except TensorRTError as error:
        raise UsageError(f"{error}; or choose `engine` openvino or `engine` torch", field="engine") from error
    from pipeline.engines.tensorrt import TensorRTEngine, TensorRTOptions
    from trt.settings import EngineSettings

    options = TensorRTOptions(settings=EngineSettings(strength=strength))
    if path is None:
        module, digest = _made(network)
        return TensorRTEngine(module, name=network, compiler=compiler, digest=digest, options=options)
    return TensorRTEngine.from_weights(path, compiler, options)


def _portable(path: Path, strength: float) -> Engine:
    from pipeline.engines.tensorrt import CHUNKS, TensorRTEngine, TensorRTOptions
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
            f"{header.strength:g}, or build it again"
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


def _openvino(
    network: str,
    weights: Path | None,
    strength: float,
    threads: int | None,
    precision: str,
) -> Engine:
    from pipeline.engines.openvino import OpenVinoEngine, OpenVinoOptions

    options = OpenVinoOptions(threads=threads, strength=strength, bf16=precision == "bf16")
    if weights is None and not registry.is_registered(network):
        original = catalogue.onnx_file(network)
        if original is None:
            raise _without_weights(network)
        quantised = int8_form(original, catalogue.int8_file(network), precision)
        return OpenVinoEngine(quantised or original, options)
    suffix = weights.suffix.lower() if weights else SAFETENSORS
    if (suffix == OPENVINO) != (precision == "int8") and precision != "auto":
        made = "`deblur export --int8` writes" if precision == "int8" else "`deblur export` writes"
        given = weights or f"network {network!r}"
        raise UsageError(
            f"{given} is not in {precision}; give a file that {made}, or leave `precision` out", field="precision"
        )
    if weights and suffix in {ONNX, OPENVINO}:
        return OpenVinoEngine(weights, options)
    _require("OpenVINO reads ONNX, and to convert a network", "torch", "safetensors", "onnx", "onnxscript")
    from network.export import export_network, export_weights

    with tempfile.TemporaryDirectory(prefix="deblur-") as folder:
        path = Path(folder) / f"network{ONNX}"
        if weights:
            export_weights(weights, path)
        else:
            module, digest = _made(network)
            export_network(module, path, name=network, digest=digest)
        return OpenVinoEngine(path, options)


def _torch(network: str, weights: Path | None, strength: float, threads: int | None) -> Engine:
    if weights is not None and weights.suffix.lower() != SAFETENSORS:
        raise UsageError(
            f"the torch engine reads safetensors files, not {weights}; choose `engine` openvino", field="engine"
        )
    _require("the torch engine", "torch", "safetensors")
    from pipeline.engines.torch import TorchEngine, TorchOptions

    options = TorchOptions(threads=threads, strength=strength)
    path = _safetensors(network, weights)
    if path is None:
        module, digest = _made(network)
        return TorchEngine(module, name=network, digest=digest, options=options)
    return TorchEngine.from_weights(path, options)


def _safetensors(network: str, weights: Path | None) -> Path | None:
    """The file of a network's weights; None for a network that needs none, see :func:`_made`.

    Raises:
        UsageError: If it needs weights, and there are none.
    """
    path = weights or catalogue.weights_file(network)
    if path is None and network != "identity" and not registry.is_registered(network):
        raise _without_weights(network)
    return path


def _made(network: str) -> tuple[nn.Module, str]:
    """A network with the weights that it is made with, and their digest; empty where it has none."""
    from network.weights import digest_of

    module = registry.create(network)
    state = module.state_dict()
    return module, digest_of(state) if state else ""


def _check_file(weights: Path) -> None:
    if not weights.is_file():
        raise UsageError(f"there is no weights file {weights}")
    if weights.suffix.lower() not in {ONNX, SAFETENSORS, OPENVINO, PORTABLE}:
        raise UsageError(
            f"weights are an {ONNX}, {SAFETENSORS}, (INT8) {OPENVINO} or (TensorRT) {PORTABLE} file, which {weights} "
            "is not by its name"
        )


def _require(purpose: str, *modules: str, extra: str = "train") -> None:
    missing = [module for module in modules if find_spec(module) is None]
    if missing:
        raise UsageError(f'{purpose} needs {", ".join(missing)}: pip install "deblur-stream[{extra}]"')


def _without_weights(network: str) -> UsageError:
    return UsageError(
        f"network {network!r} comes without weights, and untrained it would deblur nothing: train it with "
        f"`deblur train` and give the file by `weights`, or choose `network` {' or '.join(catalogue.shipped_names())}",
        field="network",
    )


OPPONENT = "onnxruntime"
CONTENDERS = (*ENGINES, OPPONENT)
"""What may be measured."""


def load_contender(
    name: str, network: str | None, weights: Path | None, threads: int | None, precision: str = "auto"
) -> Engine:
    """Loads a network into an engine to be measured.

    Args:
        name: One of :data:`CONTENDERS`.
        network: As for :func:`pipeline.engines.load.load_engine`.
        weights: Likewise; ONNX Runtime reads ONNX alone.
        threads: Likewise.
        precision: Likewise; ONNX Runtime computes in FP32.

    Raises:
        UsageError: If the engine is not installed or unknown, or can't read the weights.
        EngineError: If it can't load the network.
    """
    if name != OPPONENT:
        return load_engine(name, network, weights, threads=threads, precision=precision)
    if find_spec(OPPONENT) is None:
        raise UsageError("ONNX Runtime is not installed: pip install onnxruntime")
    if precision not in {"auto", "fp32"}:
        raise UsageError(f"ONNX Runtime is measured in fp32 alone, not {precision}")
    path = weights or catalogue.onnx_file(network or catalogue.DEFAULT)
    if path is None or path.suffix.lower() != ONNX:
        raise UsageError(
            "ONNX Runtime reads ONNX; give `weights` an .onnx file that 'deblur export' wrote", field="weights"
        )
    from pipeline.engines.onnxruntime import OnnxRuntimeEngine

    return OnnxRuntimeEngine(path, threads)
