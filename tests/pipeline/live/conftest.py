"""Engines whose work can be seen and held up, frames made to order, and a sender that can be cut."""

from __future__ import annotations

import contextlib
import socket
import threading
import time
from fractions import Fraction
from typing import TYPE_CHECKING, Any

import av
import av.error
import numpy as np
import pytest

from network.planes import PlaneBatch, PlaneSpec
from pipeline.errors import EngineError
from pipeline.live.hub import LiveHub
from pipeline.runner.protocols import EngineInfo

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator


class AddingEngine:
    """Adds 10 to luma; can be held up, slowed and made to refuse frames."""

    def __init__(self) -> None:
        self.info = EngineInfo("test", "test", "int", "adding", "")
        self.may_run = threading.Event()
        self.may_run.set()
        self.is_running = threading.Event()
        self.seconds = 0.0
        self.refused_width = 0
        self.specs: list[PlaneSpec] = []
        self.resets = self.runs = 0

    def buffers(self, spec: PlaneSpec, batch: int) -> PlaneBatch:
        if spec.width == self.refused_width:
            raise EngineError(f"frames of width {spec.width} are refused")
        self.specs.append(spec)
        return PlaneBatch.empty(spec, batch)

    def run(self, batch: PlaneBatch, out: PlaneBatch) -> None:
        self.is_running.set()
        assert self.may_run.wait(20)
        time.sleep(self.seconds)
        for source, target in zip(batch.planes, out.planes, strict=True):
            target[...] = source
        out.planes[0][...] = np.minimum(batch.planes[0], 245) + 10
        self.runs += 1

    def reset(self) -> None:
        self.resets += 1


def make_frame(level: int = 100, size: tuple[int, int] = (64, 48), pixel_format: str = "yuv420p") -> av.VideoFrame:
    """A frame whose luma is ``level`` everywhere."""
    frame = av.VideoFrame(*size, pixel_format)
    for number, plane in enumerate(frame.planes):
        plane.update(bytes([level if number == 0 else 128]) * plane.buffer_size)
    frame.pts, frame.time_base = 0, Fraction(1, 90000)
    return frame


def luma_of(frame: av.VideoFrame) -> int:
    """The luma of the first sample."""
    return int(np.frombuffer(frame.planes[0], np.uint8)[0])


class Sender:
    """Sends a moving picture as an MPEG transport stream over TCP, at its pace, to whoever connects."""

    def __init__(self) -> None:
        with socket.create_server(("127.0.0.1", 0)) as server:
            self.port = server.getsockname()[1]
        self.size = (64, 48)
        self.rate = 25
        self.is_silent = False
        self._server: socket.socket | None = None
        self._thread: threading.Thread | None = None
        self._connection: socket.socket | None = None
        self._stop = threading.Event()

    @property
    def url(self) -> str:
        return f"tcp://127.0.0.1:{self.port}"

    def start(self) -> None:
        """Begins to accept; again after :meth:`cut`."""
        self._stop.clear()
        self._server = socket.create_server(("127.0.0.1", self.port))
        self._thread = threading.Thread(target=self._serve, args=(self._server,), daemon=True)
        self._thread.start()

    def cut(self) -> None:
        """Breaks the connection and refuses others."""
        self._stop.set()
        for one in (self._connection, self._server):
            if one is not None:
                with contextlib.suppress(OSError):
                    one.shutdown(socket.SHUT_RDWR)
                one.close()
        if self._thread is not None:
            self._thread.join(10)
        self._connection = self._server = None

    def _serve(self, server: socket.socket) -> None:
        with contextlib.suppress(OSError, ValueError):
            while not self._stop.is_set():
                self._connection, _ = server.accept()
                self._send(self._connection)

    def _send(self, connection: socket.socket) -> None:
        writer: Any = connection.makefile("wb", buffering=0)
        with contextlib.suppress(OSError, av.error.FFmpegError), writer, av.open(writer, "w", format="mpegts") as out:
            stream: Any = out.add_stream("libx264", rate=self.rate)
            stream.options = {"preset": "ultrafast", "tune": "zerolatency", "g": "10"}
            stream.width, stream.height = self.size
            begun = time.perf_counter()
            for number in range(10_000):
                while not self._stop.is_set() and (self.is_silent or time.perf_counter() < begun + number / self.rate):
                    time.sleep(0.005)
                if self._stop.is_set():
                    return
                frame = make_frame(number % 200, self.size)
                frame.pts, frame.time_base = number, Fraction(1, self.rate)
                out.mux(stream.encode(frame))


@pytest.fixture
def engine() -> AddingEngine:
    return AddingEngine()


@pytest.fixture
def hub(engine: AddingEngine) -> Iterator[LiveHub]:
    with LiveHub(engine) as opened:
        yield opened
        engine.may_run.set()


@pytest.fixture
def frame() -> Callable[..., av.VideoFrame]:
    """Makes a frame; see ``make_frame``."""
    return make_frame


@pytest.fixture
def luma() -> Callable[[av.VideoFrame], int]:
    return luma_of


@pytest.fixture
def sender() -> Iterator[Sender]:
    """A sender over TCP that has begun; :meth:`Sender.cut` and :meth:`Sender.start` break and mend it."""
    made = Sender()
    made.start()
    yield made
    made.cut()


@pytest.fixture
def until() -> Callable[[Callable[[], Any]], None]:
    """Waits until something is true; fails after 20 seconds."""

    def wait(condition: Callable[[], Any], seconds: float = 20.0) -> None:
        deadline = time.perf_counter() + seconds
        while not condition():
            assert time.perf_counter() < deadline, "it never came true"
            time.sleep(0.01)

    return wait
