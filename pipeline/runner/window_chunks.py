"""Chunks for an engine that looks at the neighbours of a frame."""

from __future__ import annotations

import time
from collections import deque
from dataclasses import dataclass
from typing import TYPE_CHECKING

import av
import numpy as np

from pipeline.media.frames import on_host
from pipeline.media.pyav18 import fraction
from pipeline.runner.chunks import MAX_EVENTS, Chunk, most_frames
from pipeline.runner.protocols import Neighbour
from pipeline.runner.skip import FrameAction

if TYPE_CHECKING:
    from collections.abc import Iterator
    from fractions import Fraction

    from av.stream import Stream
    from numpy.typing import NDArray

    from network.planes import PlaneBatch
    from pipeline.runner.chunks import FrameLoader
    from pipeline.runner.threads import Channel
    from pipeline.runner.timing import StageClock
    from pipeline.runner.windows import WindowPlaces

MOST_PACKETS = 4 * MAX_EVENTS
"""Most packets behind a frame that wait with it for its next neighbour; with more, it goes on without that neighbour.
In a badly interleaved file all the sound may come before the next frame."""


@dataclass(slots=True)
class _Waiting:
    """A frame that is to be handed on, in the processor's memory."""

    frame: av.VideoFrame
    action: FrameAction
    decoded: float


class WindowChunks:
    """Makes chunks for an engine with a window.

    Every frame but one that repeats the frame before takes a place in a batch, since others look at it. It is handed on
    when its neighbours are there or the source ends. What the next batch needs of one is copied to its beginning.

    Args:
        loader: What puts frames into batches.
        batch: Frames that the engine makes at a time.
        places: Places of the frames, of a stream that begins.
        inputs: Batches that are free, as large as :func:`batch_size` says. There are at least two, used in turn, so
            that the last one can still be read while the next one is filled.
        clock: Clock of the decoding stage.

    Attributes:
        frames: Number of frames so far, without those beside the part that the source gives.
    """

    def __init__(
        self,
        loader: FrameLoader,
        batch: int,
        places: WindowPlaces,
        inputs: Channel[PlaneBatch],
        clock: StageClock,
    ) -> None:
        self._loader, self._batch, self._places, self._inputs, self._clock = loader, batch, places, inputs, clock
        self._planes: PlaneBatch | None = None
        self._is_sent = self._is_used_up = False
        self._on_device: dict[int, av.VideoFrame] = {}  # by place: frames that the engine takes from there once more
        self._waiting: deque[_Waiting | av.Packet[Stream]] = deque()
        self._packets = 0
        self._chunk = Chunk()
        self._rows: list[NDArray[np.intp]] = []
        self.frames = 0

    def chunks(self, events: Iterator[av.VideoFrame | av.Packet[Stream] | Neighbour]) -> Iterator[Chunk]:
        """Yields the events of a source in chunks."""
        while True:
            with self._clock.busy():
                event = next(events, None)
            if event is None:
                break
            if isinstance(event, av.Packet):
                self._waiting.append(event)
                self._packets += 1
            else:
                self._add(event)
                self._packets = 0
            yield from self._hand_on(everything=self._packets > MOST_PACKETS)
        yield from self._hand_on(everything=True)
        if self._chunk.events:
            yield self._close()

    def _add(self, event: av.VideoFrame | Neighbour) -> None:
        """Puts a frame into the batch."""
        decoded = time.perf_counter()
        frame, is_beside = (event.frame, True) if isinstance(event, Neighbour) else (event, False)
        planes, places, loader = self._room(), self._places, self._loader
        with self._clock.busy():
            place = places.free
            source = loader.put(frame, planes, place)
            if is_beside:
                repeats = loader.gate is not None and loader.gate.repeats(planes, place)
            else:
                # The samples of the result will replace those of the frame; its properties stay.
                self._waiting.append(_Waiting(on_host(source), loader.decide(planes, place), decoded))
                repeats = loader.gate is not None and loader.gate.has_repeated
                self.frames += 1
            places.add(_time_of(frame), repeats=repeats, only_beside=is_beside)
            if not repeats and loader.is_direct:
                self._on_device[place] = source

    def _room(self) -> PlaneBatch:
        """The batch in which frames are placed now, with room for as many as a chunk takes."""
        old = self._planes
        if old is None or self._is_sent:
            with self._clock.waiting():
                self._planes = self._inputs.get()
            self._is_sent = False
        assert self._planes is not None, "a channel gives batches"
        if old is not None and self._is_used_up:
            with self._clock.busy():
                self._move(old, self._planes)
        self._is_used_up = False
        return self._planes

    def _move(self, old: PlaneBatch, new: PlaneBatch) -> None:
        """Copies the frames that are still needed to the beginning of a batch, which may be the one they are in."""
        frames, self._on_device = self._on_device, {}
        for source, target in self._places.move():
            if new is not old or target != source:
                self._loader.copy(frames.get(source), (old, source), (new, target))
            if source in frames:
                self._on_device[target] = frames[source]
        if self._loader.gate is not None:
            self._loader.gate.moved(new, self._places.newest)

    def _hand_on(self, *, everything: bool) -> Iterator[Chunk]:
        """Hands on what waits, as far as its neighbours are there, or all of it."""
        while self._waiting:
            event, chunk = self._waiting[0], self._chunk
            if isinstance(event, av.Packet):
                chunk.events.append(event)
            elif everything or self._places.is_ready:
                self._room()
                row = self._places.take()
                if event.action is FrameAction.DEBLUR:
                    self._rows.append(row)
                    chunk.filled += 1
                chunk.actions.append(event.action)
                chunk.decoded.append(event.decoded)
                chunk.events.append(event.frame)
            else:
                return
            self._waiting.popleft()
            if chunk.is_full(self._batch):
                yield self._close()

    def _close(self) -> Chunk:
        """The chunk as it goes on, and a new one in its place."""
        chunk, self._chunk = self._chunk, Chunk()
        if self._rows:
            chunk.planes, chunk.windows = self._planes, np.stack(self._rows)
            self._rows = []
            self._is_sent = True
        self._is_used_up = True
        return chunk


def batch_size(places: WindowPlaces, batch: int, *, may_pass: bool) -> int:
    """Size of the batches that the frames lie in.

    Args:
        places: Places of the frames.
        batch: Frames that the engine makes at a time.
        may_pass: Whether frames that nothing is made of may take places too.
    """
    return places.capacity(most_frames(batch) if may_pass else batch)


def _time_of(frame: av.VideoFrame) -> Fraction | None:
    base = fraction(frame.time_base)
    return None if frame.pts is None or base is None else frame.pts * base
