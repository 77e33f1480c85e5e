"""The input: decoded frames of its best video stream, and the packets of all other streams."""

from __future__ import annotations

from collections import deque
from fractions import Fraction
from typing import TYPE_CHECKING, Self

import av
import av.error
from av.stream import Disposition

from pipeline.decode.beginning import Beginning
from pipeline.decode.container import EndWatch, seek
from pipeline.decode.decoder import FrameDecoder
from pipeline.decode.demuxer import Demuxer
from pipeline.decode.hardware import accelerator, fallback_note
from pipeline.decode.info import describe
from pipeline.decode.lead_in import look_ahead
from pipeline.decode.limits import LimitGuard
from pipeline.decode.trim import TimeWindow, exact
from pipeline.errors import InputError
from pipeline.job import SourceOptions
from pipeline.media.frame_info import FrameInfo
from pipeline.notes import Note, NoteCode

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Iterator

    from av.stream import Stream

    from network.planes import PlaneSpec
    from pipeline.media.places import Place


class VideoSource:
    """An open input, with its first frame decoded. A context manager.

    Frames come in presentation order in a native format (see ``pipeline.media.frames``), all of one size. Packets of
    the other streams come in the order of the file. With ``start``, the time stamps of all streams are moved so that
    the first frame is at 0. Without it, they are those of the input.

    Attributes:
        info: Description of the input.
        beginning: Facts that reading the input up to the first frame has shown.
    """

    def __init__(
        self,
        path: Place,
        options: SourceOptions | None = None,
        *,
        wants: Callable[[int, av.Packet[Stream]], bool] | None = None,
    ) -> None:
        """Opens the input and decodes its first frame.

        Args:
            path: Path of a file, an address, or a file object (which may be a pipe, and is not closed).
            options: Options for reading the input; ``isolation`` and ``continued`` are ignored.
            wants: Function that decides whether a packet is processed. It is called for each packet of each stream,
                with the packet's number since :attr:`Beginning.seek_time`. None processes all packets.

        Raises:
            InputError: If the input is missing, unreadable or not a video, has no video stream or nothing that can
                be decoded, or is interlaced while ``deinterlace`` is off.
            LimitError: If the input exceeds a limit. Reading it may raise this as well.
        """
        self._wants = wants
        self._options = options or SourceOptions()
        acceleration, note = accelerator(self._options.acceleration, on_device=self._options.on_device)
        self._notes = [Note(NoteCode.HARDWARE, note)] if note else []
        self._damage: list[str] = []
        self._backlog: deque[av.VideoFrame | av.Packet[Stream]] = deque()
        self._read_to_end = self._is_stuck = self._has_packets = False
        self._demuxer = Demuxer(path, self._options, acceleration)
        try:
            seek_time = self._begin()
            self.beginning = self._tell_beginning(seek_time)
            self.info = describe(self._demuxer, self._options, self.beginning)
        except BaseException:
            self.close()
            raise

    def __enter__(self) -> Self:
        """Returns the source itself."""
        return self

    def __exit__(self, *_error: object) -> None:
        """Closes the input."""
        self.close()

    @property
    def spec(self) -> PlaneSpec:
        """Layout of the planes of every frame."""
        return self.info.spec

    @property
    def notes(self) -> list[Note]:
        """Notes for the user on conversions and surprises so far, one line each."""
        return [*self._notes, *self._decoder.faults.notes]

    @property
    def corrupt_packets(self) -> int:
        """Number of video packets that could not be decoded, so far."""
        return self._decoder.faults.corrupt_packets

    @property
    def corrupt_frames(self) -> int:
        """Number of frames that came out damaged (and are delivered), so far."""
        return self._decoder.faults.corrupt_frames

    @property
    def damage(self) -> list[str]:
        """Places where the input is damaged, one line for each fault."""
        return [*self._decoder.faults.damage, *self._damage]

    def events(self) -> Iterator[av.VideoFrame | av.Packet[Stream]]:
        """Yields the frames of the video stream and the packets of all other streams, once.

        Damage is counted, located and skipped as long as there is anything to decode.
        """
        while self._backlog:
            yield self._backlog.popleft()
        yield from self._events
        self._decoder.close(is_whole=self._read_to_end and not self._options.start)
        if self._read_to_end and not self._options.start:
            self._damage += self._end_watch.damage()

    def close(self) -> None:
        """Closes the input; a file object stays open."""
        self._demuxer.close()

    def _begin(self) -> Fraction | None:
        """Reads up to the first frame of the part that is asked for.

        Returns:
            Time of the seek before reading, in seconds; None if there was no seek.
        """
        demuxer, options = self._demuxer, self._options
        places = self._places(demuxer.origin)
        for place in places:
            is_last = place == places[-1]
            if place is not None and not seek(demuxer.container, demuxer.video, place) and not is_last:
                continue
            self._decoder = FrameDecoder(
                demuxer.video,
                demuxer.average_rate,
                LimitGuard(demuxer.name, options.limits),
                deinterlace=options.deinterlace,
                waits=demuxer.is_seekable,
            )
            self._window = TimeWindow(demuxer.origin, options.start, options.duration)
            self._end_watch = EndWatch(demuxer.container, demuxer.video)
            self._events = self._read()
            self._backlog.clear()
            found = self._prime()
            # A seek may land behind the frame that was asked for; then one from farther ahead is due.
            if found and not self._window.may_be_late:
                return place
            if not is_last:
                self._events.close()
            elif not found:
                raise self._empty()
        return places[-1]

    def _places(self, origin: Fraction) -> list[Fraction | None]:
        """Lists the times to seek to, in seconds, one after the other until the first frame of the part is found.

        None stands for reading on from the present position.
        """
        start = self._options.start
        if not start or not self._demuxer.is_seekable:
            return [None]
        return [*(max(origin + exact(start) - lead, origin) for lead in (0, 10)), origin]

    def _prime(self) -> bool:
        """Reads up to the first frame, which completes the description of the input; False if there is no frame."""
        for event in self._events:
            self._backlog.append(event)
            if isinstance(event, av.VideoFrame):
                return True
        return False

    def _empty(self) -> InputError:
        if self._decoder.frames.first is not None:
            return InputError(f"{self._demuxer.name} has no frames in the part that was asked for")
        if self._has_late_index():
            is_address = self._demuxer.is_address
            where = "from a server that hands out no parts of a file" if is_address else "from a pipe"
            instead = "fetch the file first, and name it" if is_address else "name the file itself"
            return InputError(
                f"{self._demuxer.name} is an MP4 whose index (its moov box) comes last, which can't be read {where}; "
                f"{instead}, or put the index first: ffmpeg -i IN.mp4 -map 0 -c copy -movflags +faststart OUT.mp4"
            )
        reason = f": {self._decoder.faults.damage[0]}" if self._decoder.faults.damage else ""
        return InputError(f"{self._demuxer.name} has no frame that can be decoded{reason}")

    def _has_late_index(self) -> bool:
        """Whether FFmpeg has read an MP4 to its end for the index, and can't go back to the first packet."""
        demuxer = self._demuxer
        is_mp4 = "mp4" in demuxer.container.format.name.split(",")
        return is_mp4 and not demuxer.is_seekable and self._is_stuck and not self._has_packets

    def _tell_beginning(self, seek_time: Fraction | None) -> Beginning:
        first, spec, zero = self._decoder.frames.first, self._decoder.frames.spec, self._window.zero
        assert first is not None, "_begin raises otherwise"
        assert spec is not None, "it comes with the first frame"
        assert zero is not None, "it comes with the first frame"
        if note := fallback_note(self._demuxer.video.codec_context, first):
            self._notes.append(Note(NoteCode.HARDWARE, note))
        covers: dict[int, av.Packet[Stream]] = {}
        for event in self._backlog:
            if isinstance(event, av.Packet) and event.stream.disposition & Disposition.attached_pic:
                covers.setdefault(event.stream_index, event)
        guard = LimitGuard(self._demuxer.name, self._options.limits)
        guard.check_covers(len(covers), sum(packet.size for packet in covers.values()))
        return Beginning(
            spec=spec,
            first_frame=FrameInfo.of(first).with_side_data_of(self._decoder.plain_first),
            interlaced=self._decoder.frames.interlaced,
            is_on_device=self._decoder.frames.is_on_device,
            earliest=min(time for event in self._backlog if (time := _time_of(event)) is not None),
            begins=self._begins(),
            zero=Fraction(zero),
            seek_time=seek_time,
            covers={index: bytes(packet) for index, packet in covers.items()},
        )

    def _begins(self) -> dict[int, Fraction]:
        found: dict[int, Fraction] = {}
        for event in self._backlog:
            if isinstance(event, av.Packet) and (time := _time_of(event)) is not None:
                found[event.stream_index] = min(time, found.get(event.stream_index, time))
        return found

    def _read(self) -> Generator[av.VideoFrame | av.Packet[Stream]]:
        video = self._demuxer.video.index
        copied = {stream.index for stream in self._demuxer.copied}
        opening, packets = look_ahead(self._packets(), video)
        self._decoder.begin(opening)
        for number, packet in enumerate(packets):
            self._has_packets = self._has_packets or packet.size > 0
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
            for stream in self._demuxer.copied
            if stream.type in ("audio", "video") and not stream.disposition & Disposition.attached_pic
        }

    def _packets(self) -> Iterator[av.Packet[Stream]]:
        try:
            yield from self._demuxer.container.demux()
        except (av.error.FFmpegError, OSError) as error:
            self._is_stuck = True
            self._damage.append(f"the input can't be read any further: {error.strerror or error}")
            end: av.Packet[Stream] = av.Packet()
            end.stream = self._demuxer.video
            end.time_base = self._demuxer.time_base
            yield end
        else:
            self._read_to_end = True


def _time_of(event: av.VideoFrame | av.Packet[Stream]) -> Fraction | None:
    if event.pts is None or not event.time_base:
        return None
    return Fraction(event.pts * event.time_base)
