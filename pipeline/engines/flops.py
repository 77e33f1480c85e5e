"""Operations of a network, and the peak rate of a machine, found without PyTorch where there is none.

OpenVINO is imported where it is used, so that the memory of another engine's process is measured without it.
"""

from __future__ import annotations

import statistics
import time
from dataclasses import dataclass
from math import prod
from typing import TYPE_CHECKING, Any

import numpy as np

from network import catalogue
from network.planes import PlaneSpec
from pipeline.engines.loaders import SAFETENSORS

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from pipeline.runner.protocols import EngineInfo

SIZES = (1024, 2048)
"""Sizes in rows of the square matrices on a processor; the size with the higher rate counts."""

GPU_SIZE = 8192

_PRODUCTS = {"MatMul", "Convolution", "GroupConvolution", "ConvolutionBackpropData", "GroupConvolutionBackpropData"}

_SCALES = {"chroma": 2, "motion": 8}
"""By how much inputs of a network over time are smaller than its luma, either way."""


@dataclass(frozen=True, slots=True)
class MatrixRate:
    """How fast a machine multiplies matrices: what a network, made of such products, could reach at best.

    Attributes:
        flops: Floating-point operations a second; a multiplication and an addition are two.
        library: Library that multiplied, with its version.
        precision: ``fp32`` or ``fp16``.
        size: Rows and columns of the square matrices.
        threads: Threads that the library used; None where the library chose, or on a GPU.
        device: Device that multiplied.
    """

    flops: float
    library: str
    precision: str
    size: int
    threads: int | None
    device: str


def network_flops(network: str | None, weights: Path | None, width: int, height: int) -> int | None:
    """Floating-point operations of a network's convolutions and matrix products for one frame.

    Args:
        network: Name of the network; None is the default.
        weights: An ONNX, INT8 or safetensors file; None takes what comes with the package.
        width: Width of the frame, in pixels.
        height: Height of the frame, in pixels.

    Returns:
        Number of operations, two for each multiplication with its addition; None for a network without a file.
    """
    path = weights or catalogue.onnx_file(network or catalogue.DEFAULT)
    if path is None:
        return None
    if path.suffix.lower() == SAFETENSORS:
        return _flops_by_torch(path, width, height)
    from network.window.working import working_spec
    from pipeline.engines.openvino_core import openvino_core

    model = openvino_core().read_model(path)
    if any("luma" in port.get_names() for port in model.inputs):
        working = working_spec(PlaneSpec(width, height))
        height, width = working.height, working.width
    model.reshape({port: _shape(port, height, width) for port in model.inputs})
    return 2 * sum(node_multiply_adds(node) for node in model.get_ops())


def matrix_rate(info: EngineInfo, threads: int | None, seconds: float = 1.0) -> MatrixRate:
    """Measures the matrix product on the device that an engine uses: the median of repeated products.

    Args:
        info: Facts about the engine. TensorRT, and PyTorch where it has CUDA, are compared with the GPU in their own
            precision; everything else with the processor in FP32, INT8 included.
        threads: Threads on a processor; None for all.
        seconds: Length of the measurement.
    """
    if info.kind in {"tensorrt", "torch"}:
        import torch

        if torch.cuda.is_available():
            return _on_gpu(info, seconds)
    rates = [_on_processor(size, threads, seconds / len(SIZES)) for size in SIZES]
    return max(rates, key=lambda rate: rate.flops)


def node_multiply_adds(node: Any) -> int:
    """Multiply-adds of one operation of an OpenVINO graph whose shapes are all known; 0 where it has none."""
    kind = node.get_type_name()
    if kind not in _PRODUCTS:
        return 0
    first, second = ([int(length) for length in node.get_input_shape(index)] for index in range(2))
    out = [int(length) for length in node.get_output_shape(0)]
    if kind == "MatMul":
        return prod(out) * first[-2 if node.get_attributes()["transpose_a"] else -1]
    # Weights of a convolution are (out, in, height, width), of a transposed one (in, out, height, width); one in
    # groups has their number before. The first length is that of the tensor whose every element meets the others.
    return prod(first if "Backprop" in kind else out) * prod(second[1 + kind.startswith("Group") :])


def _shape(port: Any, height: int, width: int) -> list[int]:
    """Shape of an input of a network for one frame. One over time has chroma and motion beside luma."""
    scale = next((scale for name, scale in _SCALES.items() if name in port.get_names()), 1)
    return [1, port.get_partial_shape()[1].get_length(), height // scale, width // scale]


def _flops_by_torch(path: Path, width: int, height: int) -> int:
    from network import weights
    from network.cost import multiply_adds
    from network.models.layers import fold_for_inference

    network, _ = weights.load(path)
    return 2 * multiply_adds(fold_for_inference(network), height, width)


def _on_processor(size: int, threads: int | None, seconds: float) -> MatrixRate:
    import openvino as ov
    from openvino import opset13 as ops

    from pipeline.engines.openvino_core import openvino_core

    shape = [size, size]
    left, right = ops.parameter(shape, np.float32), ops.parameter(shape, np.float32)
    model = ov.Model([ops.matmul(left, right, False, False)], [left, right], "matrix product")
    core = openvino_core()
    properties: dict[str, Any] = {"PERFORMANCE_HINT": "LATENCY", "INFERENCE_PRECISION_HINT": "f32"}
    if threads is not None:
        properties["INFERENCE_NUM_THREADS"] = threads
    compiled = core.compile_model(model, "CPU", properties)
    request = compiled.create_infer_request()
    random = np.random.default_rng(0)
    for index in range(2):
        request.set_input_tensor(index, ov.Tensor(random.standard_normal(shape, np.float32)))
    return MatrixRate(
        flops=2 * size**3 / _median_time(request.infer, seconds),
        library=f"OpenVINO {ov.get_version().split('-')[0]}",
        precision="fp32",
        size=size,
        threads=int(compiled.get_property("INFERENCE_NUM_THREADS")),
        device=str(core.get_property("CPU", "FULL_DEVICE_NAME")).strip(),
    )


def _on_gpu(info: EngineInfo, seconds: float) -> MatrixRate:
    import torch

    is_half = info.precision == "fp16"
    left, right = (
        torch.randn(GPU_SIZE, GPU_SIZE, device="cuda", dtype=torch.float16 if is_half else torch.float32)
        for _ in range(2)
    )

    def multiply() -> None:
        torch.mm(left, right)
        torch.cuda.synchronize()

    return MatrixRate(
        flops=2 * GPU_SIZE**3 / _median_time(multiply, seconds),
        library=f"PyTorch {torch.__version__}",
        precision="fp16" if is_half else "fp32",
        size=GPU_SIZE,
        threads=None,
        device=torch.cuda.get_device_name(),
    )


def _median_time(work: Callable[[], object], seconds: float) -> float:
    """Seconds that one call takes, after one that does not count."""
    work()
    times: list[float] = []
    end = time.perf_counter() + seconds
    while not times or time.perf_counter() < end:
        started = time.perf_counter()
        work()
        times.append(time.perf_counter() - started)
    return statistics.median(times)
