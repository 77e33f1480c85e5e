"""The output: frames encoded, packets copied, under a temporary name until all is written."""

from __future__ import annotations

import contextlib
import errno
import os
import secrets
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO

import av
import av.error
from av.stream import Disposition
from av.video.frame import PictureType

from pipeline.clock import FrameClock
from pipeline.encoder import plan_encoder
from pipeline.errors import OutputError, UsageError
from pipeline.fit import FrameFitter
from pipeline.hdr import lost_side_data
from pipeline.streams import add_copy, add_cover, container_tags, lost_tags, plan_copies, video_tags
from pipeline.timeline import Timeline

if TYPE_CHECKING:
    from av.container import OutputContainer
    from av.stream import Stream

    from pipeline.source import VideoSource

_MOV_FAMILY = {"mp4", "mov", "ipod", "3gp", "3g2", "psp", "f4v", "ismv"}


@dataclass(frozen=True, slots=True)
class SinkOptions:
    """How an output is written.

    Attributes:
        format: FFmpeg's name of the container format; None to go by the extension.
        codec: Of the video: a codec or an encoder by FFmpeg's name; None for the input's where it can be encoded.
        crf: Constant rate factor; None for the default of the encoder. Excludes ``bitrate``.
        preset: Of the encoder; None for the default.
        bitrate: Of the video, in bits a second.
        overwrite: Replace an output that exists.
    """

    format: str | None = None
    codec: str | None = None
    crf: float | None = None
    preset: str | None = None
    bitrate: int | None = None
    overwrite: bool = False


