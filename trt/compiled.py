"""What executes a graph, whichever way it was compiled, and the way that needs no compiler."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

import torch

from trt.graphs import make_graph
from trt.settings import EngineSettings

if TYPE_CHECKING:
    from collections.abc import Iterable

    from torch import Tensor, nn

    from network.planes import PlaneSpec
    from trt.signature import Port, Signature


def plane_dtype(spec: PlaneSpec) -> torch.dtype:
    """Data type of the planes of frames: uint8 at 8 bits, else uint16."""
    return torch.uint8 if spec.depth == 8 else torch.uint16


def empty_for(ports: Iterable[Port], device: torch.device | str) -> tuple[Tensor, ...]:
    """Memory for tensors, which is not initialised.

    Raises:
        torch.OutOfMemoryError: If the device's memory does not suffice.
    """
    return tuple(torch.empty(port.shape, dtype=_dtype(port), device=device) for port in ports)


class Program(Protocol):
    """Something for one device that makes frames of tensors.

    A call runs on the device's current stream and returns without waiting for it.
    """

    @property
    def inputs(self) -> tuple[Port, ...]:
        """What every call takes."""

    def __call__(self, inputs: tuple[Tensor, ...]) -> tuple[Tensor, ...]:
        """Computes.

        Args:
            inputs: Contiguous tensors on the device, as :attr:`inputs` says.

        Returns:
            New tensors on the same device. They are the caller's: no later call writes to them.

        Raises:
            torch.OutOfMemoryError: If the device's memory does not suffice.
            RuntimeError: If the device fails.
        """


class Compiled(Program, Protocol):
    """A network, ready to run on one device."""

    @property
    def signature(self) -> Signature:
        """What goes in and comes out."""


class TorchCompiled:
    """A :class:`Compiled` that PyTorch runs operation by operation, on any device.

    It is the reference that engines are compared with, what stands in where an engine is refused, and, as it runs on
    the processor too, what execution is tested with.

    Args:
        signature: What goes in and comes out.
        network: The network; left as it is.
        settings: Precision and strength; the rest is for TensorRT.
        device: Device to run on.

    Attributes:
        signature: What goes in and comes out.
        module: The graph itself, float32 in and out.

    Raises:
        ValueError: If the signature is not for this network.
    """

    def __init__(
        self,
        signature: Signature,
        network: nn.Module,
        settings: EngineSettings | None = None,
        device: torch.device | str = "cpu",
    ) -> None:
        self.signature = signature
        self.module: nn.Module = make_graph(network, signature, settings or EngineSettings()).to(device)

    @property
    def inputs(self) -> tuple[Port, ...]:
        """See :class:`Program`."""
        return self.signature.inputs

    def __call__(self, inputs: tuple[Tensor, ...]) -> tuple[Tensor, ...]:
        """See :class:`Program`.

        Raises:
            ValueError: If the inputs are not those of the signature.
        """
        return run_module(self.module, self.signature, inputs)


def run_module(module: nn.Module, signature: Signature, inputs: tuple[Tensor, ...]) -> tuple[Tensor, ...]:
    """Runs a module of float32 tensors on those of a signature.

    The casts stay outside of what is compiled, one kernel of PyTorch on either side, since TensorRT converts all else,
    but no integer casts.

    Raises:
        ValueError: If the inputs are not those of the signature: an engine would read past their end.
    """
    expected = [(port.shape, _dtype(port)) for port in signature.inputs]
    given = [(tuple(tensor.shape), tensor.dtype) for tensor in inputs]
    if given != expected:
        raise ValueError(f"the inputs are {given}, and the engine takes {expected}")
    with torch.no_grad():
        results = module(*(tensor.to(torch.float32).contiguous() for tensor in inputs))
    if isinstance(results, torch.Tensor):  # grey: Torch-TensorRT unpacks a single output
        results = (results,)
    return tuple(result.to(_dtype(port)) for result, port in zip(results, signature.outputs, strict=True))


def _dtype(port: Port) -> torch.dtype:
    dtype: torch.dtype = getattr(torch, port.dtype)
    return dtype
