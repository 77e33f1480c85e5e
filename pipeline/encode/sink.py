"""The output: frames encoded, packets copied, under a temporary name until all is written."""

from __future__ import annotations

import contextlib
import errno
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO

import av
import av.error
from av.stream import Disposition
from av.video.frame import PictureType

from pipeline.encode.container import MOV_FAMILY, container_tags, plan_muxer, video_tags
from pipeline.encode.output_file import OutputTarget
from pipeline.encode.plan import keeps_times, plan_encoder
from pipeline.encode.stream_copy import add_copy, add_cover, plan_copies, takes_packet
from pipeline.encode.video_encoder import FrameClock, FrameFitter
from pipeline.errors import OutputError, UsageError
from pipeline.job import SinkOptions
from pipeline.media.pyav18 import open_media
from pipeline.media.side_data import lost_side_data
from pipeline.media.stream_names import describe
from pipeline.media.tags import tags_of
from pipeline.media.timestamps import Timeline
from pipeline.system.scheduling import ordinary_scheduling

if TYPE_CHECKING:
    from collections.abc import Iterator

    from av.container import OutputContainer
    from av.stream import Stream

    from pipeline.decode.source import VideoSource


@dataclass(slots=True)
class _Copy:
    source: Stream
    stream: Stream
    timeline: Timeline
    tag: str
    is_proven: bool = False
    refused: int = 0


