"""The input: decoded frames of its best video stream, and the packets of every other stream."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO, Self

import av
import av.error
from av.codec.context import Flags
from av.stream import Discard, Disposition

from pipeline.decoder import FrameDecoder
from pipeline.errors import InputError
from pipeline.hardware import Acceleration, accelerator, fallback_note
from pipeline.hdr import display_matrix
from pipeline.window import TimeWindow, exact

if TYPE_CHECKING:
    from collections.abc import Generator, Iterator
    from types import TracebackType

    from av.container import Chapter, InputContainer
    from av.stream import Stream

    from network.planes import PlaneSpec


_TOLERANCE = Fraction(1, 2)
"""Seconds by which the end that a header declares may differ from that of the last packet."""


@dataclass(frozen=True, slots=True)
class SourceOptions:
    """How an input is read.

    Attributes:
        format: FFmpeg's name of the container format, such as ``mp4``; None to find out from the content.
        start: Seconds from the beginning of the input to begin at; None for the beginning.
        duration: Seconds of it to read; None for all.
        deinterlace: Turn interlaced frames into progressive ones, one for each; else interlaced input is refused.
        acceleration: What decodes.
    """

    format: str | None = None
    start: float | None = None
    duration: float | None = None
    deinterlace: bool = False
    acceleration: Acceleration = Acceleration.NONE


class VideoSource:
    """An input that is open, with its first frame decoded. A context manager.

    Frames come in presentation order in a native format (see ``pipeline.frames``), all of one size; packets of the
    other streams come in the order of the file. With ``start``, the time stamps of all streams are moved so that
    the first frame is at 0; else they are the input's own.

    Attributes:
        name: Of the input, for messages.
        path: Of the input; None if it is a file object.
        container: The demuxer; read its metadata, never its packets.
        stream: The video stream that is decoded.
        copied: Every other stream, in the order of the file.
        spec: What the planes of a frame are.
        first_frame: The first frame, for its properties; its samples may have been overwritten.
        time_base: Of the frames' time stamps, in seconds.
        average_rate: Frames a second; None if unknown.
        duration: Of the part that is read, in seconds; None if unknown.
        frame_estimate: Frames to expect; None if unknown.
        interlaced: Whether the first frame was interlaced (and all are being deinterlaced).
        earliest: Time of the first frame, or of a packet before it, in seconds; negative where sound needs a run-up.
        cover_packets: The pictures attached to the container (cover art), by the index of their stream.
    """

    def __init__(self, path: Path | BinaryIO, options: SourceOptions | None = None) -> None:
        """Opens the input and decodes its first frame.

        Args:
            path: A file, or a file object (which may be a pipe, and is not closed).
            options: How to read it.

        Raises:
            InputError: If it is missing, unreadable, not a video, has no video stream or nothing that can be
                decoded, or is interlaced and is not to be deinterlaced.
        """
        self._options = options or SourceOptions()
        self.path = path if isinstance(path, Path) else None
        self.name = str(path) if isinstance(path, Path) else str(getattr(path, "name", "-"))
        self._seekable = path.is_file() if isinstance(path, Path) else path.seekable()
        self._accelerator, self._acceleration_note = accelerator(self._options.acceleration)
        self.container = self._open(path)
        try:
            self._prepare()
        except BaseException:
            self.container.close()
            raise

    def __enter__(self) -> Self:
        """The source itself."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Closes the input."""
        self.close()

    # What the input is -------------------------------------------------------------------------------------------

    @property
    def codec(self) -> str:
        """Of the video stream, by FFmpeg's name for the codec (not for a decoder): ``h264``, ``av1``."""
        return self.stream.codec_context.codec.canonical_name

    @property
    def pixel_format(self) -> str:
        """Of the frames that ``events`` yields, by FFmpeg's name."""
        return self.first_frame.format.name

    @property
    def coded_pixel_format(self) -> str:
        """Of the input, by FFmpeg's name."""
        return self.stream.codec_context.pix_fmt or self.pixel_format

    @property
    def rotation(self) -> int:
        """Degrees, counter-clockwise, by which a player turns the picture."""
        return self.first_frame.rotation

    @property
    def display_matrix(self) -> tuple[int, ...] | None:
        """How a player turns and mirrors the picture: nine numbers as FFmpeg stores them; None for not at all."""
        return display_matrix(self.first_frame)

    @property
    def is_shifted(self) -> bool:
        """Whether time stamps differ from the input's because reading starts later."""
        return bool(self._options.start)

    @property
    def starts_at_zero(self) -> bool:
        """Whether all streams begin at time zero."""
        return not self.is_shifted and not any(stream.start_time for stream in self.container.streams)

    @property
    def chapters(self) -> list[Chapter]:
        """Of the part that is read, in its own time."""
        return [kept for chapter in self.container.chapters() if (kept := self._window.chapter(chapter))]

    @property
    def notes(self) -> list[str]:
        """Conversions and surprises so far, one line each for the user."""
        return [*self._notes, *self._decoder.notes]

    @property
    def corrupt_packets(self) -> int:
        """Video packets that could not be decoded, so far."""
        return self._decoder.corrupt_packets

    @property
    def corrupt_frames(self) -> int:
        """Frames that came out damaged (and are delivered), so far."""
        return self._decoder.corrupt_frames

    @property
    def damage(self) -> list[str]:
        """Where the input is damaged, one line for each fault."""
        return [*self._decoder.damage, *self._damage]

    # Reading it --------------------------------------------------------------------------------------------------

    def events(self) -> Iterator[av.VideoFrame | av.Packet[Stream]]:
        """Yields frames of the video stream and packets of all the others, once.

        Damage is counted, located and passed over as long as there is anything to decode.
        """
        while self._backlog:
            yield self._backlog.popleft()
        yield from self._events
        self._decoder.close(is_whole=self._read_to_end and not self._options.start)
        self._note_truncation()

    def close(self) -> None:
        """Closes the input; a file object stays open."""
        self.container.close()

    def _open(self, path: Path | BinaryIO) -> InputContainer:
        if isinstance(path, Path) and path.is_dir():
            raise InputError(f"{path} is a folder, not a video file")
        try:
            return av.open(
                str(path) if isinstance(path, Path) else path,
                "r",
                format=self._options.format,
                metadata_errors="replace",
                hwaccel=self._accelerator,
            )
        except (FileNotFoundError, PermissionError) as error:
            reason = "does not exist" if isinstance(error, FileNotFoundError) else "may not be read"
            raise InputError(f"{self.name} {reason}") from error
        except (av.error.InvalidDataError, av.error.EOFError) as error:
            raise InputError(f"{self.name} is not a video that FFmpeg can read (or its end is missing)") from error
        except (av.error.FFmpegError, ValueError, OSError) as error:
            raise InputError(f"{self.name} can't be opened: {error}") from error

    def _prepare(self) -> None:
        self.stream = self._choose_stream()
        self.copied = tuple(
            stream
            for stream in self.container.streams
            if stream.index != self.stream.index and not self._is_chapter_track(stream)
        )
        for stream in self.copied:
            stream.discard = Discard.default  # else the demuxer leaves out some tracks of cameras' own data
        self.time_base = self.stream.time_base or Fraction(1, 90000)
        self.average_rate = self.stream.average_rate or self.stream.guessed_rate or None
        self._notes: list[str] = [self._acceleration_note] if self._acceleration_note else []
        self._damage: list[str] = []
        self._backlog: deque[av.VideoFrame | av.Packet[Stream]] = deque()
        self.cover_packets: dict[int, av.Packet[Stream]] = {}
        self._read_to_end = False
        self._end = Fraction(0)
        start = self._options.start
        origin = Fraction(self.container.start_time or 0, av.time_base)
        for lead in (0, 10, None) if start and self._seekable else (None,):
            if not self._seek(start, lead, origin):
                continue
            self._decoder = FrameDecoder(self.stream, self.average_rate, deinterlace=self._options.deinterlace)
            self._window = TimeWindow(origin, start, self._options.duration)
            self._events = self._read()
            self._backlog.clear()
            found = self._prime()
            # A seek may land behind the frame that was asked for; then one from farther ahead is due.
            if found and not self._window.may_be_late:
                break
            if lead is not None:
                self._events.close()
            elif not found:
                raise self._empty()
        self._describe()

    def _is_chapter_track(self, stream: Stream) -> bool:
        """Whether a track holds the titles of the chapters, which come along as such and not once more."""
        return stream.discard is Discard.all and stream.type == "data" and bool(self.container.chapters())

    def _choose_stream(self) -> av.VideoStream:
        stream = self.container.streams.best("video")
        if not isinstance(stream, av.VideoStream) or stream.disposition & Disposition.attached_pic:
            moving = [s for s in self.container.streams.video if not s.disposition & Disposition.attached_pic]
            if not moving:
                raise InputError(f"{self.name} has no video stream")
            stream = moving[0]
        if stream.codec_context is None:
            raise InputError(f"{self.name}: FFmpeg has no decoder for its video stream")
        stream.codec_context.thread_type = "AUTO"
        # Frames with faults are delivered, and counted; FFmpeg's default would drop them in silence.
        stream.codec_context.flags |= Flags.output_corrupt
        return stream

    def _seek(self, start: float | None, lead: float | None, origin: Fraction) -> bool:
        """Goes to the keyframe before ``start`` minus ``lead`` seconds; False if that fails."""
        if not start or not self._seekable:
            return True
        target = origin if lead is None else max(origin + exact(start) - Fraction(lead), origin)
        try:
            self.container.seek(round(target / self.time_base), stream=self.stream)
        except (av.error.FFmpegError, OSError):
            return lead is None  # read from where it stands, and drop
        return True

    def _prime(self) -> bool:
        """Reads up to the first frame, so that all that the output needs to know is known; False if there is none."""
        for event in self._events:
            self._backlog.append(event)
            if isinstance(event, av.VideoFrame):
                return True
        return False

    def _empty(self) -> InputError:
        if self._decoder.first is not None:
            return InputError(f"{self.name} has no frames in the part that was asked for")
        reason = f": {self._decoder.damage[0]}" if self._decoder.damage else ""
        return InputError(f"{self.name} has no frame that can be decoded{reason}")

    def _describe(self) -> None:
        first, spec = self._decoder.first, self._decoder.spec
        assert first is not None  # noqa: S101 - for the type checker: _prime raises otherwise
        assert spec is not None  # noqa: S101
        self.first_frame: av.VideoFrame = first
        if note := fallback_note(self.stream.codec_context, first):
            self._notes.append(note)
        self.spec: PlaneSpec = spec
        self.interlaced = self._decoder.interlaced
        self.earliest = min(time for event in self._backlog if (time := _time_of(event)) is not None)
        for event in self._backlog:
            if isinstance(event, av.Packet) and event.stream.disposition & Disposition.attached_pic:
                self.cover_packets.setdefault(event.stream_index, event)
        total = self.stream.duration and self.stream.duration * self.time_base
        if not total and self.container.duration:
            total = Fraction(self.container.duration, av.time_base)
        frames = self.stream.frames or (round(total * self.average_rate) if total and self.average_rate else 0)
        part = self._window.length(Fraction(total) if total else None)
        self.duration = float(part) if part is not None else None
        if total and part is not None and part != total:
            frames = round(frames * part / total)
        self.frame_estimate = frames or None

    def _read(self) -> Generator[av.VideoFrame | av.Packet[Stream]]:
        video = self.stream.index
        copied = {stream.index for stream in self.copied}
        for packet in self._packets():
            if packet.pts is not None and packet.time_base is not None:
                self._end = max(self._end, (packet.pts + (packet.duration or 0)) * packet.time_base)
            if packet.stream.index == video:  # a flush packet has no index of its own
                for frame in self._decoder.decode(packet):  # type: ignore[arg-type]
                    yield from self._window.frame(frame)
            elif packet.stream.index in copied and (packet.size or packet.pts is not None):
                yield from self._window.packet(packet)
            if self._window.is_over(copied_timed=self._timed()):
                return

    def _timed(self) -> set[int]:
        return {
            stream.index
            for stream in self.copied
            if stream.type in ("audio", "video") and not stream.disposition & Disposition.attached_pic
        }

    def _packets(self) -> Iterator[av.Packet[Stream]]:
        try:
            yield from self.container.demux()
        except (av.error.FFmpegError, OSError) as error:
            self._damage.append(f"the input can't be read any further: {error}")
            end: av.Packet[Stream] = av.Packet()
            end.stream = self.stream
            end.time_base = self.time_base
            yield end
        else:
            self._read_to_end = True

    def _note_truncation(self) -> None:
        expected = len(self.stream.index_entries) if self.stream.frames else 0
        if self._read_to_end and not self.is_shifted and self._decoder.packets < expected:
            self._damage.append(f"the file ends early: {self._decoder.packets} of {expected} video packets are there")
        # Matroska has no count of packets, but its header says the end of the last one of all streams. FFmpeg takes
        # a file that was cut off for one that ended.
        declared = Fraction(self.container.duration or 0, av.time_base)
        missing = declared - self._end
        if self._read_to_end and "matroska" in self.container.format.name and missing > max(_TOLERANCE, declared / 100):
            self._damage.append(f"the file ends early: at {float(self._end):.3f} s of {float(declared):.3f} s")


def _time_of(event: av.VideoFrame | av.Packet[Stream]) -> Fraction | None:
    if event.pts is None or event.time_base is None:
        return None
    return event.pts * event.time_base
