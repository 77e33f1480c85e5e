"""Consecutive files of a loop recording as one source, with time stamps that go on from file to file."""

from __future__ import annotations

from dataclasses import replace
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO

import av
from av.stream import Disposition

from pipeline.decode.isolated_source import open_source
from pipeline.decode.source import VideoSource
from pipeline.errors import InputError, UsageError
from pipeline.job import SourceOptions
from pipeline.media.stream_names import describe

if TYPE_CHECKING:
    from collections.abc import Iterator

    from av.stream import Stream


def open_input(path: Path | BinaryIO, options: SourceOptions | None = None) -> VideoSource:
    """Opens what the options describe: one input, or several files that continue each other.

    Args:
        path: A file, or a file object where neither isolation nor further files are asked for.
        options: How to read it.

    Raises:
        InputError: As :class:`pipeline.decode.source.VideoSource` does.
        LimitError: If the input exceeds a limit.
        UsageError: If the options do not fit each other or the input.
    """
    options = options or SourceOptions()
    return JoinedSource(path, options) if options.continued else open_source(path, options)


class JoinedSource(VideoSource):
    """Files that continue each other, read one after the other.

    The first says what the output is: its streams, tags, chapters, time bases. Each further file begins where the last
    frame of the one before it ends, and all its streams move by the same time, so that sound and data stay with the
    picture.
    A file that can't be read, or whose picture is another, is left out and reported as damage: the clips before and
    behind it are worth having.
    """

    def __init__(self, path: Path | BinaryIO, options: SourceOptions) -> None:
        """Opens the first file.

        Args:
            path: Of the first file.
            options: How to read all of them.

        Raises:
            InputError: As :class:`pipeline.decode.source.VideoSource` does, of the first file.
            LimitError: If the first file exceeds a limit.
            UsageError: If the first is no file, or only a part of it is asked for.
        """
        if not isinstance(path, Path):
            raise UsageError("`continued` joins files; a pipe can't be one of them", field="continued")
        if options.start is not None or options.duration is not None:
            raise UsageError("`continued` joins whole files; leave out `start` and `duration`", field="continued")
        self._part_options = replace(options, continued=())
        self._later = options.continued
        self._part: VideoSource | None = open_source(path, self._part_options)
        self._own_notes: list[str] = []
        self._own_damage: list[str] = []
        self._past_packets = self._past_frames = 0
        try:
            super().__init__(path, self._part_options)
        except BaseException:
            self._part.close()
            raise
        self._backlog.clear()  # what is read comes from the parts
        files = 1 + len(self._later)
        self.name = f"{path} and {files - 1} more"
        # Loop recordings are cut into files of one length; it is only an estimate.
        self.frame_estimate = self.frame_estimate and self.frame_estimate * files
        self.duration = self.duration and self.duration * files

    @property
    def notes(self) -> list[str]:
        """As of :class:`pipeline.decode.source.VideoSource`, of all files so far."""
        return list(dict.fromkeys([*self._own_notes, *(self._part.notes if self._part else ())]))

    @property
    def corrupt_packets(self) -> int:
        """As of :class:`pipeline.decode.source.VideoSource`, of all files so far."""
        return self._past_packets + (self._part.corrupt_packets if self._part else 0)

    @property
    def corrupt_frames(self) -> int:
        """As of :class:`pipeline.decode.source.VideoSource`, of all files so far."""
        return self._past_frames + (self._part.corrupt_frames if self._part else 0)

    @property
    def damage(self) -> list[str]:
        """As of :class:`pipeline.decode.source.VideoSource`, of all files so far, each line with the file's name."""
        return [*self._own_damage, *(_named(self._part) if self._part else ())]

    def events(self) -> Iterator[av.VideoFrame | av.Packet[Stream]]:
        """As of :class:`pipeline.decode.source.VideoSource`; damage of the files behind the first is passed over."""
        shift = Fraction(0)
        for number, part in enumerate(self._parts()):
            streams = self._counterparts(part, with_covers=not number)
            if number:
                shift = self._end - (part.first_frame.pts or 0) * part.time_base
            for event in part.events():
                if isinstance(event, av.VideoFrame):
                    yield self._moved_frame(event, part.time_base, shift)
                elif event.stream.index in streams:
                    yield _moved_packet(event, streams[event.stream.index], shift)

    def close(self) -> None:
        """Closes the file that is being read, and the first one."""
        super().close()
        if self._part is not None:
            self._part.close()

    def _parts(self) -> Iterator[VideoSource]:
        """Opens one file after the other; those that do not fit are left out."""
        assert self._part is not None, "the first part is opened with this source"
        yield self._part
        self._end_part()
        for path in self._later:
            try:
                part = open_source(path, self._part_options)
            except InputError as error:
                self._own_damage.append(f"left out: {error}")
                continue
            if part.spec != self.spec:
                part.close()
                self._own_damage.append(
                    f"left out: {path} has another picture: {part.spec.width}x{part.spec.height} {part.spec.layout}"
                )
                continue
            self._part = part
            yield part
            self._end_part()

    def _end_part(self) -> None:
        """Keeps what the file that was read had to say, and closes it."""
        part = self._part
        if part is None:
            return
        self._own_notes += part.notes
        self._own_damage += _named(part)
        self._past_packets += part.corrupt_packets
        self._past_frames += part.corrupt_frames
        self._part = None
        part.close()

    def _counterparts(self, part: VideoSource, *, with_covers: bool) -> dict[int, Stream]:
        """Which stream of the first file each stream of another continues: the next one of its kind, by index."""
        free: dict[tuple[str, str], list[Stream]] = {}
        for stream in self.copied:
            free.setdefault(_kind(stream), []).append(stream)
        found: dict[int, Stream] = {}
        for stream in part.copied:
            if stream.disposition & Disposition.attached_pic and not with_covers:
                continue  # the first file's stands for all
            if matching := free.get(_kind(stream)):
                found[stream.index] = matching.pop(0)
            else:
                self._own_notes.append(f"{describe(stream)} of {part.name} continues no stream; left out")
        return found

    def _moved_frame(self, frame: av.VideoFrame, base: Fraction, shift: Fraction) -> av.VideoFrame:
        pts = frame.pts or 0
        length = frame.duration * base or (1 / self.average_rate if self.average_rate else Fraction(1, 25))
        self._end = pts * base + length + shift
        frame.pts = round((pts * base + shift) / self.time_base)
        frame.duration = round(frame.duration * base / self.time_base)
        frame.time_base = self.time_base
        return frame


def _moved_packet(packet: av.Packet[Stream], stream: Stream, shift: Fraction) -> av.Packet[Stream]:
    """The packet as one of another stream, later by so many seconds."""
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


def _named(part: VideoSource) -> list[str]:
    return [f"{part.name}: {line}" for line in part.damage]
