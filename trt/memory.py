"""How much device memory a network takes, and what is tried next where there is less."""

from __future__ import annotations

import logging
import weakref
from dataclasses import dataclass
from math import prod
from typing import TYPE_CHECKING, Any

import torch
from torch.utils._python_dispatch import TorchDispatchMode

from trt.compiled import TorchCompiled, empty_for
from trt.execution import SLOTS
from trt.programs import make_program
from trt.tiling import grid, grid_step, overlap_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from torch import nn

    from trt.settings import EngineSettings
    from trt.signature import Signature
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


def plans(signature: Signature, network: nn.Module) -> Iterator[Plan]:
    """What to try, each needing less memory than the one before: half the batch, then ever smaller tiles.

    Args:
        signature: What the network is compiled for; with the number of frames at a time to begin with.
        network: The network; its reach decides how much tiles overlap.
    """
    batch = signature.batch
    yield Plan(batch)
    while batch > 1:
        batch //= 2
        yield Plan(batch)
    try:
        overlap, step = overlap_of(network), grid_step(network)
    except ValueError:  # it sees the whole picture
        return
    whole = signature.size
    parts, shape = (1, 1), whole
    smallest = prod(shape)
    while max(parts) < MAX_PARTS:
        # The longer side is cut first: tiles near to squares overlap least.
        axis = int(shape[1] >= shape[0])
        for side in (axis, 1 - axis):
            more = (parts[0] + (side == 0), parts[1] + (side == 1))
            cut = grid(*whole, *more, overlap, step)
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


def estimate_bytes(network: nn.Module, signature: Signature, settings: EngineSettings, cut: Grid | None = None) -> int:
    """Device memory that running a network takes: weights, frames under way, and features at their peak.

    The features are counted as PyTorch would run the program, operation by operation, on tensors without memory.
    TensorRT fuses operations and so takes less; how much less, only a build tells.

    Args:
        network: The network, float32; it is not changed.
        signature: What it is compiled for, of whole frames.
        settings: Precision and strength.
        cut: Tiles of a frame; None for whole frames.
    """
    weights = 0

    def compiled(wanted: Signature) -> TorchCompiled:
        nonlocal weights
        made = TorchCompiled(wanted, network, settings, "meta")
        weights = sum(tensor.nbytes for tensor in (*made.module.parameters(), *made.module.buffers()))
        return made

    program = make_program(compiled, signature, cut)
    inputs = empty_for(program.inputs, "meta")
    with _PeakCounter() as counter:
        results = program(inputs)
    peak: int = counter.peak
    return weights + SLOTS * sum(tensor.nbytes for tensor in (*inputs, *results)) + peak


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
