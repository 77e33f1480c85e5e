"""Batches in chunks of what a compiled network takes at a time."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import torch

from network.window.found import find_motion
from network.window.windows import MISSING

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from numpy.typing import NDArray
    from torch import Tensor

    from network.planes import PlaneSpec
    from network.window.found import Frames
    from network.window.windows import Windows

Planes = tuple["Tensor", ...]


@dataclass(frozen=True, slots=True)
class Chunk:
    """Frames that go through a program at a time.

    Attributes:
        planes: Planes of all frames of the batch, (batch, *plane shape) each, in host memory or on a device.
        places: Places in the batch of the frames that the program gets.
        others: Its other inputs, in host memory, at most as long as it takes them.
        out: Host memory for the frames that it makes, which is overwritten.
    """

    planes: Planes
    places: Sequence[int]
    others: Planes
    out: Planes


def plane_chunks(planes: Planes, out: Planes, size: int) -> Iterator[Chunk]:
    """Chunks for a network that sees one frame.

    Args:
        planes: Frames, (batch, *plane shape) each.
        out: Host memory of the same shapes, which is overwritten.
        size: Most frames of a chunk.
    """
    for first in range(0, len(planes[0]), size):
        places = range(first, min(first + size, len(planes[0])))
        yield Chunk(planes, places, (), _rows(out, first, len(places)))


def window_chunks(
    planes: Planes, frames: Frames, spec: PlaneSpec, windows: Windows, out: Planes, size: int
) -> Iterator[Chunk]:
    """Chunks for a network over time. The motion of a chunk is found when it is asked for, while others are computed.

    Args:
        planes: Frames, (batch, *plane shape) each.
        frames: The same frames, for finding their motion.
        spec: Kind and size of the frames.
        windows: Windows of the frames to make.
        out: Host memory for as many frames, which is overwritten.
        size: Most windows of a chunk. It looks at no more frames than consecutive windows would.
    """
    first = 0
    while first < len(windows):
        rows = windows[first : first + size]
        while len(rows) > 1 and len(_places(rows)) > size + windows.shape[1] - 1:
            rows = rows[:-1]
        looked_at = _places(rows)
        others: list[NDArray[Any]]
        if windows.shape[1] == 1:
            others = [np.searchsorted(looked_at, rows)]
        else:
            found = find_motion(frames, rows, spec)
            others = [np.searchsorted(looked_at, found.places), found.is_there, found.flow, found.motion]
        tensors = tuple(torch.from_numpy(np.ascontiguousarray(other)) for other in others)
        yield Chunk(planes, looked_at.tolist(), tensors, _rows(out, first, len(rows)))
        first += len(rows)


def _places(windows: Windows) -> Windows:
    """Places of the frames that windows look at, in order, each once."""
    places: Windows = np.unique(windows[windows != MISSING])
    return places


def _rows(planes: Planes, first: int, count: int) -> Planes:
    return tuple(plane[first : first + count] for plane in planes)
