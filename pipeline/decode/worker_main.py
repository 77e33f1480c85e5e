"""Main function of the process that decodes for :mod:`pipeline.decode.isolated_source`.

Messages are JSON on a pipe. Pickle is not used, because a hostile file may have taken over the sending process.
"""

from __future__ import annotations

import contextlib
import json
import signal
from dataclasses import asdict, dataclass, replace
from typing import TYPE_CHECKING, Any

import av
from av.sidedata.sidedata import Type

from pipeline.decode.shared_memory import SharedFrames
from pipeline.decode.source import VideoSource
from pipeline.errors import DeblurError
from pipeline.media.native_formats import has_alpha
from pipeline.media.pyav18 import side_data
from pipeline.notes import Note, NoteCode
from pipeline.system.unexpected import explain

if TYPE_CHECKING:
    from multiprocessing.connection import Connection
    from pathlib import Path
    from typing import Self

    from av.stream import Stream

    from pipeline.job import SourceOptions


@dataclass(frozen=True, slots=True)
class Findings:
    """Notes and damage that a source has found so far.

    Attributes:
        notes: Notes for the user on conversions and surprises, one line each.
        damage: Places where the input is damaged, one line for each fault.
        corrupt_packets: Number of video packets that could not be decoded.
        corrupt_frames: Number of frames that came out damaged.
    """

    notes: tuple[Note, ...] = ()
    damage: tuple[str, ...] = ()
    corrupt_packets: int = 0
    corrupt_frames: int = 0

    @classmethod
    def of(cls, source: VideoSource) -> Self:
        """Reads the present findings of ``source``."""
        return cls(tuple(source.notes), tuple(source.damage), source.corrupt_packets, source.corrupt_frames)

    @classmethod
    def from_json(cls, values: dict[str, Any]) -> Self:
        """Rebuilds findings from the values of ``asdict`` that were sent as JSON."""
        notes = tuple(Note(NoteCode(note["code"]), note["text"], note["stream"]) for note in values["notes"])
        return cls(notes, tuple(values["damage"]), values["corrupt_packets"], values["corrupt_frames"])


def decode(connection: Connection, path: Path, options: SourceOptions, skip: int | None) -> None:
    """Decodes an input for another process, until that process goes away. Runs in a process of its own.

    Args:
        connection: Connection to the other process.
        path: Path of the input.
        options: Options for reading the input.
        skip: Number of a packet after which decoding continues; see :class:`pipeline.decode.worker.Child`.
    """
    signal.signal(signal.SIGINT, signal.SIG_DFL)  # Ctrl-C is for the other process to explain
    try:
        _Decoding(connection, path, options, skip).run()
    except (EOFError, OSError) as error:
        if not isinstance(error, (EOFError, BrokenPipeError, ConnectionError)):
            _tell_error(connection, error)
    except Exception as error:  # noqa: BLE001 - raised again in the other process
        _tell_error(connection, error)


def _tell_error(connection: Connection, error: Exception) -> None:
    ours = error if isinstance(error, DeblurError) else None
    message = {
        "kind": "error",
        "type": type(error).__name__,
        "text": str(error) if ours else f"{explain(error)}, in the decoding process",
        "field": ours and ours.field,
    }
    with contextlib.suppress(OSError):
        connection.send_bytes(json.dumps(message).encode())


class _Decoding:
    """The work of the decoding process: reads events of the source and sends them."""

    def __init__(self, connection: Connection, path: Path, options: SourceOptions, skip: int | None) -> None:
        self._connection, self._path, self._options, self._skip = connection, path, options, skip
        self._video: int | None = None
        self._found = Findings()
        self._lost: dict[Note, None] = {}

    def run(self) -> None:
        with VideoSource(self._path, self._options, wants=self._wants) as source:
            self._video = source.info.stream.index
            self._found = Findings.of(source)
            self._tell({"kind": "ready", "beginning": source.beginning.as_json(), "found": asdict(self._found)})
            memory = self._hear("memory")
            alpha = has_alpha(source.info.pixel_format)
            frames = SharedFrames.attach(memory["name"], source.spec, memory["slots"], alpha=alpha)
            free = list(range(memory["slots"]))
            for event in source.events():
                self._tell_findings(source)
                if isinstance(event, av.VideoFrame):
                    while self._connection.poll() or not free:
                        free.append(self._hear("free")["slot"])
                    slot = free.pop()
                    frames.put(event, slot)
                    self._tell_frame(event, slot)
                else:
                    self._tell_packet(event)
            self._tell_findings(source)
            self._tell({"kind": "end"})
            self._wait_for_the_other()
            frames.close()

    def _wants(self, number: int, packet: av.Packet[Stream]) -> bool:
        """Marks a packet with its number, reports that it was reached, and decides whether it is processed."""
        packet.opaque = number
        self._tell({"kind": "at", "number": number})
        # The first frame has to be the same as ever: times are counted from it.
        if self._skip is None or not packet.size or packet.stream.index != self._video:
            return True
        if number > self._skip and packet.is_keyframe:
            self._skip = None
        return self._skip is None

    def _tell(self, message: dict[str, Any]) -> None:
        self._connection.send_bytes(json.dumps(message).encode())

    def _hear(self, expected: str) -> dict[str, Any]:
        message: dict[str, Any] = json.loads(self._connection.recv_bytes())
        assert message["kind"] == expected, f"the other process says {message['kind']}, not {expected}"
        return message

    def _wait_for_the_other(self) -> None:
        """Keeps the memory until the other process has read the last frames and closes the connection."""
        with contextlib.suppress(EOFError, OSError):
            while True:
                self._connection.recv_bytes()

    def _tell_findings(self, source: VideoSource) -> None:
        found = Findings.of(source)
        found = replace(found, notes=(*found.notes, *self._lost))
        if found != self._found:
            self._found = found
            self._tell({"kind": "found", "found": asdict(found)})

    def _tell_frame(self, frame: av.VideoFrame, slot: int) -> None:
        base = frame.time_base
        assert base, "the source sets the time base"
        if Type.A53_CC in side_data(frame):
            text = "closed captions inside the picture are left out with `isolation`"
            self._lost[Note(NoteCode.CAPTIONS_DROPPED, text)] = None
        self._tell(
            {
                "kind": "frame",
                "slot": slot,
                "pts": frame.pts,
                "dts": frame.dts,
                "duration": frame.duration,
                "is_key": bool(frame.key_frame),
                "time_base": [base.numerator, base.denominator],
                "colour": [
                    int(value)
                    for value in (frame.colorspace, frame.color_range, frame.color_trc, frame.color_primaries)
                ],
            }
        )

    def _tell_packet(self, packet: av.Packet[Stream]) -> None:
        self._tell(
            {
                "kind": "packet",
                "number": packet.opaque,
                "stream": packet.stream.index,
                "pts": packet.pts,
                "dts": packet.dts,
                "duration": packet.duration,
            }
        )
