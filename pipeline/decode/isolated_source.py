"""A source whose input is demuxed and decoded in a process of its own: a crash there is an error here."""

from __future__ import annotations

from dataclasses import replace
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO

import av

from pipeline.decode.container import open_container, seek
from pipeline.decode.shared_memory import SLOTS, SharedFrames
from pipeline.decode.source import VideoSource
from pipeline.decode.worker import Child, ChildDied, ChildHangs
from pipeline.decode.worker_main import Findings
from pipeline.errors import DeblurError, InputError, UsageError
from pipeline.job import SourceOptions
from pipeline.media.frames import pixel_format_of, write_planes
from pipeline.system.unexpected import UnexpectedError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from av.container import InputContainer
    from av.stream import Stream

    from pipeline.job import Isolation


MOST_RESTARTS = 10
"""Processes that take the place of ones that died, for one input. A file that kills more is not worth the time."""


def open_source(path: Path | BinaryIO, options: SourceOptions | None = None) -> VideoSource:
    """Opens an input as the options say: decoded in this process, or in one of its own.

    Args:
        path: A file; without isolation also a file object.
        options: How to read it.

    Raises:
        InputError: As :class:`pipeline.decode.source.VideoSource` does, or if the other process crashes or hangs.
        LimitError: If the input exceeds a limit.
        UsageError: If a pipe is to be decoded in a process of its own.
    """
    options = options or SourceOptions()
    if options.isolation is None:
        return VideoSource(path, options)
    if not isinstance(path, Path):
        raise UsageError(
            "`isolation` needs a file, because two processes read it; leave it out for a pipe", field="isolation"
        )
    return IsolatedSource(path, options, options.isolation)


