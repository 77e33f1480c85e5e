"""The output that segments are joined into as they come, and the encoder of one segment."""

from __future__ import annotations

import contextlib
import io
import time
from typing import TYPE_CHECKING, Any

import av
import av.error
from av.video.frame import PictureType

from pipeline.encode.container import MOV_FAMILY
from pipeline.encode.sink import VideoSink
from pipeline.encode.video_encoder import FrameClock
from pipeline.errors import OutputError
from pipeline.resume.segment_file import CodedFrame, Seal, SegmentWriter
from pipeline.system.scheduling import ordinary_scheduling

if TYPE_CHECKING:
    from collections import deque
    from collections.abc import Iterable
    from pathlib import Path

    from av.stream import Stream

    from pipeline.decode.source import VideoSource
    from pipeline.job import SinkOptions
    from pipeline.runner.timing import LatencyHistogram


class JoinedSink(VideoSink):
    """A video sink that takes frames which are encoded already, segment by segment.

    Its own encoder is opened for the header of the container, and never gets a frame.
    """

    def __init__(self, path: Path, source: VideoSource, options: SinkOptions | None = None) -> None:
        """Plans the output and opens it; see :class:`pipeline.encode.sink.VideoSink`."""
        super().__init__(path, source, options)
        # Where the container has a constant rate, encoders count frames, and each segment's begins at 0.
        self._is_numbered = self.plan.counts_frames and not self._restores
        self._base = self.plan.time_base if self._is_numbered else source.time_base
        self._first_of_segment = 0
        self._last_dts: int | None = None
        self._first_dts = self._begin = self._end = 0

    @property
    def header(self) -> bytes:
        """What the decoder has to know beforehand, such as the parameter sets of H.264; empty for some codecs."""
        return bytes(self._video.codec_context.extradata or b"")

    def begin_segment(self) -> None:
        """Takes the frames that come for the first ones of the next segment."""
        self._first_of_segment = self.frames

    def encoder(self, stop: contextlib.ExitStack) -> tuple[av.VideoStream, FrameClock]:
        """A new encoder with the settings of the output's own, and a clock for it.

        Args:
            stop: Ends the encoder.
        """
        scratch = av.open(io.BytesIO(), "w", format=self._container.format.name)
        stop.callback(_close, scratch)
        stream: Any = scratch.add_stream(self.plan.encoder, rate=self.plan.rate)
        self.plan.configure(stream.codec_context, self._source)
        return stream, FrameClock(self.plan, self._source.time_base, restore=self._restores)

    def fit(self, frame: av.VideoFrame) -> av.VideoFrame:
        """The frame in the encoder's format and size."""
        return self._fitter.fit(frame)

    def coded(self, packet: av.Packet[Any], clock: FrameClock) -> CodedFrame:
        """What the encoder put out, at the time of its frame."""
        clock.leave(packet)
        if packet.pts is None:
            raise OutputError(f"{self.plan.encoder} lost the time of a frame; choose another `codec`", field="codec")
        dts = packet.pts if packet.dts is None else packet.dts
        return CodedFrame(packet.pts, dts, packet.duration or 0, packet.is_keyframe, bytes(packet))

    def write_coded(self, frame: CodedFrame) -> None:
        """Writes one encoded frame of the segment.

        Raises:
            OutputError: If the output can't be written.
        """
        self.frames += 1
        shift = self._first_of_segment if self._is_numbered else 0
        pts, dts = frame.pts + shift, frame.dts + shift
        if self._last_dts is None:
            self._first_dts, self._begin, self._end = dts, pts, pts
        else:
            # An encoder that begins anew makes up the first decoding times, which may reach into the segment before.
            dts = min(max(dts, self._last_dts + 1), pts)
        self._last_dts = dts
        self._begin, self._end = min(self._begin, pts), max(self._end, pts + frame.duration)
        packet: av.Packet[Any] = av.Packet(frame.data)
        packet.pts, packet.dts, packet.duration = pts, dts, frame.duration
        packet.time_base = self._base
        packet.is_keyframe = frame.is_keyframe
        with self.translated():
            self._mux_video([packet])

    def translated(self) -> contextlib.AbstractContextManager[None]:
        """Turns errors of the libraries into those that a user understands."""
        return self._translated()

    def _flush_video(self) -> None:
        last, self._waiting = self._waiting, None
        if last is None:
            return
        if self._container.format.name in MOV_FAMILY and last.dts is not None:
            # As FrameClock.stretch does for an output in one piece: the track is as long as its frames are shown.
            last.duration = max(self._end - self._begin - (last.dts - self._first_dts), last.duration or 0)
        self._container.mux_one(last)


