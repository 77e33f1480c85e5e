"""Chunks through a program while others are copied: upload, compute and download at the same time.

Each device has three streams and two slots of device memory. While chunk *n* is computed in one slot, chunk *n + 1*
goes up into the other one and chunk *n - 1* comes down from it. Three rules keep chunks apart:

- a chunk goes up into a slot only when the chunk that was there before has been computed;
- it is computed when it has arrived, and when the results that the slot held before have been taken away, because
  PyTorch may give their memory to the new ones;
- its results come down when they are there.

Several devices take chunks in turn, each with its own program.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Self

import torch

from trt.compiled import empty_for
from trt.streams import make_stream

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence
    from types import TracebackType

    from torch import Tensor

    from trt.chunks import Chunk
    from trt.compiled import Program
    from trt.streams import Mark, Stream

SLOTS = 2
"""Number of chunks that are under way on a device: with two, copies of one hide behind the computation of the other."""


@dataclass(slots=True)
class _Slot:
    """Device memory of one chunk.

    Attributes:
        inputs: Tensors that the program reads.
        results: Planes that it returned; kept until the slot's next results, so that PyTorch does not reuse their
            memory.
        computed: Mark after which the inputs have been read; None before the first use.
        downloaded: Mark after which the results have been read.
    """

    inputs: tuple[Tensor, ...]
    results: tuple[Tensor, ...] = ()
    computed: Mark | None = None
    downloaded: Mark | None = None


class Lane:
    """One device with its program.

    Args:
        program: Program that runs there.
        device: The device.
        stream: Function that makes the streams.

    Raises:
        torch.OutOfMemoryError: If the device's memory does not suffice.
    """

    def __init__(
        self, program: Program, device: torch.device, stream: Callable[[torch.device], Stream] = make_stream
    ) -> None:
        self._program = program
        self._slots = [_Slot(empty_for(program.inputs, device)) for _ in range(SLOTS)]
        self._upload, self._compute, self._download = (stream(device) for _ in range(3))
        self._next = 0
        if device.type != "cpu":
            # The memory may be what work on another stream has just let go of.
            torch.accelerator.synchronize(device)

    @property
    def program(self) -> Program:
        """The program."""
        return self._program

    def enqueue(self, chunk: Chunk) -> None:
        """Starts a chunk; its memory may be touched again after :meth:`finish`.

        Args:
            chunk: Inputs of the program and memory for its results. Where an input is shorter than the program takes,
                it is filled up with its last row.

        Raises:
            Exception: Whatever the device raises when work is queued on it.
        """
        slot = self._slots[self._next]
        self._next = (self._next + 1) % SLOTS

        def upload() -> None:
            frames = len(chunk.planes)
            for target, plane in zip(slot.inputs[:frames], chunk.planes, strict=True):
                _copy_rows(target, plane, chunk.places)
            for target, other in zip(slot.inputs[frames:], chunk.others, strict=True):
                _copy_rows(target, other, range(len(other)))

        def compute() -> None:
            slot.results = self._program(slot.inputs)

        def download() -> None:
            for target, plane in zip(chunk.out, slot.results, strict=True):
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
    """Runs chunks on one or several devices. A context manager.

    Args:
        lanes: Lanes, one for each device, all for the same inputs. The execution closes them.

    Raises:
        ValueError: If there is no lane, or lanes differ.
    """

    def __init__(self, lanes: Sequence[Lane]) -> None:
        if len({lane.program.inputs for lane in lanes}) != 1:
            raise ValueError("an execution needs one lane or more, all for the same inputs")
        self._lanes = list(lanes)

    def __enter__(self) -> Self:
        """The execution itself."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Ends it."""
        self.close()

    def run(self, chunks: Iterable[Chunk]) -> None:
        """Runs chunks, and returns when all are done.

        Args:
            chunks: Chunks for the program; each is asked for when the one before has been started. Host memory has to
                be pinned if copies are to run beside computation.

        Raises:
            torch.OutOfMemoryError: If a device's memory does not suffice. Nothing is under way any more after this
                and the next error, the chunks' inputs are as they were, and the execution can be used again.
            RuntimeError: If a device fails.
        """
        try:
            for index, chunk in enumerate(chunks):
                self._lanes[index % len(self._lanes)].enqueue(chunk)
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


def _copy_rows(target: Tensor, source: Tensor, places: Sequence[int]) -> None:
    """Copies some rows, run by run of those that follow each other, and fills up the target with the last one."""
    at = 0
    while at < len(places):
        end = at + 1
        while end < len(places) and places[end] == places[end - 1] + 1:
            end += 1
        target[at:end].copy_(source[places[at] : places[end - 1] + 1], non_blocking=True)
        at = end
    if at < len(target):
        target[at:].copy_(target[at - 1 : at].expand(len(target) - at, *target.shape[1:]))