class VideoSink:
    """An output that is open, its header written under a temporary name.

    One encoded frame is written for each frame that comes in. Call ``finish`` at the end or ``abandon`` at any time;
    a file under the final name is always complete.

    Attributes:
        name: Of the output, for messages.
        path: Of the output; None if it is a file object.
        plan: How the video is encoded.
        notes: What changes or can't be carried, one line each. Complete before the first frame, but for what only
            the packets tell (those that the container refuses), which ``finish`` adds.
        frames: Frames taken so far.
    """

    def __init__(self, path: Path | BinaryIO, source: VideoSource, options: SinkOptions | None = None) -> None:
        """Plans the output and opens it.

        Args:
            path: A file, or a file object (which may be a pipe, and is not closed).
            source: Where frames and packets come from.
            options: How to write.

        Raises:
            UsageError: If the options fit neither each other nor the container, or the output is the input.
            OutputError: If the output can't be created, or exists and is not to be overwritten.
        """
        self._options = options or SinkOptions()
        self._source = source
        if not isinstance(path, Path) and self._options.format is None:
            raise UsageError("an output without a file name needs `format`, such as `format` matroska", field="format")
        self.path = path if isinstance(path, Path) else None
        self.notes: list[str] = []
        self.frames = 0
        self._done = False
        self._copies: dict[int, _Copy] = {}
        self._waiting: av.Packet[Any] | None = None
        self._target = OutputTarget(path, source.path, overwrite=self._options.overwrite)
        self.name = self._target.name
        try:
            self._container = self._create()
        except BaseException:
            self._target.discard()
            raise

    def write_frame(self, frame: av.VideoFrame) -> None:
        """Encodes a frame at its own time.

        Args:
            frame: In the source's native format and size; ``pts`` and ``time_base`` are set. It is as before
                afterwards, but for its picture type.

        Raises:
            OutputError: If the output can't be written.
        """
        self.frames += 1
        fitted = self._fitter.fit(frame)
        fitted.pict_type = PictureType.NONE
        times = (fitted.pts, fitted.duration, fitted.time_base)
        self._clock.enter(fitted)
        with self._translated():
            self._mux_video(self._video.encode(fitted))
        fitted.pts, fitted.duration, fitted.time_base = times

    def write_packet(self, packet: av.Packet[Stream]) -> None:
        """Copies a packet of another stream, which is used up; one of a stream that is left out is ignored.

        Raises:
            OutputError: If the output can't be written.
        """
        copy = self._copies.get(packet.stream.index)
        if copy is None:
            return
        if not copy.is_proven or packet.has_sidedata("new_extradata"):
            if not takes_packet(self._container.format.name, copy.source, copy.tag, packet):
                copy.refused += 1
                return
            copy.is_proven = True
        packet.stream = copy.stream
        if packet.dts is None:
            packet.dts = packet.pts
        if packet.dts is not None:
            placed = copy.timeline.place(packet.dts, duration=packet.duration)
            if packet.pts is not None and placed != packet.dts:
                # The presentation time moves along, so that a repair never turns it before the decoding time.
                packet.pts = max(packet.pts + placed - packet.dts, placed)
            packet.dts = placed
        try:
            with self._translated():
                self._container.mux_one(packet)
        except OutputError as error:
            if not isinstance(error.__cause__, (av.error.ArgumentError, av.error.InvalidDataError)):
                raise
            copy.refused += 1  # a fault of this packet, not of the output

    def finish(self) -> None:
        """Flushes the encoder, closes the output and gives it its final name.

        Raises:
            OutputError: If the output can't be written or has come to exist meanwhile.
        """
        if self._done:
            return
        try:
            with self._translated():
                self._flush_video()
                self._container.close()
            self._target.commit()
        except BaseException:
            self.abandon()
            raise
        self._done = True
        for copy in self._copies.values():
            if copy.refused:
                self.notes.append(f"{copy.refused} packets of {describe(copy.source)} were refused by the container")
            if copy.timeline.jumps:
                self.notes.append(f"the clock of {describe(copy.source)} jumped back; the rest was moved up")

    def abandon(self) -> None:
        """Closes the output and deletes what was written; does nothing once it is finished."""
        if self._done:
            return
        self._done = True
        with contextlib.suppress(av.error.FFmpegError, OSError, ValueError):
            self._container.close()
        self._target.discard()

    def _mux_video(self, packets: list[av.Packet[Any]]) -> None:
        for packet in packets:
            self._clock.leave(packet)
            packet.stream = self._video
            # One packet waits, because the last one needs a duration of its own.
            waiting, self._waiting = self._waiting, packet
            if waiting is not None:
                self._container.mux_one(waiting)

    def _flush_video(self) -> None:
        self._mux_video(self._video.encode(None))
        if self._waiting is not None:
            if self._container.format.name in MOV_FAMILY:
                self._clock.stretch(self._waiting)
            self._container.mux_one(self._waiting)

    def _create(self) -> OutputContainer:
        source, options = self._source, self._options
        scratch = self._open({})  # opening writes nothing yet
        if scratch.format.no_file:
            raise UsageError(f"{scratch.format.name} is not one file; choose a container such as .mp4 or .mkv")
        self.plan = plan_encoder(source, scratch, options.codec, options.crf, options.preset, options.bitrate)
        copies = plan_copies(source, scratch.format.name)
        muxer = plan_muxer(source, scratch.format.name, self.plan.codec, seekable=self._target.seekable)
        self.notes += (*self.plan.notes, *copies.notes, *muxer.notes)
        lost = lost_side_data(self.plan.encoder, source.first_frame)
        if lost:
            self.notes.append(f"{self.plan.encoder} can't write {', '.join(lost)}; left out")

        container = self._open(muxer.options)
        container.metadata.update(container_tags(tags_of(source.container)))
        container.set_chapters(source.chapters)
        self._restores = keeps_times(container)
        tags = {stream.index: tag for stream, tag in copies.streams}
        covers = {stream.index for stream in copies.covers}
        for stream in source.container.streams:
            if stream.index == source.stream.index:
                self._video = self._add_video(container)
            elif stream.index in covers:
                add_cover(container, stream, bytes(source.cover_packets[stream.index]))
            elif stream.index in tags:
                jump = round(10 / stream.time_base) if stream.time_base else 10**6
                copy = add_copy(container, stream, tags[stream.index])
                self._copies[stream.index] = _Copy(
                    stream,
                    copy,
                    Timeline(1, jump),
                    tags[stream.index],
                    is_proven=stream.type not in ("audio", "video"),  # a sample of others was tried by the plan
                )
        self._fitter = FrameFitter(self.plan, source.spec)
        self._clock = FrameClock(self.plan, source.time_base, restore=self._restores)
        with self._translated(), ordinary_scheduling():
            container.start_encoding()
        self._note_times(container)
        return container

    def _open(self, muxer: dict[str, str]) -> OutputContainer:
        target, name = self._target.opened, self._options.format
        try:
            return open_media(
                str(target) if isinstance(target, Path) else target,
                "w",
                format=name,
                container_options=muxer,
            )
        except (ValueError, av.error.FFmpegError) as error:
            if name:
                raise UsageError(f"unknown `format` {name!r}; try mp4, matroska or webm", field="format") from error
            raise UsageError(
                f"{self.name}: its extension names no video container; use .mp4, .mkv or .webm, or add `format`",
                field="format",
            ) from error

    def _add_video(self, container: OutputContainer) -> av.VideoStream:
        source, plan = self._source, self.plan
        stream: Any = container.add_stream(plan.encoder, rate=plan.rate)
        plan.configure(stream.codec_context, source)
        stream.time_base = source.time_base if self._restores else plan.time_base
        if container.format.name in MOV_FAMILY and plan.codec == "hevc":
            stream.codec_context.codec_tag = "hvc1"  # the only one that Apple's players take
        stream.metadata.update(video_tags(source.stream))
        stream.disposition = source.stream.disposition & ~Disposition.attached_pic
        if source.display_matrix:
            stream.set_display_matrix(source.display_matrix)
        return stream  # type: ignore[no-any-return]

    def _note_times(self, container: OutputContainer) -> None:
        base, wanted, name = self._video.time_base, self._source.time_base, container.format.name
        if not self._restores:
            rate = float(self.plan.rate)
            self.notes.append(f"{name} keeps a constant frame rate: frames come at {rate:.3f} a second")
        elif base and (wanted / base).denominator != 1:
            self.notes.append(f"{name} keeps times in steps of {base} s; times are rounded to it")

    @contextlib.contextmanager
    def _translated(self) -> Iterator[None]:
        try:
            yield
        except BrokenPipeError as error:
            raise OutputError(f"{self.name}: the program that reads the output has closed it") from error
        except (av.error.FFmpegError, OSError) as error:
            if error.errno == errno.ENOSPC:
                raise OutputError(f"{self.name} can't be written: no space left on the disk") from error
            raise OutputError(f"{self.name} can't be written: {error.strerror or error}") from error
