"""Device memory for frames that are on a device already, so that they need no copy through host memory."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import torch
from torch.utils.dlpack import from_dlpack

from network.planes import PlaneBatch
from trt.compiled import plane_dtype

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray
    from torch import Tensor

    from network.planes import PlaneSpec


@dataclass(slots=True)
class _Stage:
    """Device memory of a batch.

    Attributes:
        planes: Planes on the device; None before the first frame.
        is_filled: Whether the frames of the next run are there.
    """

    planes: tuple[Tensor, ...] | None = None
    is_filled: bool = False


class StagedBatch(PlaneBatch):
    """A batch in host memory that may have device memory too.

    Either all frames of a batch are handed over on the device, or none: which of the two memories holds is said by
    the last of them. Places to which none was handed over hold what was there before; frames stand for themselves, and
    nobody reads those results.

    Args:
        spec: Kind and size of the frames.
        planes: Planes in host memory; see :class:`network.planes.PlaneBatch`.
    """

    _stage: _Stage

    def __init__(self, spec: PlaneSpec, planes: tuple[NDArray[Any], ...]) -> None:
        super().__init__(spec, planes)
        object.__setattr__(self, "_stage", _Stage())  # a batch is frozen, its memory is not

    def load(self, planes: Sequence[Any], index: int, device: torch.device) -> None:
        """Copies the planes of a frame to the device; they may go when this returns.

        Args:
            planes: Objects that export DLPack, of the shapes that the spec says; on the device or the host. What wrote
                them has to have done so on the device's default stream.
            index: Place of the frame in the batch.
            device: Device to copy to.

        Raises:
            RuntimeError: If the planes do not fit, or the device fails.
            torch.OutOfMemoryError: If its memory does not suffice.
        """
        if self._stage.planes is None:
            self._stage.planes = tuple(
                torch.empty((self.size, *shape), dtype=plane_dtype(self.spec), device=device)
                for shape in self.spec.plane_shapes
            )
        _settle(device)
        for target, plane in zip(self._stage.planes, planes, strict=True):
            # By the capsule: PyTorch would ask for its own stream, and PyAV knows no other than the default one.
            frame = from_dlpack(plane.__dlpack__())
            target[index].copy_(frame.view(target.dtype).reshape(target[index].shape))
        _settle(device)
        self._stage.is_filled = True

    @property
    def is_loaded(self) -> bool:
        """Whether the frames of the next run were handed over on the device."""
        return self._stage.is_filled

    def take(self) -> tuple[Tensor, ...]:
        """The planes to compute from: those on the device where frames were handed over there, else the host's."""
        if self._stage.is_filled and self._stage.planes is not None:
            self._stage.is_filled = False
            return self._stage.planes
        return on_host(self)


def on_host(batch: PlaneBatch) -> tuple[Tensor, ...]:
    """The planes of a batch in host memory, as tensors over the same memory."""
    return tuple(torch.from_numpy(plane) for plane in batch.planes)


def _settle(device: torch.device) -> None:
    """Waits for the stream that this thread gives its orders to, a device's default one, on which FFmpeg works too."""
    if device.type != "cpu":
        torch.accelerator.current_stream(device).synchronize()
