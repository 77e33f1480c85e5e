"""A source whose input is decoded in a separate process, so that a crash of the decoder is reported as an error."""

from __future__ import annotations

from dataclasses import replace
from fractions import Fraction
from typing import TYPE_CHECKING, Any, Self

import av

from pipeline.decode.beginning import Beginning
from pipeline.decode.container import seek
from pipeline.decode.demuxer import Demuxer
from pipeline.decode.info import describe
from pipeline.decode.shared_memory import SLOTS, SharedFrames
from pipeline.decode.worker import Child, ChildDied, ChildHangs
from pipeline.decode.worker_main import Findings
from pipeline.errors import DeblurError, InputError
from pipeline.media.native_formats import has_alpha
from pipeline.media.side_data import DOLBY_VISION
from pipeline.notes import Note, NoteCode
from pipeline.system.unexpected import UnexpectedError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from av.stream import Stream

    from network.planes import PlaneSpec
    from pipeline.job import Isolation, SourceOptions


MOST_RESTARTS = 10
"""Largest number of times that a decoding process is restarted for one input, before the input is given up."""


class IsolatedSource:
    """An open input whose frames are decoded by another process. A context manager.

    The interface is that of :class:`pipeline.decode.source.VideoSource`. The other process opens the input first,
    decodes the first frame and sends what it found. Only then does this process open the container, for its header and
    for the packets that are copied. Frames come through shared memory. Packets are read in this process, so that they
    keep everything that a message could not carry, and never farther than the other process has read.
    The other process is not a sandbox: it has all rights of this process.

    Where the other process crashes or hangs, a new process continues at the next keyframe. The frames in between are
    lost, and the loss is counted and located like all damage. It is an error only if the process dies before the first
    frame, or too often.

    Side data that libavcodec attaches to single frames (such as closed captions in the picture) is lost, because it
    can't be attached to a frame from outside. A note says so.

    Attributes:
        info: Description of the input.
    """

    def __init__(self, path: Path, options: SourceOptions, isolation: Isolation) -> None:
        """Starts the other process and opens the input.

        Args:
            path: Path of a file.
            options: Options for reading the input.
            isolation: Time-out of the other process.

        Raises:
            InputError: If the input can't be read, for the reasons that :class:`pipeline.decode.source.VideoSource`
                gives, or if the other process crashes or hangs.
            LimitError: If the input exceeds a limit.
        """
        self._path, self._options, self._timeout = path, options, isolation.timeout
        self._kept = self._baseline = Findings()
        self._restarts = 0
        self._last_pts: int | None = None
        self._last_number = self._skipped = -1
        self._demuxer: Demuxer | None = None
        self._frames: SharedFrames | None = None
        self._child = Child(path, options, self._timeout)
        try:
            beginning, self._found = self._expect_ready()
            beginning = self._without_dolby_vision(beginning)
            # Open until the source is closed: a packet that waits to be written still knows its stream.
            self._demuxer = Demuxer(path, options)
            self.info = describe(self._demuxer, options, beginning)
            self._packets = self._numbered_packets(self._demuxer, beginning.seek_time)
            self._frames = SharedFrames.create(beginning.spec, SLOTS, alpha=has_alpha(self.info.pixel_format))
            self._share()
        except BaseException:
            self.close()
            raise

    def __enter__(self) -> Self:
        """Returns the source itself."""
        return self

    def __exit__(self, *_error: object) -> None:
        """Closes the input and ends the other process."""
        self.close()

    @property
    def spec(self) -> PlaneSpec:
        """Layout of the planes of every frame."""
        return self.info.spec

    @property
    def process_id(self) -> int:
        """Process number (PID) of the other process."""
        return self._child.process_id

    @property
    def notes(self) -> list[Note]:
        """Notes for the user on conversions and surprises so far, one line each."""
        return list(self._found.notes)

    @property
    def corrupt_packets(self) -> int:
        """Number of video packets that could not be decoded, so far."""
        return self._found.corrupt_packets

    @property
    def corrupt_frames(self) -> int:
        """Number of frames that came out damaged (and are delivered), so far."""
        return self._found.corrupt_frames

    @property
    def damage(self) -> list[str]:
        """Places where the input is damaged, one line for each fault."""
        return list(self._found.damage)

    def events(self) -> Iterator[av.VideoFrame | av.Packet[Stream]]:
        """Yields the frames of the video stream and the packets of all other streams, once.

        Raises:
            InputError: If the other process crashes or hangs too often.
        """
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
                    yield from self._packet(message)
                case "found":
                    self._take_note(Findings.from_json(message["found"]))
                case "error":
                    raise _raised_there(message)
                case "end":
                    self._end()
                    return

    def close(self) -> None:
        """Closes the input and ends the other process."""
        if self._demuxer is not None:
            self._demuxer.close()
        self._end()

    def _end(self) -> None:
        """Ends the other process and frees the memory that it shares."""
        self._child.end()
        frames, self._frames = self._frames, None
        if frames is not None:
            frames.remove()

    def _expect_ready(self) -> tuple[Beginning, Findings]:
        try:
            message = self._child.receive()
        except (ChildDied, ChildHangs) as error:
            raise InputError(f"{self._path}: the decoder {error} before the first frame; the file is broken") from error
        if message["kind"] != "ready":
            raise _raised_there(message)
        return Beginning.from_json(message["beginning"]), Findings.from_json(message["found"])

    def _without_dolby_vision(self, beginning: Beginning) -> Beginning:
        """Says that Dolby Vision metadata does not come along with the frames."""
        if not DOLBY_VISION & beginning.first_frame.side_data.keys():
            return beginning
        note = Note(NoteCode.SIDE_DATA_DROPPED, "Dolby Vision metadata is left out with `isolation`")
        self._kept = replace(self._kept, notes=(note,))
        self._found = replace(self._found, notes=(*self._found.notes, note))
        return replace(beginning, first_frame=beginning.first_frame.without(DOLBY_VISION))

    def _share(self) -> None:
        assert self._frames is not None, "the memory is made before it is shared"
        self._child.send({"kind": "memory", "name": self._frames.name, "slots": SLOTS})

    def _go_on_behind(self, error: ChildDied | ChildHangs) -> None:
        """Replaces a process that crashed or hangs by a new one that continues at the next keyframe."""
        place = f"at {float((self._last_pts or 0) * self.info.time_base):.3f} s"
        reached = self._child.reached
        is_stuck = reached <= self._skipped  # as where the demuxer is what crashes
        was_interrupted = isinstance(error, ChildDied) and error.was_interrupted
        if self._restarts == MOST_RESTARTS or is_stuck or was_interrupted:
            raise InputError(
                f"{self._path}: the decoder {error} {place}, after {self._restarts} times before; leave out the rest "
                "by `duration`, or go on behind it by `start`"
            ) from error
        self._restarts += 1
        self._skipped = reached
        before = self._found
        self._kept = self._found = replace(
            before,
            damage=(*before.damage, f"{place}: the decoder {error}; frames up to the next keyframe are missing"),
            corrupt_packets=before.corrupt_packets + 1,
        )
        self._child.end()
        self._child = Child(self._path, self._options, self._timeout, skip=reached)
        _, self._baseline = self._expect_ready()
        self._share()

    def _take_note(self, found: Findings) -> None:
        """Adds the findings of the current process to those of the processes before it.

        Each process reads the beginning of the input anew and finds the same there, which is counted only once.
        """
        kept, known = self._kept, self._baseline
        self._found = Findings(
            tuple(dict.fromkeys((*kept.notes, *found.notes))),
            (*kept.damage, *found.damage[len(known.damage) :]),
            kept.corrupt_packets + found.corrupt_packets - known.corrupt_packets,
            kept.corrupt_frames + found.corrupt_frames - known.corrupt_frames,
        )

    def _frame(self, message: dict[str, Any]) -> Iterator[av.VideoFrame]:
        """Yields a frame, unless an earlier process has delivered it."""
        assert self._frames is not None, "frames come only after their memory was made"
        spec = self.info.spec
        is_new = self._last_pts is None or message["pts"] > self._last_pts
        frame = av.VideoFrame(spec.width, spec.height, self.info.pixel_format)
        if is_new:
            self._frames.take(message["slot"], frame)
        self._child.send({"kind": "free", "slot": message["slot"]})
        if not is_new:
            return
        frame.pts, frame.dts, frame.duration = message["pts"], message["dts"], message["duration"]
        frame.time_base = Fraction(*message["time_base"])
        frame.key_frame = message["is_key"]  # type: ignore[misc]  # its setter is not in PyAV's stubs
        frame.colorspace, frame.color_range, frame.color_trc, frame.color_primaries = message["colour"]
        self._last_pts = message["pts"]
        yield frame

    @staticmethod
    def _numbered_packets(demuxer: Demuxer, seek_time: Fraction | None) -> Iterator[tuple[int, av.Packet[Stream]]]:
        """Yields all packets of the input with their numbers, from the place where the other process began."""
        if seek_time is not None:
            seek(demuxer.container, demuxer.video, seek_time)
        yield from enumerate(demuxer.container.demux())

    def _packet(self, message: dict[str, Any]) -> Iterator[av.Packet[Stream]]:
        """Yields a packet that is copied, unless an earlier process has delivered it."""
        if message["number"] <= self._last_number:
            return
        self._last_number = message["number"]
        for number, packet in self._packets:
            if number == message["number"] and packet.stream.index == message["stream"]:
                packet.pts, packet.dts, packet.duration = message["pts"], message["dts"], message["duration"]
                yield packet
                return
        raise InputError(f"{self._path} has changed while it was read; try again when nothing writes to it")


def _raised_there(message: dict[str, Any]) -> BaseException:
    """Rebuilds the error that the other process caught: an error of this project's classes, or an unexpected one."""
    kind = DeblurError.kind(message["type"])
    if kind is not None:
        return kind(message["text"], field=message["field"])
    return UnexpectedError(message["text"])
