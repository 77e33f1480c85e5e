"""Frames in memory that two processes share."""

from __future__ import annotations

import shutil
from multiprocessing.shared_memory import SharedMemory
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from network.planes import PlaneBatch
from pipeline.errors import InputError
from pipeline.media.frames import plane_count, plane_rows, read_planes, write_planes

if TYPE_CHECKING:
    from typing import Self

    import av
    from numpy.typing import NDArray

    from network.planes import PlaneSpec

SLOTS = 3
"""Number of frames in shared memory: one being written, one being read, one in between."""

_SHARED_FOLDER = Path("/dev/shm")  # noqa: S108 - not a temporary file: where Linux keeps shared memory
"""Folder where Linux keeps shared memory.

Docker and the like limit its size, and a process that writes beyond the limit is killed.
"""


class SharedFrames:
    """Planes of a few frames in memory that two processes share.

    Attributes:
        name: Name by which the other process finds the memory.
        batch: Planes of the frames, without alpha.
        alpha: Alpha of each frame, shaped (slots, height, width); None for frames without alpha.
    """

    def __init__(self, memory: SharedMemory, spec: PlaneSpec, slots: int, *, alpha: bool) -> None:
        """Maps the planes onto ``memory``, which must be large enough."""
        self._memory = memory
        self.name = memory.name
        planes, offset = [], 0
        for shape in _shapes(spec, alpha=alpha):
            planes.append(np.ndarray((slots, *shape), spec.dtype, memory.buf, offset))
            offset += planes[-1].nbytes
        self.alpha: NDArray[Any] | None = planes.pop() if alpha else None
        self.batch = PlaneBatch(spec, tuple(planes))

    @classmethod
    def create(cls, spec: PlaneSpec, slots: int, *, alpha: bool = False) -> Self:
        """Allocates new shared memory.

        Raises:
            InputError: If there is not enough shared memory.
        """
        size = slots * sum(int(np.prod(shape)) for shape in _shapes(spec, alpha=alpha)) * spec.dtype.itemsize
        if _SHARED_FOLDER.is_dir() and shutil.disk_usage(_SHARED_FOLDER).free < size:
            raise InputError(
                f"`isolation` needs {size} bytes of shared memory for frames of {spec.width}x{spec.height}, more than "
                f"{_SHARED_FOLDER} has free; enlarge that, or leave `isolation` out",
                field="isolation",
            )
        return cls(SharedMemory(create=True, size=size), spec, slots, alpha=alpha)

    @classmethod
    def attach(cls, name: str, spec: PlaneSpec, slots: int, *, alpha: bool = False) -> Self:
        """Attaches to the memory that the other process allocated."""
        return cls(SharedMemory(name), spec, slots, alpha=alpha)

    def put(self, frame: av.VideoFrame, slot: int) -> None:
        """Copies the samples of a frame into a slot."""
        read_planes(frame, self.batch, slot)
        if self.alpha is not None:
            self.alpha[slot] = plane_rows(frame, plane_count(frame) - 1)

    def take(self, slot: int, like: av.VideoFrame) -> None:
        """Copies the samples of a slot into a frame."""
        write_planes(self.batch, slot, like)
        if self.alpha is not None:
            plane_rows(like, plane_count(like) - 1)[...] = self.alpha[slot]

    def close(self) -> None:
        """Releases the memory in this process; its samples must not be used any more."""
        del self.batch, self.alpha
        self._memory.close()

    def remove(self) -> None:
        """Releases the memory in this process and returns it to the system."""
        self.close()
        self._memory.unlink()


def _shapes(spec: PlaneSpec, *, alpha: bool) -> tuple[tuple[int, ...], ...]:
    """Shapes of the planes of one frame; alpha comes last, and is as large as luma."""
    return (*spec.plane_shapes, (spec.height, spec.width)) if alpha else spec.plane_shapes
