"""A TensorRT engine that runs on a device.

Nothing here can run without a CUDA device, so it holds nothing but the calls that need one.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch

from trt.compiled import binding_names, check_planes, describe
from trt.errors import BuildError
from trt.library import errors_logged, reason, torch_tensorrt

if TYPE_CHECKING:
    from torch import Tensor

    from network.planes import PlaneSpec


class EngineCompiled:
    """A :class:`trt.compiled.Compiled` that is a TensorRT engine, run by Torch-TensorRT's runtime.

    The casts between integer planes and the engine's float32 are one PyTorch kernel on either side.

    Args:
        engine: Engine serialized by TensorRT; float32 planes in and out, named as :func:`trt.compiled.binding_names`
            says.
        spec: Layout, depth, matrix and size of the planes.
        batch: Number of frames that every call takes.
        device: A CUDA device with its number.

    Attributes:
        spec: Layout, depth, matrix and size of the planes.
        batch: Number of frames that every call takes.

    Raises:
        MissingError: If Torch-TensorRT is not there.
        BuildError: If TensorRT does not take the engine.
        torch.OutOfMemoryError: If the device's memory does not suffice.
    """

    def __init__(self, engine: bytes, spec: PlaneSpec, batch: int, device: torch.device) -> None:
        module = torch_tensorrt()
        self.spec = spec
        self.batch = batch
        inputs, outputs = binding_names(spec)
        try:
            with errors_logged(), torch.cuda.device(device):
                self._module = module.dynamo.runtime.TorchTensorRTModule(
                    engine,
                    list(inputs),
                    list(outputs),
                    name="deblur",
                    settings=module.dynamo.CompilationSettings(device=module.Device(gpu_id=device.index)),
                )
        except torch.OutOfMemoryError:
            raise
        except Exception as error:  # of the C++ runtime: RuntimeError, or TensorRT's own
            raise BuildError(f"TensorRT can't load the engine for {describe(spec, batch)}: {reason(error)}") from error

    @property
    def module(self) -> torch.nn.Module:
        """Torch-TensorRT's module, float32 planes to float32 planes, for its CUDA graphs and profiling."""
        module: torch.nn.Module = self._module
        return module

    def __call__(self, planes: tuple[Tensor, ...]) -> tuple[Tensor, ...]:
        """Deblurs a batch, see :meth:`trt.compiled.Compiled.__call__`.

        Raises:
            ValueError: If the planes are not those of the batch.
            RuntimeError: If the device fails.
        """
        check_planes(self, planes)
        with torch.no_grad():
            results = self._module(*(plane.to(torch.float32).contiguous() for plane in planes))
        if isinstance(results, torch.Tensor):  # grey: Torch-TensorRT unpacks a single output
            results = (results,)
        return tuple(result.to(plane.dtype) for result, plane in zip(results, planes, strict=True))
