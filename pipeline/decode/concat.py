"""Consecutive files of a loop recording as one source, with time stamps that go on from file to file."""

from __future__ import annotations

from dataclasses import replace
from fractions import Fraction
from functools import cache, partial
from pathlib import Path
from typing import TYPE_CHECKING, Self

import av
from av.stream import Disposition

from pipeline.decode.suitable_rate import suitable_rate
from pipeline.errors import InputError, UsageError
from pipeline.media.dolby_vision import DolbyVisionKeeper
from pipeline.media.native_formats import has_alpha
from pipeline.media.stream_names import describe
from pipeline.notes import Note, NoteCode

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from typing import TypeAlias

    from av.stream import Stream

    from network.planes import PlaneSpec
    from pipeline.decode.isolated_source import IsolatedSource
    from pipeline.decode.source import VideoSource
    from pipeline.job import SourceOptions
    from pipeline.media.places import Place

    Part: TypeAlias = VideoSource | IsolatedSource


class ConcatSource:
    """Files that continue each other, read one after the other. A context manager.

    The interface is that of :class:`pipeline.decode.source.VideoSource`. The first file decides the streams, tags,
    chapters and time bases of the output. Each further file begins where the last frame of the previous file ends. All
    its streams move by the same time, so that sound and data stay with the picture.
    A file that can't be read, or whose picture has another size or format, is left out and reported as damage. The
    other files are still processed.

    Attributes:
        info: Description of the input. The streams are those of the first file; length and number of frames are
            estimates for all files.
    """

    def __init__(self, path: Place, options: SourceOptions, open_part: Callable[[Path, SourceOptions], Part]) -> None:
        """Opens the first file.

        Args:
            path: The first file.
            options: Options for reading every file; ``continued`` names the files after the first.
            open_part: Function that opens one file.

        Raises:
            InputError: If the first file can't be read, for the reasons that
                :class:`pipeline.decode.source.VideoSource` gives.
            LimitError: If the first file exceeds a limit.
            UsageError: If the first input is not a file, or if only a part of it is asked for.
        """
        if not isinstance(path, Path):
            raise UsageError("`continued` joins files; a pipe can't be one of them", field="continued")
        if options.start is not None or options.duration is not None:
            raise UsageError("`continued` joins whole files; leave out `start` and `duration`", field="continued")
        self._open_part = open_part
        self._part_options = replace(options, continued=())
        self._later = options.continued
        self._dolby_vision = DolbyVisionKeeper()
        self._own_notes: list[Note] = []
        self._own_damage: list[str] = []
        self._past_packets = self._past_frames = 0
        # Open until the source is closed: packets of all files are handed on as those of the first one's streams.
        self._first = open_part(path, self._part_options)
        self._part: Part | None = self._first
        first, files = self._first.info, 1 + len(self._later)
        # Loop recordings are cut into files of one length; it is only an estimate.
        self.info = replace(
            first,
            name=f"{path} and {files - 1} more",
            frame_estimate=first.frame_estimate and first.frame_estimate * files,
            duration=first.duration and first.duration * files,
            suitable_rate=cache(partial(suitable_rate, (path, *self._later), options)),
        )

    def __enter__(self) -> Self:
        """Returns the source itself."""
        return self

    def __exit__(self, *_error: object) -> None:
        """Closes the files."""
        self.close()

    @property
    def spec(self) -> PlaneSpec:
        """Layout of the planes of every frame."""
        return self.info.spec

    @property
    def notes(self) -> list[Note]:
        """Notes for the user on conversions and surprises in all files so far, one line each."""
        return list(dict.fromkeys([*self._own_notes, *(self._part.notes if self._part else ())]))

    @property
    def corrupt_packets(self) -> int:
        """Number of video packets that could not be decoded, in all files so far."""
        return self._past_packets + (self._part.corrupt_packets if self._part else 0)

    @property
    def corrupt_frames(self) -> int:
        """Number of frames that came out damaged (and are delivered), in all files so far."""
        return self._past_frames + (self._part.corrupt_frames if self._part else 0)

    @property
    def damage(self) -> list[str]:
        """Places where the input is damaged, one line with the file's name for each fault, in all files so far."""
        return [*self._own_damage, *(_named(self._part) if self._part else ())]

    def events(self) -> Iterator[av.VideoFrame | av.Packet[Stream]]:
        """Yields the frames of the video streams and the packets of all other streams, once.

        Damage in the files after the first is skipped, even where a file can't be opened at all.
        """
        shift = Fraction(0)
        for number, part in enumerate(self._parts()):
            streams = self._counterparts(part, with_covers=not number)
            base = part.info.time_base
            if number:
                shift = self._end - part.info.first_frame.pts * base
            for event in part.events():
                if isinstance(event, av.VideoFrame):
                    event, _ = self._dolby_vision.complete(event)
                    yield self._moved_frame(event, base, shift)
                elif event.stream.index in streams:
                    yield _moved_packet(event, streams[event.stream.index], shift)

    def close(self) -> None:
        """Closes the file that is being read, and the first file."""
        self._first.close()
        if self._part is not None:
            self._part.close()

    def _parts(self) -> Iterator[Part]:
        """Opens one file after the other; files that do not fit the first are left out."""
        yield self._first
        self._end_part()
        for path in self._later:
            try:
                part = self._open_part(path, self._part_options)
            except InputError as error:
                self._own_damage.append(f"left out: {error}")
                continue
            spec = part.info.spec
            if spec != self.info.spec:
                part.close()
                self._own_damage.append(
                    f"left out: {path} has another picture: {spec.width}x{spec.height} {spec.layout}"
                )
                continue
            self._part = part
            if has_alpha(part.info.pixel_format) and not has_alpha(self.info.pixel_format):
                text = f"the transparency of {path} is dropped, because {self._first.info.name} has none"
                self._own_notes.append(Note(NoteCode.ALPHA_DROPPED, text))
            yield part
            self._end_part()

    def _end_part(self) -> None:
        """Keeps the notes and counts of the file that was read, and closes it unless it is the first."""
        part = self._part
        if part is None:
            return
        self._own_notes += part.notes
        self._own_damage += _named(part)
        self._past_packets += part.corrupt_packets
        self._past_frames += part.corrupt_frames
        self._part = None
        if part is not self._first:
            part.close()

    def _counterparts(self, part: Part, *, with_covers: bool) -> dict[int, Stream]:
        """Maps each stream of another file, by index, to the stream of the first file that it continues.

        Streams of one kind are matched in their order.
        """
        free: dict[tuple[str, str], list[Stream]] = {}
        for stream in self.info.copied:
            free.setdefault(_kind(stream), []).append(stream)
        found: dict[int, Stream] = {}
        for stream in part.info.copied:
            if stream.disposition & Disposition.attached_pic and not with_covers:
                continue  # the first file's stands for all
            if matching := free.get(_kind(stream)):
                found[stream.index] = matching.pop(0)
            else:
                text = f"{describe(stream)} of {part.info.name} continues no stream; left out"
                self._own_notes.append(Note(NoteCode.STREAM_LEFT_OUT, text))
        return found

    def _moved_frame(self, frame: av.VideoFrame, base: Fraction, shift: Fraction) -> av.VideoFrame:
        pts, target, rate = frame.pts or 0, self.info.time_base, self.info.average_rate
        length = frame.duration * base or (1 / rate if rate else Fraction(1, 25))
        self._end = pts * base + length + shift
        frame.pts = round((pts * base + shift) / target)
        frame.duration = round(frame.duration * base / target)
        frame.time_base = target
        return frame


def _moved_packet(packet: av.Packet[Stream], stream: Stream, shift: Fraction) -> av.Packet[Stream]:
    """Assigns a packet to another stream and moves it later by ``shift`` seconds."""
    base = packet.time_base
    target = stream.time_base or base
    packet.pts = None if packet.pts is None else round((packet.pts * base + shift) / target)
    packet.dts = None if packet.dts is None else round((packet.dts * base + shift) / target)
    packet.duration = round((packet.duration or 0) * base / target)
    packet.stream, packet.time_base = stream, target
    return packet


def _kind(stream: Stream) -> tuple[str, str]:
    context = stream.codec_context
    return stream.type, context.codec.canonical_name if context is not None else stream.name or ""


def _named(part: Part) -> list[str]:
    return [f"{part.info.name}: {line}" for line in part.damage]
