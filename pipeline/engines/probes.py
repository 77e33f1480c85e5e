"""Which engines this machine can run, and which one ``auto`` takes."""

from __future__ import annotations

from importlib.util import find_spec
from typing import TYPE_CHECKING

from network import catalogue
from pipeline.engines.load import load_engine
from pipeline.engines.precision import choose
from pipeline.engines.verdicts import verdicts_file
from pipeline.errors import DeblurError
from pipeline.system.doctor import Check
from pipeline.system.log import lines_to

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator


def find_openvino() -> Iterator[Check]:
    """Devices of OpenVINO, with what each computes in. Only processors were ever tested."""
    import openvino as ov

    from pipeline.engines.openvino_core import PROCESSOR, openvino_core

    core = openvino_core()
    for device in core.available_devices:
        name = str(core.get_property(device, "FULL_DEVICE_NAME")).strip()
        computes = [str(item) for item in core.get_property(device, "OPTIMIZATION_CAPABILITIES")]
        kinds = [item for item in computes if item in {"FP32", "FP16", "BF16", "INT8"}]
        version = ov.get_version().split("-")[0]
        tested = "" if device == PROCESSOR else f"; untested, to be tried by --device {device}"
        yield Check("engines", f"openvino on {device}", True, f"{version}, {name}; {', '.join(kinds)}{tested}")
    if not core.available_devices:
        yield Check("engines", "openvino", False, "it finds no device")


def find_torch() -> Iterator[Check]:
    """PyTorch and its CUDA devices."""
    if find_spec("torch") is None:
        yield Check("engines", "torch", False, "not installed")
        return
    import torch

    yield Check("engines", "torch", True, torch.__version__)
    names = [torch.cuda.get_device_name(index) for index in range(torch.cuda.device_count())]
    built = f"built for CUDA {torch.version.cuda}" if torch.version.cuda else "built without CUDA"
    yield Check("engines", "torch on CUDA", bool(names), ", ".join(names) or f"no device; {built}")


def find_tensorrt() -> Iterator[Check]:
    """Torch-TensorRT, whether it loads and whether there is a device for it."""
    if find_spec("torch_tensorrt") is None:
        yield Check("engines", "tensorrt", False, "Torch-TensorRT is not installed")
        return
    from trt import library
    from trt.errors import TensorRTError

    try:
        library.require_cuda()
        library.torch_tensorrt()
    except TensorRTError as error:
        yield Check("engines", "tensorrt", False, str(error))
    else:
        yield Check("engines", "tensorrt", True, library.environment().tensorrt)


def find_onnxruntime() -> Iterator[Check]:
    """ONNX Runtime, which is never chosen automatically, and its providers. Only the processor's was tested."""
    if find_spec("onnxruntime") is None:
        yield Check("engines", "onnxruntime", False, "not installed")
        return
    import onnxruntime

    from pipeline.engines.onnxruntime import CPU_PROVIDER, PROVIDERS

    available = onnxruntime.get_available_providers()
    yield Check("engines", "onnxruntime", True, f"{onnxruntime.__version__}; providers: {', '.join(available)}")
    for device, provider in PROVIDERS.items():
        if provider in available and provider != CPU_PROVIDER:
            advice = f"untested, to be tried by --engine onnxruntime --device {device}"
            yield Check("engines", f"onnxruntime on {device}", True, f"{provider}; {advice}")


def find_choice() -> Iterator[Check]:
    """Networks that can be run, and the engine that ``auto`` takes, found out by having it choose."""
    names = ", ".join(catalogue.shipped_names())
    yield Check("networks", "shipped", None, names or "none; give a file of weights")
    told: list[str] = []
    network = catalogue.DEFAULT if catalogue.onnx_file(catalogue.DEFAULT) else "identity"
    try:
        with lines_to(told.append):
            info = load_engine("auto", network).info
    except DeblurError as error:
        yield Check("engines", "auto", False, str(error))
        return
    if not told:
        told = ["TensorRT and a CUDA device are there" if info.kind == "tensorrt" else "TensorRT is not installed"]
    chosen = f"{info.backend}, {info.precision}, on {info.device}, {info.batch} at a time"
    yield Check("engines", "auto", True, f"{chosen}: {'; '.join(told)}")
    if info.kind == "openvino":
        yield Check("engines", "precision", None, f"auto is {info.precision}: {_why(network, info.precision)}")


def _why(network: str, precision: str) -> str:
    if catalogue.int8_file(network) is None:
        return f"{network} comes without int8"
    choice = choose(catalogue.onnx_file(network))
    if choice.precision != precision:
        return "its int8 form is of other weights"
    if choice.is_measured:
        return f"{choice.reason} (kept in {verdicts_file()}; `deblur bench` measures anew)"
    return f"{choice.reason}; `deblur bench` measures what is fastest, and auto takes it from then on"


ENGINE_PROBES: dict[str, Callable[[], Iterable[Check]]] = {
    "openvino": find_openvino,
    "torch": find_torch,
    "tensorrt": find_tensorrt,
    "onnxruntime": find_onnxruntime,
    "auto": find_choice,
}
"""The probes that load engines' libraries, each its own."""
