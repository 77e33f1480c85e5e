"""A TensorRT engine that runs on a device.

Nothing here can run without a CUDA device, so it holds nothing but the calls that need one.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch

from trt.compiled import run_module
from trt.errors import BuildError
from trt.library import errors_logged, reason, torch_tensorrt

if TYPE_CHECKING:
    from torch import Tensor

    from trt.signature import Port, Signature


class EngineCompiled:
    """A :class:`trt.compiled.Compiled` that is a TensorRT engine, run by Torch-TensorRT's runtime.

    Args:
        engine: Engine serialized by TensorRT; float32 in and out, named as the signature says.
        signature: What goes in and comes out.
        device: A CUDA device with its number.

    Attributes:
        signature: What goes in and comes out.
        module: Torch-TensorRT's module, float32 in and out, for its CUDA graphs and profiling.

    Raises:
        MissingError: If Torch-TensorRT is not there.
        BuildError: If TensorRT does not take the engine.
        torch.OutOfMemoryError: If the device's memory does not suffice.
    """

    def __init__(self, engine: bytes, signature: Signature, device: torch.device) -> None:
        library = torch_tensorrt()
        self.signature = signature
        try:
            with errors_logged(), torch.cuda.device(device):
                self.module: torch.nn.Module = library.dynamo.runtime.TorchTensorRTModule(
                    engine,
                    [port.name for port in signature.inputs],
                    [port.name for port in signature.outputs],
                    name="deblur",
                    settings=library.dynamo.CompilationSettings(device=library.Device(gpu_id=device.index)),
                )
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