class IsolatedSource(VideoSource):
    """A :class:`pipeline.decode.source.VideoSource` whose frames come from another process.

    That process always goes first: it opens the input, decodes the first frame, and only then is the header read
    here, for what the output needs to know of it. Frames come through shared memory. Packets that are copied are
    read here, never farther than the other process has come, so that they lose nothing on a way through pipes.
    What the other process gets wrong may still be harmful: it has all rights of this one, and is no sandbox.

    Where that process crashes or hangs, another one goes on at the next keyframe: what lies between is lost, and is
    counted and located like every damage. Only where it dies before the first frame, or too often, is that an error.

    What libavcodec attaches to single frames (such as closed captions in the picture) can't be put on a frame from
    outside, and is lost; a note says so.
    """

    def __init__(self, path: Path, options: SourceOptions, isolation: Isolation) -> None:
        """Starts the other process and opens the input.

        Args:
            path: A file.
            options: How to read it.
            isolation: How long to wait.

        Raises:
            InputError: As :class:`pipeline.decode.source.VideoSource` does, or if the other process crashes or hangs.
            LimitError: If the input exceeds a limit.
        """
        self._file, self._how, self._timeout = path, options, isolation.timeout
        self._found: Findings | None = None
        self._kept = Findings()
        self._baseline: Findings | None = Findings()
        self._restarts = 0
        self._last_pts: int | None = None
        self._last_number = self._skipped = -1
        self._packet_container: InputContainer | None = None
        self._frames: SharedFrames | None = None
        self._child = Child(path, options, self._timeout)
        try:
            self._expect_ready()
            super().__init__(path, options)
            self._backlog.clear()
            self._frames = SharedFrames.create(self.spec, SLOTS)
            self._share()
        except BaseException:
            self._end()
            raise

    @property
    def process_id(self) -> int:
        """Of the other process."""
        return self._child.process_id

    @property
    def notes(self) -> list[str]:
        """As of :class:`pipeline.decode.source.VideoSource`."""
        return super().notes if self._found is None else list(self._found.notes)

    @property
    def corrupt_packets(self) -> int:
        """As of :class:`pipeline.decode.source.VideoSource`."""
        return super().corrupt_packets if self._found is None else self._found.corrupt_packets

    @property
    def corrupt_frames(self) -> int:
        """As of :class:`pipeline.decode.source.VideoSource`."""
        return super().corrupt_frames if self._found is None else self._found.corrupt_frames

    @property
    def damage(self) -> list[str]:
        """As of :class:`pipeline.decode.source.VideoSource`."""
        return super().damage if self._found is None else list(self._found.damage)

    def events(self) -> Iterator[av.VideoFrame | av.Packet[Stream]]:
        """As of :class:`pipeline.decode.source.VideoSource`.

        Raises:
            InputError: If the other process crashes or hangs too often.
        """
        packets = self._copied_packets()
        while True:
            try:
                message = self._child.receive()
            except (ChildDied, ChildHangs) as error:
                self._go_on_behind(error)
                continue
            match message["kind"]:
                case "frame":
                    yield from self._frame(message)
                case "packet":
                    yield from self._packet(packets, message)
                case "found":
                    self._take_note(message)
                case "error":
                    raise _raised_there(message)
                case "end":
                    return

    def close(self) -> None:
        """Closes the input and ends the other process."""
        super().close()
        if self._packet_container is not None:
            self._packet_container.close()
        self._end()

    def _end(self) -> None:
        self._child.end()
        if self._frames is not None:
            self._frames.remove()

    def _expect_ready(self) -> None:
        try:
            message = self._child.receive()
        except (ChildDied, ChildHangs) as error:
            raise InputError(f"{self._file}: the decoder {error} before the first frame; the file is broken") from error
        if message["kind"] != "ready":
            raise _raised_there(message)

    def _share(self) -> None:
        assert self._frames is not None, "the memory is made before it is shared"
        self._child.send({"kind": "memory", "name": self._frames.name, "slots": SLOTS})

    def _go_on_behind(self, error: ChildDied | ChildHangs) -> None:
        """Replaces a process that has come to harm by one that goes on at the next keyframe."""
        place = f"at {float((self._last_pts or 0) * self.time_base):.3f} s"
        reached = self._child.reached
        is_stuck = reached <= self._skipped  # as where the demuxer is what crashes
        was_interrupted = isinstance(error, ChildDied) and error.was_interrupted
        if self._restarts == MOST_RESTARTS or is_stuck or was_interrupted:
            raise InputError(
                f"{self._file}: the decoder {error} {place}, after {self._restarts} times before; leave out the rest "
                "by `duration`, or go on behind it by `start`"
            ) from error
        self._restarts += 1
        self._skipped = reached
        before = self._found or Findings.of(self)
        self._kept = replace(
            before,
            damage=(*before.damage, f"{place}: the decoder {error}; frames up to the next keyframe are missing"),
            corrupt_packets=before.corrupt_packets + 1,
        )
        self._found, self._baseline = self._kept, None
        self._child.end()
        self._child = Child(self._file, self._how, self._timeout, skip=reached)
        self._expect_ready()
        self._share()

    def _take_note(self, message: dict[str, Any]) -> None:
        """Adds what the process has found to what those before it had; each begins by finding the same as the first."""
        found = Findings(
            tuple(message["notes"]), tuple(message["damage"]), message["corrupt_packets"], message["corrupt_frames"]
        )
        self._baseline = known = self._baseline or found
        self._found = Findings(
            tuple(dict.fromkeys((*self._kept.notes, *found.notes))),
            (*self._kept.damage, *found.damage[len(known.damage) :]),
            self._kept.corrupt_packets + found.corrupt_packets - known.corrupt_packets,
            self._kept.corrupt_frames + found.corrupt_frames - known.corrupt_frames,
        )

    def _frame(self, message: dict[str, Any]) -> Iterator[av.VideoFrame]:
        """Yields a frame, unless a process before has given it."""
        assert self._frames is not None, "frames come only after their memory was made"
        spec = self.spec
        is_new = self._last_pts is None or message["pts"] > self._last_pts
        frame = av.VideoFrame(spec.width, spec.height, pixel_format_of(spec))
        if is_new:
            write_planes(self._frames.batch, message["slot"], frame)
        self._child.send({"kind": "free", "slot": message["slot"]})
        if not is_new:
            return
        frame.pts, frame.dts, frame.duration = message["pts"], message["dts"], message["duration"]
        frame.time_base = Fraction(*message["time_base"])
        frame.key_frame = message["is_key"]  # type: ignore[misc]  # its setter is not in PyAV's stubs
        frame.colorspace, frame.color_range, frame.color_trc, frame.color_primaries = message["colour"]
        self._last_pts = message["pts"]
        yield frame

    def _copied_packets(self) -> Iterator[tuple[int, av.Packet[Stream]]]:
        """All packets of the input with their numbers, from where the other process began."""
        how = self._how
        # Open until the source is closed: a packet that waits to be written still knows its stream.
        self._packet_container = open_container(self._file, self.name, how.format, how.limits, None)
        video = self._packet_container.streams[self.stream.index]
        for stream in self.copied:
            self._packet_container.streams[stream.index].discard = stream.discard
        if self.place is not None and isinstance(video, av.VideoStream):
            seek(self._packet_container, video, self.place)
        yield from enumerate(self._packet_container.demux())

    def _packet(
        self, packets: Iterator[tuple[int, av.Packet[Stream]]], message: dict[str, Any]
    ) -> Iterator[av.Packet[Stream]]:
        """Yields a packet that is copied, unless a process before has given it."""
        if message["number"] <= self._last_number:
            return
        self._last_number = message["number"]
        for number, packet in packets:
            if number == message["number"] and packet.stream.index == message["stream"]:
                packet.pts, packet.dts, packet.duration = message["pts"], message["dts"], message["duration"]
                yield packet
                return
        raise InputError(f"{self._file} has changed while it was read; try again when nothing writes to it")


def _raised_there(message: dict[str, Any]) -> BaseException:
    """The error that the other process caught: one of this project's, or a fault of this program."""
    kind = DeblurError.kind(message["type"])
    if kind is not None:
        return kind(message["text"], field=message["field"])
    return UnexpectedError(message["text"])
