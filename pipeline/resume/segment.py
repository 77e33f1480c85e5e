"""Makes one segment: deblurs its frames, encodes them, and says what came of it."""

from __future__ import annotations

import time
from collections import deque
from typing import TYPE_CHECKING

import av

from pipeline.resume.cutter import SegmentSource
from pipeline.resume.manifest import SegmentRecord
from pipeline.resume.segment_sink import SegmentSink
from pipeline.runner.run import free_leftovers, run
from pipeline.runner.skip import FrameGate
from pipeline.runner.timing import LatencyHistogram

if TYPE_CHECKING:
    import threading
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from av.stream import Stream

    from pipeline.job import GateOptions
    from pipeline.resume.encoders import SegmentEncoders
    from pipeline.resume.joined_sink import JoinedSink
    from pipeline.runner.protocols import Engine, Neighbour, Source
    from pipeline.runner.timing import RunProgress, RunResult


class SegmentMaker:
    """Makes segments of one input, one after the other.

    Args:
        source: The input that frames and packets come from.
        encoders: Factory of each segment's encoder.
        engine: Engine that deblurs the frames.
        batch: Number of frames that the engine gets at a time.
        gate: Which frames pass the network by; each segment begins anew.
        joined: Output that takes the encoded frames; None if another process joins the segments.

    Attributes:
        latency: Counter of the time from decoding to encoding of each frame.
    """

    def __init__(
        self,
        source: Source,
        encoders: SegmentEncoders,
        engine: Engine,
        batch: int,
        gate: GateOptions,
        joined: JoinedSink | None = None,
    ) -> None:
        self._source, self._encoders, self._joined = source, encoders, joined
        self._engine, self._batch, self._gate = engine, batch, gate
        self.latency = LatencyHistogram()

    def make(
        self,
        number: int,
        path: Path,
        events: Iterator[av.VideoFrame | av.Packet[Stream] | Neighbour],
        on_progress: Callable[[RunProgress], None],
        on_stop: Callable[[], None] = lambda: None,
        cancel: threading.Event | None = None,
    ) -> tuple[SegmentRecord, RunResult]:
        """Makes one segment.

        Args:
            number: Number of the segment, from 0.
            path: Path of the segment's file.
            events: Frames and packets of the segment, and the frames beside it that the engine looks at.
            on_progress: Function that is called about ten times a second.
            on_stop: Function that is called if the run is interrupted or cancelled when the segment is nearly complete.
            cancel: Ends the run when it is set.

        Returns:
            The segment, complete on the disk, and how the run went.
        """
        free_leftovers()  # of the segment before
        source = self._source
        damage = source.corrupt_packets, source.corrupt_frames
        decoded: deque[float] = deque()
        gate = FrameGate(source.spec, self._gate)
        sink = SegmentSink(self._encoders, path, self._joined, decoded, self.latency)
        try:
            result = run(
                SegmentSource(source.spec, _stamped(events, decoded)),
                self._engine,
                sink,
                batch=self._batch,
                gate=gate,
                interval=source.info.interval,
                on_device=source.info.is_on_device,
                on_progress=on_progress,
                on_stop=on_stop,
                cancel=cancel,
            )
        finally:
            sink.abandon()  # after a complete run there is nothing to abandon
        assert sink.digest is not None, "a run that ended well has finished its sink"
        assert sink.first_pts is not None, "a run that ended well has had a frame"
        record = SegmentRecord(
            number=number,
            frames=sink.frames,
            first_pts=sink.first_pts,
            last_pts=sink.last_pts,
            size=sink.digest.size,
            sha256=sink.digest.sha256,
            duplicates=gate.duplicates,
            sharp=gate.sharp,
            corrupt_packets=source.corrupt_packets - damage[0],
            corrupt_frames=source.corrupt_frames - damage[1],
        )
        return record, result


def _stamped(
    events: Iterator[av.VideoFrame | av.Packet[Stream] | Neighbour], decoded: deque[float]
) -> Iterator[av.VideoFrame | av.Packet[Stream] | Neighbour]:
    """The events; the time at which each frame of the segment was decoded is recorded."""
    for event in events:
        if isinstance(event, av.VideoFrame):
            decoded.append(time.perf_counter())
        yield event
