"""The output file: it takes coded frames and copied packets, and gets its final name when it is complete."""

from __future__ import annotations

import contextlib
import math
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO

import av
import av.error
from av.sidedata.sidedata import Type
from av.stream import Disposition

from pipeline.encode.completion import apply_edits, correct_times, promised
from pipeline.encode.container import MOV_FAMILY, keeps_times, plan_muxer
from pipeline.encode.copied_stream import CopiedStream
from pipeline.encode.distinct_times import fitting
from pipeline.encode.edits import OutputEdits
from pipeline.encode.encoders import writes_captions
from pipeline.encode.hidden_boxes import boxes_of, plan_boxes
from pipeline.encode.kept_tags import container_tags, video_tags
from pipeline.encode.output_file import OutputTarget, writing_errors
from pipeline.encode.plan_video import open_output, plan_video
from pipeline.encode.projection import UNOFFICIAL, add_like_input
from pipeline.encode.stream_copy import add_copy, add_cover, cover_boxes, plan_copies, takes_packet
from pipeline.encode.track_length import TrackLength
from pipeline.encode.written import differences
from pipeline.errors import OutputError, UsageError
from pipeline.job import SinkOptions
from pipeline.media.side_data import PROJECTION, lost_side_data
from pipeline.notes import Note, NoteCode
from pipeline.system.scheduling import ordinary_scheduling

if TYPE_CHECKING:
    from collections.abc import Iterator
    from fractions import Fraction

    from av.container import Chapter, OutputContainer
    from av.stream import Stream

    from pipeline.media.source_info import SourceInfo


