"""The output of one segment: an encoder and a file."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

from pipeline.encode.output_file import writing_errors
from pipeline.errors import OutputError
from pipeline.media.alpha import beside
from pipeline.resume.segment_file import CodedFrame, FileDigest, SegmentWriter

if TYPE_CHECKING:
    from collections import deque
    from pathlib import Path

    import av
    from av.stream import Stream

    from pipeline.resume.encoders import SegmentEncoders
    from pipeline.resume.joined_sink import JoinedSink
    from pipeline.runner.timing import LatencyHistogram


class SegmentSink:
    """Encodes one segment into a file of its own and, where there is one, at the same time into the joined output.

    Attributes:
        frames: Number of frames encoded so far.
        first_pts: Time stamp of the first frame, in ticks of the source.
        last_pts: Time stamp of the last frame, in ticks of the source.
        digest: Size and digest of the file, once it is finished.
    """

    def __init__(
        self,
        encoders: SegmentEncoders,
        path: Path,
        joined: JoinedSink | None,
        decoded: deque[float],
        latency: LatencyHistogram,
    ) -> None:
        """Opens the encoder and the file.

        Args:
            encoders: Factory of the encoder.
            path: Path of the segment's file.
            joined: Output that takes the coded frames and the packets to copy; None if another process joins the
                segments.
            decoded: Times of ``time.perf_counter`` at which frames were decoded; each encoded frame removes the first
                item.
            latency: Counter of the time from decoding to encoding of each frame.

        Raises:
            OutputError: If the file can't be created, or the encoder not opened.
        """
        self._encoders, self._joined, self._decoded, self._latency = encoders, joined, decoded, latency
        self.frames = self._coded = 0
        self.first_pts: int | None = None
        self.last_pts = 0
        self.digest: FileDigest | None = None
        self._encoder = encoders.make()
        try:
            with writing_errors(encoders.name):
                self._file = SegmentWriter(path)
        except BaseException:
            self._encoder.close()
            raise

    def write_frame(self, frame: av.VideoFrame) -> None:
        """Encodes one frame.

        Raises:
            OutputError: If it can't be written.
        """
        with writing_errors(self._encoders.name):
            packets = self._encoder.encode(frame)
        self.last_pts = frame.pts or 0
        self.first_pts = self.last_pts if self.first_pts is None else self.first_pts
        self.frames += 1
        self._take(packets)
        self._latency.add(time.perf_counter() - self._decoded.popleft())

    def write_packet(self, packet: av.Packet[Stream]) -> None:
        """Copies one packet to the joined output; nothing where the segment is joined by others.

        Raises:
            OutputError: If it can't be written.
        """
        if self._joined is not None:
            self._joined.write_packet(packet)

    def finish(self) -> None:
        """Completes the file, which is on the disk when this returns.

        Raises:
            OutputError: If it can't be written, or the encoder did not give back every frame.
        """
        encoder, name = self._encoders.plan.encoder, self._encoders.name
        with writing_errors(name):
            packets = self._encoder.flush()
        self._take(packets)
        if self._coded != self.frames:
            raise OutputError(
                f"{encoder} gave {self._coded} of {self.frames} frames back; choose another `codec`, or write in "
                "one piece by `segments=None`",
                field="codec",
            )
        if self._encoder.header != self._encoders.header:
            raise OutputError(
                f"the segments of {encoder} can't be joined; write in one piece by `segments=None`", field="segments"
            )
        with writing_errors(name):
            self.digest = self._file.commit()
        self._encoder.close()

    def abandon(self) -> None:
        """Closes all and deletes what was written, unless it is finished."""
        self._encoder.close()
        self._file.discard()

    def _take(self, packets: list[av.Packet[Any]]) -> None:
        for packet in packets:
            frame = self._coded_frame(packet)
            with writing_errors(self._encoders.name):
                self._file.write(frame)
            if self._joined is not None:
                self._joined.write_coded(frame)
            self._coded += 1

    def _coded_frame(self, packet: av.Packet[Any]) -> CodedFrame:
        if packet.pts is None:
            encoder = self._encoders.plan.encoder
            raise OutputError(f"{encoder} lost the time of a frame; choose another `codec`", field="codec")
        dts = packet.pts if packet.dts is None else packet.dts
        times = packet.pts, dts, packet.duration or 0
        return CodedFrame(*times, packet.is_keyframe, bytes(packet), beside(packet))
