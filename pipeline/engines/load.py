"""Loads the engine that a request means; ``auto`` is resolved here."""

from __future__ import annotations

import logging
import time
from importlib.util import find_spec
from typing import TYPE_CHECKING

from network import catalogue
from network.models import registry
from network.planes import MAX_STRENGTH, SCALES
from pipeline.details import log_engine
from pipeline.engines.loaders import PORTABLE, SAFETENSORS, EngineRequest
from pipeline.engines.precision import PRECISIONS
from pipeline.engines.registry import AUTO, engine_loader
from pipeline.errors import UsageError
from pipeline.runner.half_engine import at_half_size

if TYPE_CHECKING:
    from pathlib import Path

    from pipeline.runner.protocols import Engine

_log = logging.getLogger("deblur.engines")


def load_engine(
    engine: str = AUTO,
    network: str | None = None,
    weights: Path | None = None,
    strength: float = 1.0,
    threads: int | None = None,
    precision: str = "auto",
    *,
    scale: float = 1.0,
    device: str | None = None,
) -> Engine:
    """Loads a network into an engine.

    The logger `deblur.engines` says what the user should know or what takes long, now and while the engine is used.

    Args:
        engine: One of :func:`pipeline.engines.registry.engine_names`. ``auto`` is TensorRT where that and a CUDA device
            are there, unless the weights are ONNX; else OpenVINO, except that a safetensors file and a network that the
            user registered go to PyTorch. A portable engine goes to TensorRT.
        network: One of :func:`network.models.registry.names`. With ``weights``, the file says what network it is; any
            name but the default must then agree with it. None is the default.
        weights: An ONNX or INT8 file that ``deblur export`` wrote, a safetensors file that ``deblur train`` wrote, or
            a portable engine that ``deblur engine build`` wrote; None takes what comes with the package.
        strength: Share of the network's changes that is applied, 0 to :data:`network.planes.MAX_STRENGTH`.
        threads: Threads to compute with on a processor; None leaves the number to the engine.
        precision: One of :data:`pipeline.engines.precision.PRECISIONS`. ``auto`` is what `deblur bench` found to be
            fastest here, else INT8 where the network has it and the processor is made for it, else FP32; TensorRT's is
            FP16, whatever its weights are.
        scale: Scale of the size at which the correction is computed, one of
            :data:`network.planes.SCALES`; it is added at full size.
        device: Device of OpenVINO (such as ``CPU``, ``GPU``, ``GPU.1``, ``NPU``, ``AUTO``) or of ONNX Runtime (one of
            :data:`pipeline.engines.onnxruntime.PROVIDERS`); with it, ``auto`` is OpenVINO. None is the processor, or
            what the engine finds by itself. Any but the processor is compared with FP32 there before its first frame.

    Raises:
        UsageError: If a name is unknown, a value out of range, a file or an installed package missing, or the network
            comes without weights.
        EngineError: If the engine can't load the network, or OpenVINO finds no such device.
        network.errors.WeightsError: If a safetensors file can't be read.
    """
    loader = None if engine == AUTO else engine_loader(engine)
    if precision not in PRECISIONS:
        raise UsageError(
            f"there is no precision {precision!r}; choose one of {', '.join(PRECISIONS)}", field="precision"
        )
    if not 0 <= strength <= MAX_STRENGTH:
        raise UsageError(f"the strength must be from 0 to {MAX_STRENGTH}, not {strength}", field="strength")
    if scale not in SCALES:
        raise UsageError(f"the scale must be {' or '.join(f'{each:g}' for each in SCALES)}, not {scale}", field="scale")
    if threads is not None and threads < 1:
        raise UsageError(f"the number of threads must be at least 1, not {threads}", field="threads")
    if weights is not None and not weights.is_file():
        raise UsageError(f"there is no weights file {weights}", field="weights")
    request = EngineRequest(network or catalogue.DEFAULT, weights, strength, threads, precision, device)
    began = time.perf_counter()
    loaded = (loader or engine_loader(_fastest(request)))(request)
    log_engine(loaded.info, time.perf_counter() - began)
    if weights is not None and network not in {None, catalogue.DEFAULT, loaded.info.network}:
        raise UsageError(
            f"{weights} holds network {loaded.info.network!r}, not {network!r}; leave `network` out", field="network"
        )
    return loaded if scale == 1 else at_half_size(loaded)


def _fastest(request: EngineRequest) -> str:
    """Name of the fastest engine that is installed and supports the request."""
    weights, precision = request.weights, request.precision
    if weights is not None and weights.suffix.lower() == PORTABLE:
        return "tensorrt"
    if request.device is not None:
        return "openvino"
    is_torch = registry.is_registered(request.network) if weights is None else weights.suffix.lower() == SAFETENSORS
    engine = "torch" if is_torch and precision in {"auto", "fp32"} else "openvino"
    can_be_tensorrt = precision == "auto" and (weights is None or is_torch)
    if can_be_tensorrt and _can_run_tensorrt(otherwise=engine):
        return "tensorrt"
    return engine


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
