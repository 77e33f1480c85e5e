"""Allocating batches, so that too little memory is one clear line."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING

from pipeline.errors import EngineError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from network.planes import PlaneSpec


@contextmanager
def allocating(spec: PlaneSpec, batch: int) -> Iterator[None]:
    """Guards the allocation of a batch.

    Args:
        spec: Kind and size of the frames.
        batch: Number of frames in the batch, at least 1.

    Raises:
        EngineError: If ``batch`` is below 1, or the memory does not suffice. PyTorch reports the latter as
            RuntimeError, numpy as MemoryError.
    """
    if batch < 1:
        raise EngineError(f"a batch has at least one frame, not {batch}")
    try:
        yield
    except (MemoryError, RuntimeError) as error:
        raise EngineError(f"not enough memory for {batch} frames of {spec.width}x{spec.height}") from error
