"""Both ends of a measured run: a source that begins anew until its time is over, and a sink that looks at the clock."""

from __future__ import annotations

import time
from dataclasses import replace
from typing import TYPE_CHECKING

import av

from pipeline.decode.source import VideoSource

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from av.stream import Stream

    from network.planes import PlaneSpec
    from pipeline.job import SourceOptions
    from pipeline.media.source_info import SourceInfo
    from pipeline.runner.protocols import Sink


def without_copies(info: SourceInfo) -> SourceInfo:
    """The input as its video stream alone: what an output would copy is no part of a measurement."""
    return replace(info, copied=())


def endless_frames(path: Path, options: SourceOptions | None = None) -> Iterator[av.VideoFrame]:
    """The frames of a file again and again, in ascending time."""
    shift = 0
    while True:
        with VideoSource(path, options) as source:
            last = step = 0
            for event in source.events():
                if isinstance(event, av.VideoFrame) and event.pts is not None:
                    step = max(event.pts - last, 1)
                    last = event.pts
                    event.pts += shift
                    yield event
            shift += last + step


class LoopedSource:
    """The frames of a file again and again, for a bounded time.

    Args:
        path: Path of the file.
        seconds: Time in seconds, counted from the first frame; at least one frame comes.
        options: Options to read the file with.

    Attributes:
        spec: Kind and size of the frames.
        begun: Times of :func:`time.perf_counter` at which each frame was passed on.
    """

    def __init__(self, path: Path, seconds: float, options: SourceOptions | None = None) -> None:
        self._path, self._seconds, self._options = path, seconds, options
        self.begun: list[float] = []
        with VideoSource(path, options) as source:
            self._spec = source.info.spec

    @property
    def spec(self) -> PlaneSpec:
        """Kind and size of every frame."""
        return self._spec

    def events(self) -> Iterator[av.VideoFrame | av.Packet[Stream]]:
        """The frames."""
        for frame in endless_frames(self._path, self._options):
            now = time.perf_counter()
            if self.begun and now - self.begun[0] > self._seconds:
                return
            self.begun.append(now)
            yield frame


class TimedSink:
    """Passes everything on to another sink.

    Args:
        sink: Sink whose work is timed.

    Attributes:
        ended: Times of :func:`time.perf_counter` at which the sink had taken each frame.
    """

    def __init__(self, sink: Sink) -> None:
        self._sink = sink
        self.ended: list[float] = []

    def write_frame(self, frame: av.VideoFrame) -> None:
        """Has the frame encoded."""
        self._sink.write_frame(frame)
        self.ended.append(time.perf_counter())

    def write_packet(self, packet: av.Packet[Stream]) -> None:
        """Has the packet copied."""
        self._sink.write_packet(packet)

    def finish(self) -> None:
        """Completes the output."""
        self._sink.finish()
