"""The process that decodes for :mod:`pipeline.isolate`, and what lies between the two: messages and shared memory.

Messages are JSON on a pipe: nothing that comes out of a process which may have crashed is unpickled.
"""

from __future__ import annotations

import contextlib
import json
import multiprocessing
import shutil
import signal
import time
from multiprocessing.shared_memory import SharedMemory
from pathlib import Path
from typing import TYPE_CHECKING, Any

import av
import numpy as np
from av.sidedata.sidedata import Type

from network.planes import PlaneBatch
from pipeline.errors import InputError
from pipeline.frames import read_planes
from pipeline.source import VideoSource

if TYPE_CHECKING:
    from collections.abc import Iterable
    from multiprocessing.connection import Connection
    from typing import Self

    from av.sidedata.sidedata import SideData
    from av.stream import Stream

    from network.planes import PlaneSpec
    from pipeline.source import SourceOptions

SLOTS = 3
"""Frames in shared memory: one being written, one being read, one between."""

_PULSE = 0.5
"""Seconds between two signs of life at least."""

_GRACE = 2.0
"""Seconds that the process gets to end by itself."""

_SHARED_FOLDER = Path("/dev/shm")  # noqa: S108 - not a temporary file: where Linux keeps shared memory
"""Containers limit it, and a process that writes beyond the limit is killed."""


class ChildDied(Exception):  # noqa: N818 - translated where it is caught
    """The process has ended without a word; ``code`` is its exit code, negative for a signal."""

    def __init__(self, code: int | None) -> None:
        super().__init__(f"exit code {code}")
        self.code = code


class ChildHangs(Exception):  # noqa: N818 - translated where it is caught
    """The process has made no progress for ``seconds``."""

    def __init__(self, seconds: float) -> None:
        super().__init__(f"no progress for {seconds} s")
        self.seconds = seconds


class SharedFrames:
    """Planes of a few frames in memory that two processes share.

    Attributes:
        name: By which the other process finds it.
        batch: The planes.
    """

    def __init__(self, memory: SharedMemory, spec: PlaneSpec, slots: int) -> None:
        """Lays planes over ``memory``, which must be large enough."""
        self._memory = memory
        self.name = memory.name
        planes, offset = [], 0
        for shape in spec.plane_shapes:
            planes.append(np.ndarray((slots, *shape), spec.dtype, memory.buf, offset))
            offset += planes[-1].nbytes
        self.batch = PlaneBatch(spec, tuple(planes))

    @classmethod
    def create(cls, spec: PlaneSpec, slots: int) -> Self:
        """Makes new memory.

        Raises:
            InputError: If there is not enough of it.
        """
        size = slots * sum(int(np.prod(shape)) for shape in spec.plane_shapes) * spec.dtype.itemsize
        if _SHARED_FOLDER.is_dir() and shutil.disk_usage(_SHARED_FOLDER).free < size:
            raise InputError(
                f"--isolate needs {size} bytes of shared memory for frames of {spec.width}x{spec.height}, more than "
                f"{_SHARED_FOLDER} has free; enlarge that, or leave --isolate out"
            )
        return cls(SharedMemory(create=True, size=size), spec, slots)

    @classmethod
    def attach(cls, name: str, spec: PlaneSpec, slots: int) -> Self:
        """Finds memory that the other process made."""
        return cls(SharedMemory(name), spec, slots)

    def close(self) -> None:
        """Lets go of the memory; ``batch`` must not be used any more."""
        del self.batch
        self._memory.close()

    def remove(self) -> None:
        """Lets go of the memory and gives it back to the system."""
        self.close()
        self._memory.unlink()


class Child:
    """The decoding process as the other one sees it."""

    def __init__(self, path: Path, options: SourceOptions, timeout: float) -> None:
        """Starts it.

        Args:
            path: Of the input.
            options: How to read it.
            timeout: Seconds without any progress after which it is taken to hang.
        """
        context = multiprocessing.get_context(
            "spawn"
        )  # a fork would inherit the threads of libraries, but not run them
        self._connection, theirs = context.Pipe()
        self._process = context.Process(target=decode, args=(theirs, path, options), daemon=True)
        self._process.start()
        theirs.close()  # so that its end in the other process is the only one
        self._timeout = timeout
        self.process_id: int = self._process.pid or 0

    def send(self, message: dict[str, Any]) -> None:
        """Sends a message; that the process is gone shows when its next one is due."""
        with contextlib.suppress(OSError):
            self._connection.send_bytes(json.dumps(message).encode())

    def receive(self) -> dict[str, Any]:
        """The next message but signs of life.

        Raises:
            ChildDied: If the process has ended.
            ChildHangs: If it makes no progress.
        """
        while True:
            try:
                if not self._connection.poll(self._timeout):
                    raise ChildHangs(self._timeout)
                message: dict[str, Any] = json.loads(self._connection.recv_bytes())
            except (EOFError, OSError):
                self._process.join(_GRACE)
                raise ChildDied(self._process.exitcode) from None
            if message["kind"] != "alive":
                return message

    def end(self) -> None:
        """Ends the process, whatever it is doing."""
        self._connection.close()
        self._process.join(_GRACE)
        if self._process.is_alive():
            self._process.kill()
            self._process.join()
        self._process.close()


