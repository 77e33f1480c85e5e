"""A TensorRT engine that runs on a device.

Only :func:`prepared` can run without a CUDA device; the rest is nothing but the calls that need one.
"""

from __future__ import annotations

import warnings
from typing import TYPE_CHECKING, Any

import torch

from trt.compiled import run_module
from trt.errors import BuildError
from trt.library import errors_logged, reason, torch_tensorrt

if TYPE_CHECKING:
    from pathlib import Path

    from torch import Tensor

    from trt.signature import Port, Signature


class EngineCompiled:
    """A :class:`trt.compiled.Compiled` that is a TensorRT engine, run by Torch-TensorRT's runtime.

    Args:
        engine: Engine serialized by TensorRT; float32 in and out, named as the signature says.
        signature: What goes in and comes out.
        device: A CUDA device with its number.
        kernels: File for what TensorRT-RTX compiles at the first run, so that the next start need not; None for none.

    Attributes:
        signature: What goes in and comes out.
        module: Torch-TensorRT's module, float32 in and out, for its CUDA graphs and profiling.

    Raises:
        MissingError: If Torch-TensorRT is not there.
        BuildError: If TensorRT does not take the engine.
        torch.OutOfMemoryError: If the device's memory does not suffice.
    """

    def __init__(self, engine: bytes, signature: Signature, device: torch.device, kernels: Path | None = None) -> None:
        self.signature = signature
        try:
            with errors_logged(), torch.cuda.device(device):
                self.module: torch.nn.Module = prepared(engine, signature, device.index, kernels)
                self.module.setup_engine()
        except torch.OutOfMemoryError:
            raise
        except Exception as error:  # of the C++ runtime: RuntimeError, or TensorRT's own
            raise BuildError(f"TensorRT can't load the engine for {signature}: {reason(error)}") from error

    @property
    def inputs(self) -> tuple[Port, ...]:
        """See :class:`trt.compiled.Program`."""
        return self.signature.inputs

    def __call__(self, inputs: tuple[Tensor, ...]) -> tuple[Tensor, ...]:
        """See :class:`trt.compiled.Program`.

        Raises:
            ValueError: If the inputs are not those of the signature.
        """
        return run_module(self.module, self.signature, inputs)


def prepared(engine: bytes, signature: Signature, index: int, kernels: Path | None) -> Any:
    """Torch-TensorRT's module for an engine, with its settings, not yet on the device.

    The settings are TensorRT-RTX's alone; with TensorRT proper, they do nothing. By default it would read kernels from
    a folder for temporary files, where another user can put some, and would swap kernels while a video runs, after the
    comparison with PyTorch.

    Args:
        engine: See :class:`EngineCompiled`.
        signature: See :class:`EngineCompiled`.
        index: Number of the CUDA device.
        kernels: See :class:`EngineCompiled`; in a folder that only the user can enter.

    Raises:
        MissingError: If Torch-TensorRT is not there.
    """
    library = torch_tensorrt()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # TensorRT proper warns that it has no such settings, even of the defaults
        module = library.dynamo.runtime.TorchTensorRTModule(
            engine,
            [port.name for port in signature.inputs],
            [port.name for port in signature.outputs],
            name="deblur",
            settings=library.dynamo.CompilationSettings(device=library.Device(gpu_id=index), lazy_engine_init=True),
        )
        module.runtime_settings = library.runtime.RuntimeSettings(
            dynamic_shapes_kernel_specialization_strategy="eager",
            cuda_graph_strategy="whole_graph_capture",
            runtime_cache=str(kernels) if kernels and library.ENABLED_FEATURES.tensorrt_rtx else None,
        )
    return module
