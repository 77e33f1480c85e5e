"""Frames in memory that two processes share."""

from __future__ import annotations

import shutil
from multiprocessing.shared_memory import SharedMemory
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from network.planes import PlaneBatch
from pipeline.errors import InputError

if TYPE_CHECKING:
    from typing import Self

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
        batch: Planes of the frames.
    """

    def __init__(self, memory: SharedMemory, spec: PlaneSpec, slots: int) -> None:
        """Maps the planes onto ``memory``, which must be large enough."""
        self._memory = memory
        self.name = memory.name
        planes, offset = [], 0
        for shape in spec.plane_shapes:
            planes.append(np.ndarray((slots, *shape), spec.dtype, memory.buf, offset))
            offset += planes[-1].nbytes
        self.batch = PlaneBatch(spec, tuple(planes))

    @classmethod
    def create(cls, spec: PlaneSpec, slots: int) -> Self:
        """Allocates new shared memory.

        Raises:
            InputError: If there is not enough shared memory.
        """
        size = slots * sum(int(np.prod(shape)) for shape in spec.plane_shapes) * spec.dtype.itemsize
        if _SHARED_FOLDER.is_dir() and shutil.disk_usage(_SHARED_FOLDER).free < size:
            raise InputError(
                f"`isolation` needs {size} bytes of shared memory for frames of {spec.width}x{spec.height}, more than "
                f"{_SHARED_FOLDER} has free; enlarge that, or leave `isolation` out",
                field="isolation",
            )
        return cls(SharedMemory(create=True, size=size), spec, slots)

    @classmethod
    def attach(cls, name: str, spec: PlaneSpec, slots: int) -> Self:
        """Attaches to the memory that the other process allocated."""
        return cls(SharedMemory(name), spec, slots)

    def close(self) -> None:
        """Releases the memory in this process; ``batch`` must not be used any more."""
        del self.batch
        self._memory.close()

    def remove(self) -> None:
        """Releases the memory in this process and returns it to the system."""
        self.close()
        self._memory.unlink()