def decode(connection: Connection, path: Path, options: SourceOptions) -> None:
    """Decodes an input for another process, until that goes away. Runs in a process of its own.

    Args:
        connection: To that process.
        path: Of the input.
        options: How to read it.
    """
    signal.signal(signal.SIGINT, signal.SIG_DFL)  # Ctrl-C is for the other process to explain
    try:
        _Decoding(connection, path, options).run()
    except (EOFError, OSError) as error:
        if not isinstance(error, (EOFError, BrokenPipeError, ConnectionError)):
            _tell_error(connection, error)
    except Exception as error:  # noqa: BLE001 - raised again in the other process
        _tell_error(connection, error)


def _tell_error(connection: Connection, error: Exception) -> None:
    message = {"kind": "error", "type": type(error).__name__, "text": str(error)}
    with contextlib.suppress(OSError):
        connection.send_bytes(json.dumps(message).encode())


class _Decoding:
    """What the decoding process does."""

    def __init__(self, connection: Connection, path: Path, options: SourceOptions) -> None:
        self._connection, self._path, self._options = connection, path, options
        self._last_pulse = time.monotonic()
        self._state: dict[str, Any] = {}
        self._loses: set[str] = set()

    def run(self) -> None:
        with VideoSource(self._path, self._options, on_packet=self._see) as source:
            self._tell({"kind": "ready"})
            memory = self._hear("memory")
            frames = SharedFrames.attach(memory["name"], source.spec, memory["slots"])
            free = list(range(memory["slots"]))
            for event in source.events():
                self._tell_state(source)
                if isinstance(event, av.VideoFrame):
                    while self._connection.poll() or not free:
                        free.append(self._hear("free")["slot"])
                    slot = free.pop()
                    read_planes(event, frames.batch, slot)
                    self._tell_frame(event, slot)
                else:
                    self._tell_packet(event)
            self._tell_state(source)
            self._tell({"kind": "end"})
            self._wait_for_the_other()
            frames.close()

    def _see(self, number: int, packet: av.Packet[Stream]) -> None:
        """Marks a packet with its number, and gives a sign of life."""
        packet.opaque = number
        if time.monotonic() - self._last_pulse > _PULSE:
            self._last_pulse = time.monotonic()
            self._tell({"kind": "alive"})

    def _tell(self, message: dict[str, Any]) -> None:
        self._connection.send_bytes(json.dumps(message).encode())

    def _hear(self, expected: str) -> dict[str, Any]:
        message: dict[str, Any] = json.loads(self._connection.recv_bytes())
        if message["kind"] != expected:
            raise AssertionError(f"the other process says {message['kind']}, not {expected}")
        return message

    def _wait_for_the_other(self) -> None:
        """Keeps the memory until the other process has read the last frames and hangs up."""
        with contextlib.suppress(EOFError, OSError):
            while True:
                self._connection.recv_bytes()

    def _tell_state(self, source: VideoSource) -> None:
        state = {
            "kind": "state",
            "notes": [*source.notes, *sorted(self._loses)],
            "corrupt_packets": source.corrupt_packets,
            "corrupt_frames": source.corrupt_frames,
            "damage": source.damage,
        }
        if state != self._state:
            self._state = state
            self._tell(state)

    def _tell_frame(self, frame: av.VideoFrame, slot: int) -> None:
        base = frame.time_base
        if base is None:
            raise AssertionError("the source sets the time base")
        side_data: Iterable[SideData] = frame.side_data  # type: ignore[assignment]  # a mapping that yields values
        if any(data.type is Type.A53_CC for data in side_data):
            self._loses.add("closed captions inside the picture are left out with --isolate")
        self._tell(
            {
                "kind": "frame",
                "slot": slot,
                "pts": frame.pts,
                "dts": frame.dts,
                "duration": frame.duration,
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
