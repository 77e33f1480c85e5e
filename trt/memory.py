"""How much device memory a network takes, and what is tried next where there is less."""

from __future__ import annotations

import copy
import logging
import weakref
from dataclasses import dataclass
from math import prod
from typing import TYPE_CHECKING, Any

import torch
from torch.utils._python_dispatch import TorchDispatchMode

from trt.compiled import PlanarGraph
from trt.execution import SLOTS
from trt.tiling import grid, grid_step, overlap_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from torch import nn

    from network.planes import PlaneSpec
    from trt.settings import EngineSettings
    from trt.tiling import Grid

_log = logging.getLogger("deblur.trt")

MARGIN = 0.9
"""Share of the free memory, 0 to 1, that plans may use; allocators round up, and other programs come and go."""

STEP = 0.8
"""Part of the size of the tiles before that the next ones may have at most: each size is an engine to build."""

MAX_PARTS = 16
"""Most tiles along one axis."""


@dataclass(frozen=True, slots=True)
class Plan:
    """How frames are given to the network.

    Attributes:
        batch: Number of frames at a time, at least 1.
        cut: The tiles of a frame; None for whole frames.
    """

    batch: int
    cut: Grid | None = None

    def __str__(self) -> str:
        """The plan in words."""
        frames = f"{self.batch} frame{'s' * (self.batch > 1)} at a time"
        if self.cut is None:
            return frames
        height, width = self.cut.shape
        count = len(self.cut.rows) * len(self.cut.columns)
        return f"{frames} in {count} tiles of {width}x{height}"


def plans(spec: PlaneSpec, batch: int, network: nn.Module) -> Iterator[Plan]:
    """What to try, each needing less memory than the one before: half the batch, then ever smaller tiles.

    Args:
        spec: Kind and size of the frames.
        batch: Number of frames at a time to begin with.
        network: Network that maps RGB to RGB; its reach decides how much tiles overlap.
    """
    yield Plan(batch)
    while batch > 1:
        batch //= 2
        yield Plan(batch)
    try:
        overlap, step = overlap_of(network), grid_step(network)
    except ValueError:  # it sees the whole picture
        return
    parts, shape = (1, 1), (spec.height, spec.width)
    smallest = prod(shape)
    while max(parts) < MAX_PARTS:
        # The longer side is cut first: tiles near to squares overlap least.
        axis = int(shape[1] >= shape[0])
        for side in (axis, 1 - axis):
            more = (parts[0] + (side == 0), parts[1] + (side == 1))
            cut = grid(spec.height, spec.width, *more, overlap, step)
            if prod(cut.shape) < prod(shape):
                break
        else:
            return
        parts, shape = more, cut.shape
        if prod(shape) <= STEP * smallest:
            smallest = prod(shape)
            yield Plan(1, cut)


def start_with(candidates: Iterator[Plan], needed: Callable[[Plan], int], free: int | None) -> Iterator[Plan]:
    """Leaves out plans that are estimated not to fit, and logs each; the last one is tried in any case.

    Args:
        candidates: Plans, as :func:`plans` returns them.
        needed: Function that estimates a plan's memory in bytes.
        free: Free memory of the device in bytes; None if unknown, and then every plan is tried.
    """
    plan = next(candidates)
    while free is not None and (need := needed(plan)) > free * MARGIN:
        smaller = next(candidates, None)
        if smaller is None:
            break
        _log.info(
            f"{plan} would need about {need / 1e9:.1f} GB, and the device has {free / 1e9:.1f} GB free; now {smaller}"
        )
        plan = smaller
    yield plan
    yield from candidates


def free_memory(device: torch.device) -> int | None:
    """Free memory of a device in bytes, PyTorch's reserve included; None for the processor."""
    if device.type == "cpu":
        return None
    free, _total = torch.accelerator.get_memory_info(device)
    reserved = torch.accelerator.memory_reserved(device) - torch.accelerator.memory_allocated(device)
    return int(free + reserved)


def estimate_bytes(network: nn.Module, spec: PlaneSpec, batch: int, settings: EngineSettings) -> int:
    """Device memory that running a network takes: weights, planes under way, and features at their peak.

    The features are counted as PyTorch would run the graph, operation by operation, on tensors without memory. TensorRT
    fuses operations and so takes less; how much less, only a build tells.

    Args:
        network: Network that maps RGB to RGB, float32; it is not changed.
        spec: Layout, depth and size of the planes; for tiles, those of a tile.
        batch: Number of frames at a time.
        settings: Precision and strength.
    """
    graph = PlanarGraph(copy.deepcopy(network), spec, settings).to("meta")
    weights = sum(tensor.nbytes for tensor in (*graph.parameters(), *graph.buffers()))
    planes = [torch.empty((batch, *shape), device="meta") for shape in spec.plane_shapes]
    with _PeakCounter() as counter, torch.no_grad():
        graph(*planes)
    samples = batch * sum(prod(shape) for shape in spec.plane_shapes)
    integers = 2 * SLOTS * samples * spec.dtype.itemsize
    peak: int = counter.peak
    return weights + integers + 4 * samples + peak  # 4: the planes as float32, made before the graph


class _PeakCounter(TorchDispatchMode):  # type: ignore[no-untyped-call]
    """Counts the bytes of all storages that operations make while it is on, as they come and go.

    Attributes:
        peak: Most bytes at any time.
    """

    def __init__(self) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.peak = self._now = 0
        self._known: set[int] = set()

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        given = {
            tensor.untyped_storage()._cdata  # noqa: SLF001 - PyTorch's own identity of a storage
            for tensor in torch.utils._pytree.tree_leaves((args, kwargs))  # noqa: SLF001
            if isinstance(tensor, torch.Tensor)
        }
        result = func(*args, **(kwargs or {}))
        for tensor in torch.utils._pytree.tree_leaves(result):  # noqa: SLF001
            if isinstance(tensor, torch.Tensor):
                self._count(tensor.untyped_storage(), given)
        return result

    def _count(self, storage: torch.UntypedStorage, given: set[int]) -> None:
        key = storage._cdata  # noqa: SLF001
        if key in given or key in self._known:
            return
        self._known.add(key)
        self._now += storage.nbytes()
        self.peak = max(self.peak, self._now)
        weakref.finalize(storage, self._forget, key, storage.nbytes())

    def _forget(self, key: int, size: int) -> None:
        self._known.discard(key)
        self._now -= size
