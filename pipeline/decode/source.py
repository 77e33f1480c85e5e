"""The input: decoded frames of its best video stream, and the packets of every other stream."""

from __future__ import annotations

from collections import deque
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO, Self

import av
import av.error
from av.stream import Discard, Disposition

from pipeline.decode.container import EndWatch, choose_video, open_container, promised_length, seek
from pipeline.decode.decoder import FrameDecoder
from pipeline.decode.hardware import accelerator, fallback_note
from pipeline.decode.limits import LimitGuard
from pipeline.decode.trim import TimeWindow, exact
from pipeline.errors import InputError
from pipeline.job import SourceOptions
from pipeline.media.pyav18 import fraction
from pipeline.media.side_data import display_matrix

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Iterator
    from types import TracebackType

    from av.container import Chapter
    from av.stream import Stream

    from network.planes import PlaneSpec


class VideoSource:
    """An input that is open, with its first frame decoded. A context manager.

    Frames come in presentation order in a native format (see ``pipeline.media.frames``), all of one size; packets of
    the other streams come in the order of the file. With ``start``, the time stamps of all streams are moved so that
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
        place: Time in seconds to which the input was wound before it was read; None for not at all.
    """

    def __init__(
        self,
        path: Path | BinaryIO,
        options: SourceOptions | None = None,
        *,
        wants: Callable[[int, av.Packet[Stream]], bool] | None = None,
    ) -> None:
        """Opens the input and decodes its first frame.

        Args:
            path: A file, or a file object (which may be a pipe, and is not closed).
            options: How to read it.
            wants: Asked for every packet that is read, of whatever stream, with its number since ``place``, whether
                to go on with it; None takes all.

        Raises:
            InputError: If it is missing, unreadable, not a video, has no video stream or nothing that can be
                decoded, or is interlaced and is not to be deinterlaced.
            LimitError: If it exceeds a limit. Reading it may raise this as well.
        """
        self._wants = wants
        self._options = options or SourceOptions()
        self.path = path if isinstance(path, Path) else None
        self.name = str(path) if isinstance(path, Path) else str(getattr(path, "name", "-"))
        self._seekable = path.is_file() if isinstance(path, Path) else path.seekable()
        self._accelerator, self._acceleration_note = accelerator(
            self._options.acceleration, on_device=self._options.on_device
        )
        self.container = open_container(path, self.name, self._options.format, self._options.limits, self._accelerator)
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
    def is_on_device(self) -> bool:
        """Whether frames are on the GPU that decodes them."""
        return self._decoder.is_on_device

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
        if self._read_to_end and not self.is_shifted:
            self._damage += self._end_watch.damage()

    def close(self) -> None:
        """Closes the input; a file object stays open."""
        self.container.close()

    def _prepare(self) -> None:
        guard = LimitGuard(self.name, self._options.limits)
        guard.check_container(self.container)
        self.stream = choose_video(self.container, self.name, self._options.limits)
        self.copied = tuple(
            stream
            for stream in self.container.streams
            if stream.index != self.stream.index and not self._is_chapter_track(stream)
        )
        for stream in self.copied:
            stream.discard = Discard.default  # else the demuxer leaves out some tracks of cameras' own data
        self.time_base = fraction(self.stream.time_base) or Fraction(1, 90000)
        self.average_rate = fraction(self.stream.average_rate) or fraction(self.stream.guessed_rate)
        self._notes: list[str] = [self._acceleration_note] if self._acceleration_note else []
        self._damage: list[str] = []
        self._backlog: deque[av.VideoFrame | av.Packet[Stream]] = deque()
        self.cover_packets: dict[int, av.Packet[Stream]] = {}
        self._read_to_end = False
        origin = Fraction(self.container.start_time or 0, av.time_base)
        places = self._places(origin)
        for place in places:
            is_last = place == places[-1]
            if place is not None and not seek(self.container, self.stream, place) and not is_last:
                continue
            self.place = place
            self._decoder = FrameDecoder(
                self.stream,
                self.average_rate,
                LimitGuard(self.name, self._options.limits),
                deinterlace=self._options.deinterlace,
            )
            self._window = TimeWindow(origin, self._options.start, self._options.duration)
            self._end_watch = EndWatch(self.container, self.stream)
            self._events = self._read()
            self._backlog.clear()
            found = self._prime()
            # A seek may land behind the frame that was asked for; then one from farther ahead is due.
            if found and not self._window.may_be_late:
                break
            if not is_last:
                self._events.close()
            elif not found:
                raise self._empty()
        self._describe(guard)

    def _is_chapter_track(self, stream: Stream) -> bool:
        """Whether a track holds the titles of the chapters, which come along as such and not once more."""
        return stream.discard is Discard.all and stream.type == "data" and bool(self.container.chapters())

    def _places(self, origin: Fraction) -> list[Fraction | None]:
        """Times in seconds to go to, one after the other, until the first frame of the part is found; None is here."""
        start = self._options.start
        if not start or not self._seekable:
            return [None]
        return [*(max(origin + exact(start) - lead, origin) for lead in (0, 10)), origin]

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

    def _describe(self, guard: LimitGuard) -> None:
        first, spec = self._decoder.first, self._decoder.spec
        assert first is not None, "_prime raises otherwise"
        assert spec is not None, "it comes with the first frame"
        self.first_frame: av.VideoFrame = first
        if note := fallback_note(self.stream.codec_context, first):
            self._notes.append(note)
        self.spec: PlaneSpec = spec
        self.interlaced = self._decoder.interlaced
        self.earliest = min(time for event in self._backlog if (time := _time_of(event)) is not None)
        for event in self._backlog:
            if isinstance(event, av.Packet) and event.stream.disposition & Disposition.attached_pic:
                self.cover_packets.setdefault(event.stream_index, event)
        guard.check_covers(len(self.cover_packets), sum(packet.size for packet in self.cover_packets.values()))
        total = promised_length(self.container, self.stream)
        part = self._window.length(total)
        self.duration = float(part) if part is not None else None
        frames = self.stream.frames or (round(total * self.average_rate) if total and self.average_rate else 0)
        if total and part is not None and part != total:
            frames = round(frames * part / total)
        guard.check_promise(self.stream.frames if part == total else None, part)
        self.frame_estimate = frames or None

    def _read(self) -> Generator[av.VideoFrame | av.Packet[Stream]]:
        video = self.stream.index
        copied = {stream.index for stream in self.copied}
        for number, packet in enumerate(self._packets()):
            self._end_watch.see(packet)
            if self._wants is not None and not self._wants(number, packet):
                continue
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


def _time_of(event: av.VideoFrame | av.Packet[Stream]) -> Fraction | None:
    if event.pts is None or not event.time_base:
        return None
    return Fraction(event.pts * event.time_base)
