"""What executes a planar graph, whichever way it was compiled, and the way that needs no compiler."""

from __future__ import annotations

import copy
from typing import TYPE_CHECKING, Protocol

import torch
from torch import Tensor, nn

from network.models.layers import fold_for_inference
from network.planar import IntegerPlanes, PlanarNetwork
from trt.settings import EngineSettings, Precision

if TYPE_CHECKING:
    from network.planes import PlaneSpec


class Compiled(Protocol):
    """A network for planes of one kind, shape and batch, ready to run on one device.

    A call runs on the device's current stream and returns without waiting for it.
    """

    @property
    def spec(self) -> PlaneSpec:
        """Size, layout, depth and colours of the planes."""

    @property
    def batch(self) -> int:
        """Number of frames that every call takes."""

    def __call__(self, planes: tuple[Tensor, ...]) -> tuple[Tensor, ...]:
        """Deblurs.

        Args:
            planes: One tensor a plane on the device, (batch, *plane shape) as :attr:`PlaneSpec.plane_shapes` says,
                uint8 at 8 bits, else uint16; contiguous.

        Returns:
            New tensors of the same shapes and type on the same device. They are the caller's: no later call
            writes to them.

        Raises:
            torch.OutOfMemoryError: If the device's memory does not suffice.
            RuntimeError: If the device fails.
        """


class PlanarGraph(PlanarNetwork):
    """The graph that is compiled: float32 planes to float32 planes, network inside.

    Args:
        network: Maps RGB (N, 3, H, W) float32, nominally in [0, 1], to the same shape. A copy is folded and
            converted; the module itself stays as it is.
        spec: Layout, depth, matrix and size of the planes.
        settings: Precision and strength.
    """

    def __init__(self, network: nn.Module, spec: PlaneSpec, settings: EngineSettings) -> None:
        dtype = torch.float16 if settings.precision is Precision.FP16 else torch.float32
        folded = fold_for_inference(copy.deepcopy(network)).to(dtype)
        super().__init__(folded, spec, settings.strength, dtype)
        self.eval().requires_grad_(requires_grad=False)


class TorchCompiled:
    """A :class:`Compiled` that PyTorch runs operation by operation, on any device.

    It is the reference that engines are compared with, what stands in where an engine is refused, and, as it runs on
    the processor too, what execution is tested with.

    Args:
        spec: Layout, depth, matrix and size of the planes.
        batch: Number of frames that every call takes, at least 1.
        network: Maps RGB (N, 3, H, W) float32, nominally in [0, 1], to the same shape; left as it is.
        settings: Precision and strength; the rest is for TensorRT.
        device: Device to run on.

    Attributes:
        spec: Layout, depth, matrix and size of the planes.
        batch: Number of frames that every call takes.

    Raises:
        ValueError: If ``batch`` is less than 1.
    """

    def __init__(
        self,
        spec: PlaneSpec,
        batch: int,
        network: nn.Module,
        settings: EngineSettings | None = None,
        device: torch.device | str = "cpu",
    ) -> None:
        if batch < 1:
            raise ValueError(f"a batch has at least one frame, not {batch}")
        self.spec = spec
        self.batch = batch
        self._module = IntegerPlanes(PlanarGraph(network, spec, settings or EngineSettings())).to(device).eval()

    @property
    def module(self) -> nn.Module:
        """The graph itself, float32 planes to float32 planes."""
        return self._module.planar

    def __call__(self, planes: tuple[Tensor, ...]) -> tuple[Tensor, ...]:
        """Deblurs a batch, see :meth:`Compiled.__call__`.

        Raises:
            ValueError: If the planes are not those of the batch.
        """
        check_planes(self, planes)
        with torch.no_grad():
            result: tuple[Tensor, ...] = self._module(*planes)
        return result


def plane_dtype(spec: PlaneSpec) -> torch.dtype:
    """Data type of the planes: uint8 at 8 bits, else uint16."""
    return torch.uint8 if spec.depth == 8 else torch.uint16


def check_planes(compiled: Compiled, planes: tuple[Tensor, ...]) -> None:
    """Refuses planes of another number, shape or type: an engine would read past their end.

    Raises:
        ValueError: If the planes are not those of ``compiled``.
    """
    spec = compiled.spec
    expected = [((compiled.batch, *shape), plane_dtype(spec)) for shape in spec.plane_shapes]
    given = [(tuple(plane.shape), plane.dtype) for plane in planes]
    if given != expected:
        raise ValueError(f"the planes are {given}, and the engine takes {expected}")


def binding_names(spec: PlaneSpec) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Names of an engine's inputs and outputs, in the order of the planes."""
    count = len(spec.plane_shapes)
    return tuple(f"plane{index}" for index in range(count)), tuple(f"new_plane{index}" for index in range(count))


def describe(spec: PlaneSpec, batch: int) -> str:
    """Size, layout, depth and batch in words, such as ``1280x720 yuv420p, 10 bits, batch 2``."""
    return f"{spec.width}x{spec.height} {spec.layout}, {spec.depth} bits, batch {batch}"
