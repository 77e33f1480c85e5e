"""A sender of live video that can be cut."""

from __future__ import annotations

import contextlib
import socket
import threading
import time
from fractions import Fraction
from typing import Any

import av
import av.error

from tests.support.frames import make_frame


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
