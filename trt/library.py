"""Torch-TensorRT and TensorRT as libraries: importing them, what versions they are, what device they would run on.

Torch-TensorRT comes in two kinds under one import name: with TensorRT (package ``torch-tensorrt``), and with
TensorRT-RTX (package ``torch-tensorrt-rtx``), whose builder needs no GPU. It decides itself which one it is.
"""

from __future__ import annotations

import contextlib
import logging
import warnings
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import torch

from network.errors import first_line
from trt.errors import MissingError

if TYPE_CHECKING:
    from collections.abc import Iterator

EXTRA = 'pip install "deblur-stream[trt]" (or "deblur-stream[rtx]" for TensorRT-RTX)'

NOISY = (
    "torch_tensorrt",
    "torch_tensorrt [TensorRT Conversion Context]",
    "torch._opaque_base",
    "torch._library.opaque_object",
)
"""Loggers that print what has no bearing on this program, such as that a quantisation library is missing, and whole
graphs where something fails. The second is TensorRT's own."""


@dataclass(frozen=True, slots=True)
class Environment:
    """What an engine depends on apart from what it computes: it is only valid where all of this is the same.

    Attributes:
        gpu_name: The device's name.
        compute_capability: Compute capability of the device, such as ``8.9``.
        driver: Version of NVIDIA's driver.
        cuda: Version of CUDA that PyTorch was built with.
        tensorrt: Edition of TensorRT, and its version, such as ``tensorrt_rtx 1.6.1.120``.
        torch_tensorrt: Version of Torch-TensorRT.
        torch: Version of PyTorch.
    """

    gpu_name: str
    compute_capability: str
    driver: str
    cuda: str
    tensorrt: str
    torch_tensorrt: str
    torch: str


def torch_tensorrt() -> Any:
    """Imports Torch-TensorRT without what it prints, and without its change of how warnings are shown.

    Raises:
        MissingError: If it is not installed, or can't be loaded.
    """
    try:
        with errors_logged(), warnings.catch_warnings():
            warnings.simplefilter("ignore")
            import torch_tensorrt as module
    except ModuleNotFoundError as error:
        if error.name not in {"torch_tensorrt", "tensorrt", "tensorrt_rtx"}:
            raise
        raise MissingError(f"TensorRT engines need Torch-TensorRT: {EXTRA}") from error
    except Exception as error:  # it raises bare exceptions where libraries are missing
        raise MissingError(
            f"Torch-TensorRT can't be loaded ({reason(error)}); it must fit the version of PyTorch, which is "
            f"{torch.__version__}: {EXTRA}"
        ) from error
    return module


def environment(device: torch.device | str = "cuda") -> Environment:
    """Asks libraries and driver for what an engine on ``device`` depends on.

    Raises:
        MissingError: If there is no such device, no driver, or Torch-TensorRT or NVIDIA's management library is not
            installed.
    """
    device = require_cuda(device)
    module = torch_tensorrt()
    import tensorrt

    properties = torch.cuda.get_device_properties(device)
    return Environment(
        gpu_name=properties.name,
        compute_capability=f"{properties.major}.{properties.minor}",
        driver=driver_version(),
        cuda=str(torch.version.cuda),
        tensorrt=f"{module.tensorrt_package_name} {tensorrt.__version__}",
        torch_tensorrt=module.__version__,
        torch=torch.__version__,
    )


def require_cuda(device: torch.device | str = "cuda") -> torch.device:
    """The CUDA device with its number.

    Raises:
        MissingError: If it is no CUDA device, or not there.
    """
    device = torch.device(device)
    if device.type != "cuda":
        raise MissingError(f"TensorRT runs on CUDA devices, not on {device}; choose another engine")
    if not torch.cuda.is_available():
        built = "" if torch.version.cuda else " (this PyTorch is built without CUDA)"
        raise MissingError(
            f"there is no CUDA device{built}: an engine is built on the GPU it runs on; one for another machine, with "
            "an RTX GPU, is built by `deblur engine build --portable FILE`"
        )
    index = torch.cuda.current_device() if device.index is None else device.index
    if index >= torch.cuda.device_count():
        raise MissingError(f"there is no CUDA device {index}; the highest is {torch.cuda.device_count() - 1}")
    return torch.device("cuda", index)


def driver_version() -> str:
    """Version of NVIDIA's driver, such as ``580.95.05``.

    Raises:
        MissingError: If the driver or the library that asks it is not there.
    """
    try:
        import pynvml
    except ModuleNotFoundError as error:
        raise MissingError(f"the driver's version is read by nvidia-ml-py, which is missing: {EXTRA}") from error
    try:
        pynvml.nvmlInit()
        try:
            version = pynvml.nvmlSystemGetDriverVersion()
        finally:
            pynvml.nvmlShutdown()
    except pynvml.NVMLError as error:
        raise MissingError(f"NVIDIA's driver does not answer ({error}); install or restart it") from error
    return version.decode() if isinstance(version, bytes) else str(version)


class _Collector(logging.Handler):
    """Keeps what is logged as an error."""

    def __init__(self) -> None:
        super().__init__(logging.ERROR)
        self.messages: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        """Keeps one message."""
        self.messages.append(record.getMessage())


@contextlib.contextmanager
def errors_logged() -> Iterator[list[str]]:
    """Keeps the loggers of :data:`NOISY` from printing, and undoes Torch-TensorRT's capture of Python's warnings.

    Yields:
        What they log as errors, as it comes: TensorRT says why it fails there, and nowhere else.
    """
    collector = _Collector()
    loggers = [logging.getLogger(name) for name in NOISY]
    for logger in loggers:
        logger.addHandler(collector)
        logger.propagate = False
    try:
        yield collector.messages
    finally:
        logging.captureWarnings(capture=False)
        for logger in loggers:
            logger.removeHandler(collector)
            logger.propagate = True


def reason(error: BaseException) -> str:
    """The first line of an error's innermost cause that says something."""
    while error.__cause__ is not None and str(error.__cause__):
        error = error.__cause__
    return first_line(error)
