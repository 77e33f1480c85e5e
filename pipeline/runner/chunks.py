"""Chunks of frames and packets, as they travel from the decoder to the engine and on to the encoder."""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import av

from pipeline.media.frames import on_host, read_planes
from pipeline.runner.protocols import DeviceEngine, Neighbour
from pipeline.runner.skip import FrameAction

if TYPE_CHECKING:
    from collections.abc import Iterator

    from av.stream import Stream

    from network.planes import PlaneBatch
    from network.window.windows import Windows
    from pipeline.runner.protocols import Engine
    from pipeline.runner.skip import FrameGate
    from pipeline.runner.threads import Channel
    from pipeline.runner.timing import StageClock

MAX_EVENTS = 256
"""Most events in a chunk. A file that is badly interleaved brings its packets by the thousand."""


@dataclass(slots=True)
class Chunk:
    """At most one batch of frames for the engine, the frames between them that skip it, and the packets.

    Attributes:
        planes: Input of the engine before it ran, its output after that; None while there is no frame for it.
        filled: Number of frames that the engine makes.
        windows: Windows of those frames in ``planes``; None where they are the first ones in ``planes``.
        events: Frames and packets in order. The frames carry all that planes do not.
        decoded: Time at which each frame was decoded.
        actions: What becomes of each frame.
    """

    planes: PlaneBatch | None = None
    filled: int = 0
    windows: Windows | None = None
    events: list[av.VideoFrame | av.Packet[Stream]] = field(default_factory=list)
    decoded: list[float] = field(default_factory=list)
    actions: list[FrameAction] = field(default_factory=list)

    def is_full(self, batch: int) -> bool:
        """Whether the chunk has to go on, where the engine gets ``batch`` frames at a time.

        Frames that pass the engine by are no reason to wait for more than about a batch of those that do not.
        """
        return self.filled == batch or len(self.actions) == most_frames(batch) or len(self.events) >= MAX_EVENTS


def most_frames(batch: int) -> int:
    """Most frames of a chunk, those that pass the engine by included."""
    return 2 * batch - 1


def pad(batch: PlaneBatch, frames: int) -> None:
    """Repeats the last of ``frames`` frames to the end of the batch, so that the engine reads no old memory."""
    if frames < batch.size:
        for plane in batch.planes:
            plane[frames:] = plane[frames - 1]


class FrameLoader:
    """Puts frames into batches, and asks the gate about them.

    Args:
        engine: Engine that the batches are for.
        gate: Decision which frames the engine gets; None for all.
        on_device: Frames are on the device that decoded them: they go from there to an engine that takes them, without
            a look by the gate.
    """

    def __init__(self, engine: Engine, gate: FrameGate | None, *, on_device: bool) -> None:
        self._direct = engine if on_device and isinstance(engine, DeviceEngine) else None
        self.gate = gate if self._direct is None else None
        """The gate, where it is asked."""

    @property
    def is_direct(self) -> bool:
        """Whether the engine takes frames from the device that decoded them."""
        return self._direct is not None

    def put(self, frame: av.VideoFrame, planes: PlaneBatch, index: int) -> av.VideoFrame:
        """Puts a frame into a batch.

        Returns:
            The frame, whose samples can be put into other batches; in the processor's memory where the engine does not
            take it from the device.
        """
        if self._direct is not None:
            self._direct.load(frame, planes, index)
            return frame
        frame = on_host(frame)
        read_planes(frame, planes, index)
        return frame

    def decide(self, planes: PlaneBatch, index: int) -> FrameAction:
        """What becomes of a frame that was put into a batch."""
        return FrameAction.DEBLUR if self.gate is None else self.gate.decide(planes, index)

    def copy(self, frame: av.VideoFrame | None, source: tuple[PlaneBatch, int], target: tuple[PlaneBatch, int]) -> None:
        """Puts a frame that lies in a batch into another place, which may be of the same batch.

        Args:
            frame: The frame, on its device, where the engine takes it from there.
            source: Batch and place in which it lies.
            target: Batch and place to put it into.
        """
        if self._direct is not None and frame is not None:
            self._direct.load(frame, *target)
            return
        for old, new in zip(source[0].planes, target[0].planes, strict=True):
            new[target[1]] = old[source[1]]


class FrameChunks:
    """Makes chunks for an engine that sees each frame by itself. A frame that passes the engine by takes no place.

    Args:
        loader: What puts frames into batches.
        batch: Frames that the engine gets at a time.
        inputs: Batches of that size that are free.
        clock: Clock of the decoding stage.

    Attributes:
        frames: Number of frames so far.
    """

    def __init__(self, loader: FrameLoader, batch: int, inputs: Channel[PlaneBatch], clock: StageClock) -> None:
        self._loader, self._batch, self._inputs, self._clock = loader, batch, inputs, clock
        self.frames = 0

    def chunks(self, events: Iterator[av.VideoFrame | av.Packet[Stream] | Neighbour]) -> Iterator[Chunk]:
        """Yields the events of a source in chunks."""
        clock = self._clock
        chunk, planes = Chunk(), None
        while True:
            with clock.busy():
                event = next(events, None)
            if event is None:
                break
            if isinstance(event, Neighbour):
                continue
            if isinstance(event, av.VideoFrame):
                chunk.decoded.append(time.perf_counter())
                if planes is None:
                    with clock.waiting():
                        planes = self._inputs.get()
                with clock.busy():
                    # The samples of the result will replace those of the frame; its properties stay.
                    event = on_host(self._loader.put(event, planes, chunk.filled))
                    action = self._loader.decide(planes, chunk.filled)
                chunk.actions.append(action)
                if action is FrameAction.DEBLUR:
                    chunk.planes = planes
                    chunk.filled += 1
                self.frames += 1
            chunk.events.append(event)
            if chunk.is_full(self._batch):
                planes = None if chunk.planes is not None else planes
                yield chunk
                chunk = Chunk()
        if chunk.events:
            yield chunk
