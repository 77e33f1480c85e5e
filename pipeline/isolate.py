"""A source whose input is demuxed and decoded in a process of its own: a crash there is an error here."""

from __future__ import annotations

import contextlib
import signal
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO

import av

from pipeline import errors
from pipeline.errors import DeblurError, InputError, UsageError
from pipeline.frames import pixel_format_of, write_planes
from pipeline.isolated import SLOTS, Child, ChildDied, ChildHangs, SharedFrames
from pipeline.opening import open_container, seek
from pipeline.source import SourceOptions, VideoSource

if TYPE_CHECKING:
    from collections.abc import Iterator

    from av.stream import Stream

    from pipeline.isolation import Isolation


def open_source(path: Path | BinaryIO, options: SourceOptions | None = None) -> VideoSource:
    """Opens an input as the options say: decoded in this process, or in one of its own.

    Args:
        path: A file; without isolation also a file object.
        options: How to read it.

    Raises:
        InputError: As :class:`pipeline.source.VideoSource` does, or if the other process crashes or hangs.
        LimitError: If the input exceeds a limit.
        UsageError: If a pipe is to be decoded in a process of its own.
    """
    options = options or SourceOptions()
    if options.isolation is None:
        return VideoSource(path, options)
    if not isinstance(path, Path):
        raise UsageError("--isolate needs a file, because two processes read it; leave it out for a pipe")
    return IsolatedSource(path, options, options.isolation)


class IsolatedSource(VideoSource):
    """A :class:`pipeline.source.VideoSource` whose frames come from another process.

    That process always goes first: it opens the input, decodes the first frame, and only then is the header read
    here, for what the output needs to know of it. Frames come through shared memory. Packets that are copied are
    read here, never farther than the other process has come, so that they lose nothing on a way through pipes.
    What the other process gets wrong may still be harmful: it has all rights of this one, and is no sandbox.

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
            InputError: As :class:`pipeline.source.VideoSource` does, or if the other process crashes or hangs.
            LimitError: If the input exceeds a limit.
        """
        self._file, self._how = path, options
        self._told: dict[str, Any] | None = None
        self._time = ""
        self._frames: SharedFrames | None = None
        self._child = Child(path, options, isolation.timeout)
        try:
            self._receive("ready")
            super().__init__(path, options)
            self._backlog.clear()
            self._frames = SharedFrames.create(self.spec, SLOTS)
            self._child.send({"kind": "memory", "name": self._frames.name, "slots": SLOTS})
        except BaseException:
            self._end()
            raise

    @property
    def process_id(self) -> int:
        """Of the other process."""
        return self._child.process_id

    @property
    def notes(self) -> list[str]:
        """As of :class:`pipeline.source.VideoSource`."""
        return super().notes if self._told is None else list(self._told["notes"])

    @property
    def corrupt_packets(self) -> int:
        """As of :class:`pipeline.source.VideoSource`."""
        return super().corrupt_packets if self._told is None else int(self._told["corrupt_packets"])

    @property
    def corrupt_frames(self) -> int:
        """As of :class:`pipeline.source.VideoSource`."""
        return super().corrupt_frames if self._told is None else int(self._told["corrupt_frames"])

    @property
    def damage(self) -> list[str]:
        """As of :class:`pipeline.source.VideoSource`."""
        return super().damage if self._told is None else list(self._told["damage"])

    def events(self) -> Iterator[av.VideoFrame | av.Packet[Stream]]:
        """As of :class:`pipeline.source.VideoSource`.

        Raises:
            InputError: If the other process crashes or hangs.
        """
        packets = self._copied_packets()
        while (message := self._receive())["kind"] != "end":
            if message["kind"] == "frame":
                yield self._frame(message)
            elif message["kind"] == "packet":
                yield self._packet(packets, message)
            else:
                self._told = message

    def close(self) -> None:
        """Closes the input and ends the other process."""
        super().close()
        self._end()

    def _end(self) -> None:
        self._child.end()
        if self._frames is not None:
            self._frames.remove()

    def _receive(self, expected: str = "") -> dict[str, Any]:
        """The next message; errors of the other process are raised here."""
        reached = f"at {self._time}" if self._time else "before the first frame"
        try:
            message = self._child.receive()
        except ChildHangs as error:
            raise InputError(
                f"{self._file}: decoding hangs {reached} and was given up after {error.seconds:g} s; the file is "
                "broken there, or --hang-timeout too short"
            ) from error
        except ChildDied as error:
            raise InputError(
                f"{self._file}: the decoder crashed {reached} ({_how_it_died(error.code)}); leave out the rest by "
                "--duration, or go on behind it by --start"
            ) from error
        if message["kind"] == "error":
            raise _raised_there(message)
        if expected and message["kind"] != expected:
            raise AssertionError(f"the other process says {message['kind']}, not {expected}")
        return message

    def _frame(self, message: dict[str, Any]) -> av.VideoFrame:
        if self._frames is None:
            raise AssertionError("frames come only after their memory was made")
        spec = self.spec
        frame = av.VideoFrame(spec.width, spec.height, pixel_format_of(spec))
        write_planes(self._frames.batch, message["slot"], frame)
        self._child.send({"kind": "free", "slot": message["slot"]})
        frame.pts, frame.dts, frame.duration = message["pts"], message["dts"], message["duration"]
        frame.time_base = Fraction(*message["time_base"])
        frame.colorspace, frame.color_range, frame.color_trc, frame.color_primaries = message["colour"]
        self._time = f"{frame.time:.3f} s"
        return frame

    def _copied_packets(self) -> Iterator[tuple[int, av.Packet[Stream]]]:
        """All packets of the input with their numbers, from where the other process began."""
        how = self._how
        with open_container(self._file, self.name, how.format, how.limits, None) as container:
            video = container.streams[self.stream.index]
            for stream in self.copied:
                container.streams[stream.index].discard = stream.discard
            if self.place is not None and isinstance(video, av.VideoStream):
                seek(container, video, self.place)
            yield from enumerate(container.demux())

    def _packet(self, packets: Iterator[tuple[int, av.Packet[Stream]]], message: dict[str, Any]) -> av.Packet[Stream]:
        for number, packet in packets:
            if number == message["number"] and packet.stream.index == message["stream"]:
                packet.pts, packet.dts, packet.duration = message["pts"], message["dts"], message["duration"]
                return packet
        raise InputError(f"{self._file} has changed while it was read; try again when nothing writes to it")


def _raised_there(message: dict[str, Any]) -> BaseException:
    """The error that the other process caught: one of this project's, or a fault of this program."""
    kind = getattr(errors, message["type"], None)
    if isinstance(kind, type) and issubclass(kind, DeblurError):
        return kind(message["text"])
    return RuntimeError(f"{message['type']} in the decoding process: {message['text']}")


def _how_it_died(code: int | None) -> str:
    if code is not None and code < 0:
        with contextlib.suppress(ValueError):
            return f"signal {signal.Signals(-code).name}"
    return f"exit code {code}"