class SegmentSink:
    """Encodes one segment into a file of its own and, at the same time, into the joined output.

    Attributes:
        frames: Encoded so far.
        first_pts: Time stamp of the first frame, in ticks of the source.
        last_pts: Time stamp of the last frame.
        seal: Of the file, once it is finished.
    """

    def __init__(self, joined: JoinedSink, path: Path, decoded: deque[float], latency: LatencyHistogram) -> None:
        """Opens the encoder and the file.

        Args:
            joined: The output; takes the encoded frames, and the packets to copy.
            path: Of the segment's file.
            decoded: When each frame on its way was decoded, as ``time.perf_counter`` tells; each takes the first item
                with it.
            latency: Counts how long frames were on their way.

        Raises:
            OutputError: If the file can't be created.
        """
        self._joined, self._decoded, self._latency = joined, decoded, latency
        self._stop = contextlib.ExitStack()
        self.frames = self._coded = 0
        self.first_pts: int | None = None
        self.last_pts = 0
        self.seal: Seal | None = None
        joined.begin_segment()
        with joined.translated():
            self._stream, self._clock = joined.encoder(self._stop)
            self._file = SegmentWriter(path)

    def write_frame(self, frame: av.VideoFrame) -> None:
        """Encodes one frame.

        Raises:
            OutputError: If it can't be written.
        """
        fitted = self._joined.fit(frame)
        fitted.pict_type = PictureType.NONE
        if fitted.pts is None:
            raise ValueError("a frame without a time stamp can't be written")
        self.first_pts = fitted.pts if self.first_pts is None else self.first_pts
        self.last_pts = fitted.pts
        self.frames += 1
        times = (fitted.pts, fitted.duration, fitted.time_base)
        self._clock.enter(fitted)
        with self._joined.translated(), ordinary_scheduling() if self.frames == 1 else contextlib.nullcontext():
            self._take(self._stream.encode(fitted))  # the first frame opens the encoder
        fitted.pts, fitted.duration, fitted.time_base = times
        self._latency.add(time.perf_counter() - self._decoded.popleft())

    def write_packet(self, packet: av.Packet[Stream]) -> None:
        """Copies one packet.

        Raises:
            OutputError: If it can't be written.
        """
        self._joined.write_packet(packet)

    def finish(self) -> None:
        """Completes the file, on the disk when this returns.

        Raises:
            OutputError: If it can't be written, or the encoder did not give back every frame.
        """
        with self._joined.translated():
            self._take(self._stream.encode(None))
            if self._coded != self.frames:
                encoder = self._joined.plan.encoder
                raise OutputError(
                    f"{encoder} gave {self._coded} of {self.frames} frames back; choose another `codec`, or write in "
                    "one piece by `segments=None`",
                    field="codec",
                )
            if bytes(self._stream.codec_context.extradata or b"") != self._joined.header:
                raise OutputError(
                    f"the segments of {self._joined.plan.encoder} can't be joined; write in one piece by "
                    "`segments=None`",
                    field="segments",
                )
            self.seal = self._file.commit()
        self._stop.close()

    def abandon(self) -> None:
        """Closes all and deletes what was written, unless it is finished."""
        self._stop.close()
        self._file.discard()

    def _take(self, packets: Iterable[av.Packet[Any]]) -> None:
        for packet in packets:
            frame = self._joined.coded(packet, self._clock)
            self._file.write(frame)
            self._joined.write_coded(frame)
            self._coded += 1


def _close(container: av.container.OutputContainer) -> None:
    # A container of which no header was written has nothing to close properly.
    with contextlib.suppress(av.error.FFmpegError, OSError, ValueError):
        container.close()