class Muxer:
    """An open output, whose header is written under a temporary name.

    It takes frames that are already coded, and packets of other streams. Call ``finish`` at the end, or ``abandon`` at
    any time. A file under the final name is always complete.

    Attributes:
        name: Name of the output, for messages.
        plan: Encoder and settings of the video.
        container: Container that is written.
        video: Video stream of the output.
        has_encoder: Whether that stream has an encoder, which was opened for the header and may encode the frames. If
            not, an encoder that belongs to no output has to.
        keeps_times: Whether the container keeps the time of each frame. If not, the frame rate is constant.
        notes: Notes for the user on what changes or can't be carried, one line each. The list is complete before the
            first frame, except for what ``finish`` adds: packets that the container refused, what became of times where
            the frame rate is constant, and what it misses when it compares the output with the plan.
        is_closed: Whether the output is finished or abandoned.
    """

    def __init__(
        self, path: Path | BinaryIO, info: SourceInfo, options: SinkOptions | None = None, folder: Path | None = None
    ) -> None:
        """Plans the output and opens it.

        Args:
            path: Path of a file, or a file object (which may be a pipe, and is not closed).
            info: Description of the input that frames and packets come from.
            options: Options for writing the output.
            folder: Path of a folder for the temporary file; None for that of the output.

        Raises:
            UsageError: If the options contradict each other or do not fit the container, if the output is the input,
                or if another process is writing it.
            OutputError: If the output can't be created, or if it exists and ``overwrite`` is off.
        """
        self._options = options or SinkOptions()
        self._info = info
        if not isinstance(path, Path) and self._options.format is None:
            raise UsageError("an output without a file name needs `format`, such as `format` matroska", field="format")
        self.notes: list[Note] = []
        self.is_closed = False
        self._copies: dict[int, CopiedStream] = {}
        self._waiting: av.Packet[Any] | None = None
        self._length = TrackLength(info.time_base)
        self._target = OutputTarget(path, info.path, overwrite=self._options.overwrite, folder=folder)
        self.name = self._target.name
        try:
            self.container = self._create()
        except BaseException:
            self._target.discard()
            raise

    def write_video(self, packet: av.Packet[Any]) -> None:
        """Writes a coded frame of the video. The packet can't be used again.

        Raises:
            OutputError: If the output can't be written.
        """
        self._length.see(packet)
        if self.keeps_times:
            self._move(packet)
        packet.stream = self.video
        # One packet waits, because the last one needs a duration of its own.
        waiting, self._waiting = self._waiting, packet
        if waiting is not None:
            with writing_errors(self.name):
                self.container.mux_one(waiting)

    def write_packet(self, packet: av.Packet[Stream]) -> None:
        """Copies a packet of another stream. The packet can't be used again.

        A packet of a stream that is left out is ignored.

        Raises:
            OutputError: If the output can't be written.
        """
        copy = self._copies.get(packet.stream.index)
        if copy is None:
            return
        if not copy.is_proven or packet.has_sidedata("new_extradata"):
            if not takes_packet(self.container.format.name, copy.plan, packet):
                copy.refused += 1
                return
            copy.is_proven = True
        packet.stream = copy.stream
        copy.place(packet)
        self._move(packet)
        try:
            with writing_errors(self.name):
                for silence in copy.silence.before(packet) if copy.silence else ():
                    self.container.mux_one(silence)
                place = None if copy.times is None else ((packet.dts or 0) * packet.time_base, packet.size)
                self.container.mux_one(packet)
            copy.written += 1
            if copy.times is not None and place is not None:  # the muxer has taken the packet's content
                copy.times.add(*place)
        except OutputError as error:
            if not isinstance(error.__cause__, (av.error.ArgumentError, av.error.InvalidDataError)):
                raise
            copy.refused += 1  # a fault of this packet, not of the output

    def finish(self) -> None:
        """Closes the output and gives it its final name.

        Raises:
            OutputError: If the output can't be written, or if another program has created the file meanwhile.
        """
        if self.is_closed:
            return
        try:
            with writing_errors(self.name):
                self._write_last()
                self.container.close()
                self._complete()
            self._target.commit()
        except BaseException:
            self.abandon()
            raise
        self.is_closed = True
        if self._fitting is not None:
            self.notes += self._fitting.notes
        for copy in self._copies.values():
            self.notes += copy.notes

    def abandon(self) -> None:
        """Closes the output and deletes what was written; does nothing if the output is finished."""
        if self.is_closed:
            return
        self.is_closed = True
        with contextlib.suppress(av.error.FFmpegError, OSError, ValueError):
            self.container.close()
        self._target.discard()

    def _complete(self) -> None:
        """Changes in the file what FFmpeg can't write, and compares what is there with the plan."""
        path = self._target.opened
        if not isinstance(path, Path):
            return
        copies = self._copies.values()
        written = [copy.source for copy in copies if copy.written]
        counted = {copy.index: (copy.source, copy.times) for copy in copies if copy.times is not None}
        self.notes += correct_times(path, counted)
        self.notes += apply_edits(path, self.name, self._edits, [self._info.stream, *written])
        present = [copy.source for copy in copies if copy.written or copy.source.type == "attachment"]
        chapters = len(self._info.chapters) if self._muxer.has_chapters else 0
        promise = promised(self._info.stream, present, self._covers, self._muxer.tags, chapters, self._edits.movie)
        self.notes += differences(path, promise)

    def events(
        self, events: Iterator[av.VideoFrame | av.Packet[Stream]]
    ) -> Iterator[av.VideoFrame | av.Packet[Stream]]:
        """Fits the frames of a source to the container; they pass unchanged where it keeps their times."""
        return events if self._fitting is None else self._fitting.events(events)

    def _move(self, packet: av.Packet[Any]) -> None:
        """Moves a packet as all streams are moved."""
        if self._shift and packet.time_base:
            ticks = math.ceil(self._shift / packet.time_base)
            packet.pts = None if packet.pts is None else packet.pts + ticks
            packet.dts = None if packet.dts is None else packet.dts + ticks

    def _write_last(self) -> None:
        if self._waiting is not None:
            if self.container.format.name in MOV_FAMILY:
                self._length.stretch(self._waiting)
            self.container.mux_one(self._waiting)

    def _create(self) -> OutputContainer:
        info, options = self._info, self._options
        self.plan, format_name = plan_video(info, self._target.opened, self.name, options)
        editable, boxes = isinstance(self._target.opened, Path), boxes_of(info)
        copies = plan_copies(info, format_name, boxes=boxes, editable=editable)
        movie, dropped = plan_boxes(boxes, format_name, editable=editable)
        if movie is not None:
            boxed = cover_boxes(format_name, copies.covers, info.covers)
            movie = replace(movie, in_user_data=(*movie.in_user_data, *boxed))
        muxer = plan_muxer(info, format_name, self.plan.codec, seekable=self._target.seekable, movie=movie)
        self._muxer, self._covers = muxer, list(copies.covers)
        self._edits = OutputEdits.of(((copy.stream, copy.track) for copy in copies.streams), muxer.movie)
        self.notes += (*self.plan.notes, *copies.notes, *muxer.notes, *dropped)
        lost = lost_side_data(self.plan.encoder, info.first_frame.side_data, self.plan.carried)
        if lost:
            text = f"{self.plan.encoder} in {format_name} can't write {', '.join(lost)}; left out"
            self.notes.append(Note(NoteCode.SIDE_DATA_DROPPED, text))
        if Type.A53_CC in info.first_frame.side_data and not writes_captions(self.plan.encoder):
            text = f"{self.plan.encoder} can't write closed captions inside the picture; left out"
            self.notes.append(Note(NoteCode.CAPTIONS_DROPPED, text))

        unofficial = UNOFFICIAL if self.plan.carried else {}
        container = open_output(self._target.opened, self.name, options.format, {**muxer.options, **unofficial})
        container.metadata.update(container_tags(info.tags))
        container.set_chapters([_moved(chapter, muxer.moved) for chapter in info.chapters])
        self._shift = muxer.shift
        self.keeps_times = keeps_times(format_name)
        self._fitting = fitting(self.plan, info, format_name)
        planned = {copy.stream.index: copy for copy in copies.streams}
        covers = {stream.index for stream in copies.covers}
        for stream in info.streams:
            if stream.index == info.stream.index:
                self.video = self._add_video(container)
            elif stream.index in covers:
                add_cover(container, stream, info.covers[stream.index])
            elif stream.index in planned:
                copy = planned[stream.index]
                self._copies[stream.index] = CopiedStream(copy, add_copy(container, copy), format_name)
        with writing_errors(self.name), ordinary_scheduling():
            container.start_encoding()
        self._note_times(container)
        return container

    def _add_video(self, container: OutputContainer) -> av.VideoStream:
        info, plan = self._info, self.plan
        stream: Any
        self.has_encoder = not PROJECTION & plan.carried
        if self.has_encoder:
            stream = container.add_stream(plan.encoder, rate=plan.rate)
            plan.configure(stream.codec_context, info)
        else:
            stream = add_like_input(container, plan, info)
        stream.time_base = info.time_base if self.keeps_times else plan.time_base
        if container.format.name in MOV_FAMILY and plan.codec == "hevc":
            stream.codec_context.codec_tag = "hvc1"  # the only one that Apple's players take
        stream.metadata.update(video_tags(info.stream))
        stream.disposition = info.stream.disposition & ~Disposition.attached_pic
        if info.display_matrix and plan.turn is None:
            stream.set_display_matrix(info.display_matrix)
        return stream  # type: ignore[no-any-return]

    def _note_times(self, container: OutputContainer) -> None:
        base, wanted, name = self.video.time_base, self._info.time_base, container.format.name
        if not self.keeps_times:
            rate = float(self.plan.rate)
            text = f"{name} keeps a constant frame rate: frames come at {rate:.3f} a second"
            self.notes.append(Note(NoteCode.CONSTANT_RATE, text))
        elif base and (wanted / base).denominator != 1:
            text = f"{name} keeps times in steps of {base} s; times are rounded to it"
            self.notes.append(Note(NoteCode.TIMES_ROUNDED, text))


def _moved(chapter: Chapter, shift: Fraction) -> Chapter:
    ticks = round(shift / chapter["time_base"]) if shift and chapter["time_base"] else 0
    return {**chapter, "start": max(chapter["start"] + ticks, 0), "end": chapter["end"] + ticks}
