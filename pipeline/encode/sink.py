"""Writing frames to a file, with the encoder and the muxer together."""

from __future__ import annotations

from typing import TYPE_CHECKING, BinaryIO

from pipeline.encode.muxer import Muxer
from pipeline.encode.output_file import writing_errors
from pipeline.encode.video_encoder import VideoEncoder

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    import av
    from av.stream import Stream

    from pipeline.encode.encoder_plan import EncoderPlan
    from pipeline.job import SinkOptions
    from pipeline.media.source_info import SourceInfo
    from pipeline.notes import Note


class VideoSink:
    """An output that takes frames and packets.

    It writes one coded frame for each frame that it takes. Call ``finish`` at the end, or ``abandon`` at any time. A
    file under the final name is always complete.

    Attributes:
        frames: Number of frames taken so far.
    """

    def __init__(self, path: Path | BinaryIO, info: SourceInfo, options: SinkOptions | None = None) -> None:
        """Plans the output and opens it.

        Args:
            path: Path of a file, or a file object (which may be a pipe, and is not closed).
            info: Description of the input that frames and packets come from.
            options: Options for writing the output.

        Raises:
            UsageError: If the options contradict each other or do not fit the container, if the output is the input,
                or if another process is writing it.
            OutputError: If the output can't be created, or if it exists and ``overwrite`` is off.
        """
        self._muxer = Muxer(path, info, options)
        muxer = self._muxer
        if muxer.has_encoder:
            self._encoder = VideoEncoder(muxer.container, muxer.video, muxer.plan, info)
        else:
            self._encoder = VideoEncoder.alone(muxer.plan, info, muxer.container.format.name)
        self.frames = 0

    @property
    def name(self) -> str:
        """Name of the output, for messages."""
        return self._muxer.name

    @property
    def plan(self) -> EncoderPlan:
        """Encoder and settings of the video."""
        return self._muxer.plan

    @property
    def notes(self) -> list[Note]:
        """Notes for the user, one line each; see :attr:`pipeline.encode.muxer.Muxer.notes`."""
        return self._muxer.notes

    def events(
        self, events: Iterator[av.VideoFrame | av.Packet[Stream]]
    ) -> Iterator[av.VideoFrame | av.Packet[Stream]]:
        """Fits the frames of a source to the container; see :meth:`pipeline.encode.muxer.Muxer.events`."""
        return self._muxer.events(events)

    def write_frame(self, frame: av.VideoFrame) -> None:
        """Encodes a frame at its own time.

        Args:
            frame: Frame in the source's native format and size, with ``pts`` and ``time_base`` set. Only its picture
                type is changed.

        Raises:
            OutputError: If the output can't be written.
        """
        self.frames += 1
        with writing_errors(self.name):
            packets = self._encoder.encode(frame)
        for packet in packets:
            self._muxer.write_video(packet)

    def write_packet(self, packet: av.Packet[Stream]) -> None:
        """Copies a packet of another stream. The packet can't be used again.

        A packet of a stream that is left out is ignored.

        Raises:
            OutputError: If the output can't be written.
        """
        self._muxer.write_packet(packet)

    def finish(self) -> None:
        """Flushes the encoder, closes the output and gives it its final name; does nothing if the output is closed.

        Raises:
            OutputError: If the output can't be written, or if another program has created the file meanwhile.
        """
        if self._muxer.is_closed:
            return
        try:
            with writing_errors(self.name):
                packets = self._encoder.flush()
            for packet in packets:
                self._muxer.write_video(packet)
        except BaseException:
            self.abandon()
            raise
        self._muxer.finish()
        self._close_encoder()

    def abandon(self) -> None:
        """Closes the output and deletes what was written; does nothing if the output is finished."""
        self._muxer.abandon()
        self._close_encoder()

    def _close_encoder(self) -> None:
        if not self._muxer.has_encoder:
            self._encoder.close()