class VideoSink:
    """An output that is open, its header written under a temporary name.

    One encoded frame is written for each frame that comes in. Call ``finish`` at the end or ``abandon`` at any time;
    a file under the final name is always complete.

    Attributes:
        name: Of the output, for messages.
        path: Of the output; None if it is a file object.
        plan: How the video is encoded.
        notes: What changes or can't be carried, one line each; complete before the first frame.
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
        self.path = path if isinstance(path, Path) else None
        self.name = str(path) if isinstance(path, Path) else str(getattr(path, "name", "-"))
        self.notes: list[str] = []
        self.frames = 0
        self._final: Path | None = None
        self._temporary: Path | None = None
        self._file: Any = None
        self._done = False
        target = self._prepare(path)
        try:
            self._container = self._create(target)
        except BaseException:
            self._remove()
            raise

    # Writing -----------------------------------------------------------------------------------------------------

    def write_frame(self, frame: av.VideoFrame) -> None:
        """Encodes a frame at its own time.

        Args:
            frame: In the source's native format and size; ``pts`` and ``time_base`` are set.

        Raises:
            OutputError: If the output can't be written.
        """
        self.frames += 1
        fitted = self._fitter.fit(frame)
        fitted.pict_type = PictureType.NONE
        self._clock.enter(fitted)
        with self._translated():
            self._mux_video(self._video.encode(fitted))

    def write_packet(self, packet: av.Packet[Stream]) -> None:
        """Copies a packet of another stream; one of a stream that is left out is ignored.

        Raises:
            OutputError: If the output can't be written.
        """
        copy = self._copies.get(packet.stream.index)
        if copy is None:
            return
        stream, timeline = copy
        packet.stream = stream
        if packet.dts is None:
            packet.dts = packet.pts
        if packet.dts is not None:
            placed = timeline.place(packet.dts, duration=packet.duration)
            if packet.pts is not None:
                # The presentation time moves along, so that a repair never turns it before the decoding time.
                packet.pts = max(packet.pts + placed - packet.dts, placed)
            packet.dts = placed
        with self._translated():
            self._container.mux_one(packet)

    def finish(self) -> None:
        """Flushes the encoder, closes the output and gives it its final name.

        Raises:
            OutputError: If the output can't be written or has come to exist meanwhile.
        """
        if self._done:
            return
        try:
            with self._translated():
                self._mux_video(self._video.encode(None))
                self._container.close()
                if self._file is not None:
                    self._file.flush()
            self._rename()
        except BaseException:
            self.abandon()
            raise
        self._done = True
        if self._file is not None and self._owns_file:
            self._file.close()

    def abandon(self) -> None:
        """Closes the output and deletes what was written; does nothing once it is finished."""
        if self._done:
            return
        self._done = True
        with contextlib.suppress(av.error.FFmpegError, OSError, ValueError):
            self._container.close()
        if self._file is not None and self._owns_file:
            with contextlib.suppress(OSError):
                self._file.close()
        self._remove()

    def _mux_video(self, packets: list[av.Packet[Any]]) -> None:
        for packet in packets:
            self._clock.leave(packet)
            packet.stream = self._video
            self._container.mux_one(packet)

    # Opening -----------------------------------------------------------------------------------------------------

    def _prepare(self, path: Path | BinaryIO) -> Path | BinaryIO:
        """Checks the place and returns what to open: a temporary path, or a file object."""
        self._owns_file = False
        if not isinstance(path, Path):
            if self._options.format is None:
                raise UsageError("an output without a file name needs --format, such as --format matroska")
            self._file = path
            return path
        if self._source.path is not None and path.exists() and path.samefile(self._source.path):
            raise UsageError(f"{path} is the input itself; choose another output")
        if path.is_dir():
            raise OutputError(f"{path} is a folder; name a file in it")
        if path.exists() and not path.is_file():
            # A device or a named pipe can be neither replaced nor renamed to.
            self._file = self._open_file(path)
            self._owns_file = True
            return self._file  # type: ignore[no-any-return]
        if path.exists() and not self._options.overwrite:
            raise OutputError(f"{path} exists; add --overwrite to replace it")
        self._final = path.resolve()
        folder = self._final.parent
        if not folder.is_dir():
            raise OutputError(f"the folder {folder} does not exist; create it first")
        temporary = folder / f".{self._final.stem}.{secrets.token_hex(4)}.partial{self._final.suffix}"
        self._open_file(temporary).close()
        self._temporary = temporary
        return temporary

    def _open_file(self, path: Path) -> BinaryIO:
        try:
            return path.open("wb")
        except OSError as error:
            raise OutputError(f"{self.name} can't be written: {error.strerror}") from error

    def _create(self, target: Path | BinaryIO) -> OutputContainer:
        seekable = isinstance(target, Path) or target.seekable()
        container = self._open(target, {})
        if container.format.no_file:
            raise UsageError(f"{container.format.name} is not one file; choose a video container such as .mp4 or .mkv")
        name, options = container.format.name, self._options
        self.plan = plan_encoder(self._source, container, options.codec, options.crf, options.preset, options.bitrate)
        self.notes += self.plan.notes
        muxer = self._muxer_options(name, seekable=seekable)
        container = self._open(target, muxer)
        self._add_streams(container)
        self._fitter = FrameFitter(self.plan, self._source.spec)
        with self._translated():
            container.start_encoding()
        self._clock = FrameClock(self.plan, self._source.time_base, restore=self._keeps_times(container))
        self._note_times(container)
        return container

    def _open(self, target: Path | BinaryIO, muxer: dict[str, str]) -> OutputContainer:
        try:
            return av.open(
                str(target) if isinstance(target, Path) else target,
                "w",
                format=self._options.format,
                container_options=muxer,
            )
        except (ValueError, av.error.FFmpegError) as error:
            if self._options.format:
                raise UsageError(f"unknown --format {self._options.format!r}; try mp4, matroska or webm") from error
            raise UsageError(
                f"{self.name}: its extension names no video container; use .mp4, .mkv or .webm, or add --format"
            ) from error

    def _muxer_options(self, name: str, *, seekable: bool) -> dict[str, str]:
        options: dict[str, str] = {}
        tags, chapters = container_tags(self._source.container.metadata), self._source.chapters
        lost, lost_chapters = lost_tags(name, self.plan.codec, options, tags, chapters)
        if name in _MOV_FAMILY:
            flags = []
            if lost:
                # The free form of tags keeps all keys; the usual one is what most players read.
                still_lost, _ = lost_tags(name, self.plan.codec, {"movflags": "use_metadata_tags"}, tags, chapters)
                if len(still_lost) < len(lost):
                    flags.append("use_metadata_tags")
                    lost = still_lost
            if not seekable:
                flags += ["frag_keyframe", "delay_moov", "default_base_moof"]
            if flags:
                options["movflags"] = "+".join(flags)
            if self._source.time_base.numerator == 1:
                options["video_track_timescale"] = str(self._source.time_base.denominator)
        if name == "mpegts" and self._source.container.format.name == "mpegts" and not self._source.is_shifted:
            options["mpegts_copyts"] = "1"
        if lost:
            self.notes.append(f"{name} can't carry these tags: {', '.join(lost)}")
        if lost_chapters:
            self.notes.append(f"{name} can't carry chapters; left out")
        return options

    def _add_streams(self, container: OutputContainer) -> None:
        source, plan = self._source, self.plan
        copies = plan_copies(source, container.format.name)
        self.notes += copies.notes
        lost = lost_side_data(plan.encoder, source.first_frame)
        if lost:
            self.notes.append(f"{plan.encoder} can't write {', '.join(lost)}; left out")
        container.metadata.update(container_tags(source.container.metadata))
        container.set_chapters(source.chapters)
        self._copies: dict[int, tuple[Stream, Timeline]] = {}
        tags = dict((stream.index, tag) for stream, tag in copies.streams)
        covers = {stream.index for stream in copies.covers}
        for stream in source.container.streams:
            if stream.index == source.stream.index:
                self._video = self._add_video(container)
            elif stream.index in covers:
                add_cover(container, stream, bytes(source.cover_packets[stream.index]))
            elif stream.index in tags:
                copy = add_copy(container, stream, tags[stream.index])
                jump = round(10 / stream.time_base) if stream.time_base else 10**6
                self._copies[stream.index] = (copy, Timeline(1, jump))

    def _add_video(self, container: OutputContainer) -> av.VideoStream:
        source, plan = self._source, self.plan
        stream: Any = container.add_stream(plan.encoder, rate=plan.rate)
        plan.configure(stream.codec_context, source)
        stream.time_base = plan.time_base if not self._keeps_times(container) else source.time_base
        if container.format.name in _MOV_FAMILY and plan.codec == "hevc":
            stream.codec_context.codec_tag = "hvc1"  # the only one that Apple's players take
        stream.metadata.update(video_tags(source.stream))
        stream.disposition = source.stream.disposition & ~Disposition.attached_pic
        matrix = source.display_matrix
        if matrix:
            stream.set_display_matrix(matrix)
        return stream  # type: ignore[no-any-return]

    @staticmethod
    def _keeps_times(container: OutputContainer) -> bool:
        return bool(container.format.flags & av.format.Flags.variable_fps.value)

    def _note_times(self, container: OutputContainer) -> None:
        base, wanted = self._video.time_base, self._source.time_base
        if not self._keeps_times(container):
            self.notes.append(
                f"{container.format.name} keeps a constant frame rate: frames are {float(self.plan.rate):.3f} a second"
            )
        elif base and (wanted / base).denominator != 1:
            self.notes.append(f"{container.format.name} keeps times in steps of {base} s; times are rounded to it")

    # Closing -----------------------------------------------------------------------------------------------------

    def _rename(self) -> None:
        if self._temporary is None or self._final is None:
            return
        if self._final.exists() and not self._options.overwrite:
            raise OutputError(f"{self.name} came to exist in the meantime; it was left as it is")
        try:
            os.replace(self._temporary, self._final)
        except OSError as error:
            raise OutputError(f"{self.name} can't be written: {error.strerror}") from error
        self._temporary = None

    def _remove(self) -> None:
        if self._temporary is not None:
            with contextlib.suppress(OSError):
                self._temporary.unlink(missing_ok=True)
            self._temporary = None

    @contextlib.contextmanager
    def _translated(self) -> Any:
        try:
            yield
        except BrokenPipeError as error:
            raise OutputError(f"{self.name}: the program that reads the output has closed it") from error
        except (av.error.FFmpegError, OSError) as error:
            if error.errno == errno.ENOSPC:
                raise OutputError(f"{self.name} can't be written: no space left on the disk") from error
            reason = error.strerror or str(error)
            raise OutputError(f"{self.name} can't be written: {reason}") from error
