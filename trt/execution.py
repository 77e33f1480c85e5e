"""Batches through a compiled network while others are copied: upload, compute and download at the same time.

A batch of frames in host memory is cut into chunks of what the compiled network takes at a time. Each device has three
streams and two slots of device memory. While chunk *n* is computed in one slot, chunk *n + 1* goes up into the other
one and chunk *n - 1* comes down from it. Three rules keep chunks apart:

- a chunk goes up into a slot only when the chunk that was there before has been computed;
- it is computed when it has arrived, and when the results that the slot held before have been taken away, because
  PyTorch may give their memory to the new ones;
- its results come down when they are there.

Several devices take chunks in turn, each with its own compiled network.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Self

import torch

from trt.compiled import plane_dtype
from trt.streams import make_stream

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from types import TracebackType

    from torch import Tensor

    from trt.compiled import Compiled
    from trt.streams import Mark, Stream

SLOTS = 2
"""Number of chunks that are under way on a device: with two, copies of one hide behind the computation of the other."""

Planes = tuple["Tensor", ...]


@dataclass(slots=True)
class _Slot:
    """Device memory of one chunk.

    Attributes:
        inputs: Planes that the network reads.
        results: Planes that the network returned; kept until the slot's next results, so that PyTorch does not reuse
            their memory.
        computed: Mark after which the inputs have been read; None before the first use.
        downloaded: Mark after which the results have been read.
    """

    inputs: Planes
    results: Planes = ()
    computed: Mark | None = None
    downloaded: Mark | None = None


class Lane:
    """One device with its compiled network.

    Args:
        compiled: Compiled network.
        device: Device on which it computes.
        stream: Function that makes the streams.

    Raises:
        torch.OutOfMemoryError: If the device's memory does not suffice.
    """

    def __init__(
        self, compiled: Compiled, device: torch.device, stream: Callable[[torch.device], Stream] = make_stream
    ) -> None:
        self._compiled = compiled
        spec, dtype = compiled.spec, plane_dtype(compiled.spec)
        self._slots = [
            _Slot(
                tuple(torch.empty((compiled.batch, *shape), dtype=dtype, device=device) for shape in spec.plane_shapes)
            )
            for _ in range(SLOTS)
        ]
        self._upload, self._compute, self._download = (stream(device) for _ in range(3))
        self._next = 0
        if device.type != "cpu":
            # The memory may be what work on another stream has just let go of.
            torch.accelerator.synchronize(device)

    @property
    def compiled(self) -> Compiled:
        """The compiled network."""
        return self._compiled

    def enqueue(self, planes: Planes, out: Planes) -> None:
        """Starts a chunk; both may be touched again after :meth:`finish`.

        Args:
            planes: Frames in host memory, at most as many as the compiled network takes. The missing ones are filled up
                with the last one.
            out: Host memory for as many frames, which is overwritten.

        Raises:
            Exception: Whatever the device raises when work is queued on it.
        """
        slot = self._slots[self._next]
        self._next = (self._next + 1) % SLOTS

        def upload() -> None:
            for target, plane in zip(slot.inputs, planes, strict=True):
                frames = len(plane)
                target[:frames].copy_(plane, non_blocking=True)
                if frames < len(target):
                    target[frames:].copy_(target[frames - 1 : frames].expand(len(target) - frames, *target.shape[1:]))

        def compute() -> None:
            slot.results = self._compiled(slot.inputs)

        def download() -> None:
            for target, plane in zip(out, slot.results, strict=True):
                target.copy_(plane[: len(target)], non_blocking=True)

        if slot.computed is not None:
            self._upload.wait(slot.computed)
        self._upload.run(upload)
        self._compute.wait(self._upload.record())
        if slot.downloaded is not None:
            self._compute.wait(slot.downloaded)
        self._compute.run(compute)
        slot.computed = self._compute.record()
        self._download.wait(slot.computed)
        self._download.run(download)
        slot.downloaded = self._download.record()

    def finish(self) -> None:
        """Waits for all chunks.

        Raises:
            Exception: Whatever a chunk raised.
        """
        for slot in self._slots:
            if slot.downloaded is not None:
                slot.downloaded.synchronize()

    def recover(self) -> None:
        """After a failure: waits until nothing touches host memory any more, and forgets all chunks."""
        for stream in (self._upload, self._compute, self._download):
            stream.drain()
        for slot in self._slots:
            slot.results, slot.computed, slot.downloaded = (), None, None

    def close(self) -> None:
        """Ends the streams; the lane is of no use after that."""
        for stream in (self._upload, self._compute, self._download):
            stream.close()
        self._slots.clear()


class Execution:
    """Deblurs batches of any number of frames on one or several devices. A context manager.

    Args:
        lanes: Lanes, one for each device, all compiled for the same kind of frames. The execution closes them.

    Raises:
        ValueError: If there is no lane, or lanes differ.
    """

    def __init__(self, lanes: Sequence[Lane]) -> None:
        if len({(lane.compiled.spec, lane.compiled.batch) for lane in lanes}) != 1:
            raise ValueError("an execution needs one lane or more, all for the same frames and batch")
        self._lanes = list(lanes)

    def __enter__(self) -> Self:
        """The execution itself."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Ends it."""
        self.close()

    def run(self, planes: Planes, out: Planes) -> None:
        """Deblurs a batch, and returns when it is done.

        Args:
            planes: Frames in host memory, (batch, *plane shape) each; pinned if copies are to run beside computation.
            out: Other host memory of the same shapes, which is overwritten.

        Raises:
            torch.OutOfMemoryError: If a device's memory does not suffice. Nothing is under way any more after this
                and the next error, ``planes`` is as it was, and the execution can be used again.
            RuntimeError: If a device fails.
        """
        step = self._lanes[0].compiled.batch
        try:
            for index, first in enumerate(range(0, len(planes[0]), step)):
                chunk = slice(first, first + step)
                lane = self._lanes[index % len(self._lanes)]
                lane.enqueue(tuple(plane[chunk] for plane in planes), tuple(plane[chunk] for plane in out))
            for lane in self._lanes:
                lane.finish()
        except BaseException:
            for lane in self._lanes:
                lane.recover()
            raise

    def close(self) -> None:
        """Ends all streams and lets go of the device memory."""
        for lane in self._lanes:
            lane.close()
        self._lanes.clear()
