"""Streams to an address: they arrive, and come back after the other side was away."""

from __future__ import annotations

import contextlib
import socket
import threading
import time
from typing import TYPE_CHECKING

import av
import av.error
import pytest

from pipeline.errors import UsageError
from pipeline.live.output.publisher import Publisher
from pipeline.live.subscription import LiveResult

if TYPE_CHECKING:
    from collections.abc import Callable

pytestmark = pytest.mark.timeout(90)


class Receiver:
    """Takes one connection over TCP and counts the frames that come."""

    def __init__(self, port: int) -> None:
        self.frames: list[tuple[int, int]] = []
        self.server = socket.create_server(("127.0.0.1", port))
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def _run(self) -> None:
        try:
            self.connection, _ = self.server.accept()
            with (
                self.connection.makefile("rb") as stream,
                av.open(stream, format="mpegts", options={"fflags": "nobuffer", "probesize": "20000"}) as container,
            ):
                for frame in container.decode(video=0):
                    self.frames.append((frame.width, frame.height))
        except (OSError, ValueError, av.error.FFmpegError):
            return

    def close(self) -> None:
        for one in (getattr(self, "connection", None), self.server):
            if one is not None:
                with contextlib.suppress(OSError):
                    one.shutdown(socket.SHUT_RDWR)
                one.close()
        self._thread.join(10)


@pytest.fixture
def port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as server:
        return int(server.getsockname()[1])


def send(publisher: Publisher, frame: av.VideoFrame, seconds: float, enough: Callable[[], bool]) -> int:
    """Shows frames at 50 a second until there are enough; returns how many were taken."""
    taken, begun = 0, time.perf_counter()
    while not enough() and time.perf_counter() - begun < seconds:
        now = time.perf_counter()
        taken += publisher.show(LiveResult(frame, frame, 0, now, now, now))
        time.sleep(0.02)
    return taken


@pytest.mark.slow
def test_a_stream_arrives_breaks_and_comes_back(port: int, frame: Callable[..., av.VideoFrame]) -> None:
    lines: list[str] = []
    publisher = Publisher(f"tcp://127.0.0.1:{port}", lines.append)
    picture = frame(size=(160, 120))
    assert send(publisher, picture, 20, lambda: bool(lines)) == 0  # nobody is there yet
    assert "Connection refused" in lines[0]
    assert "trying again" in lines[0]
    first = Receiver(port)
    assert send(publisher, picture, 20, lambda: len(first.frames) > 20) > 20
    assert first.frames[0] == (160, 120)
    first.close()
    broken = len(lines)
    send(publisher, picture, 20, lambda: len(lines) > broken)
    assert "can't send" in lines[broken]
    second = Receiver(port)
    send(publisher, picture, 20, lambda: len(second.frames) > 20)
    assert len(second.frames) > 20
    publisher.close()
    second.close()
    assert [line for line in lines if line.startswith("sending to")] == [f"sending to tcp://127.0.0.1:{port}"] * 2


@pytest.mark.parametrize("url", ["http://host/x", "out.mp4", "rtsp://host/x"])
def test_what_can_not_be_sent_to_is_refused(url: str) -> None:
    with pytest.raises(UsageError, match="rtmp"):
        Publisher(url, print)


def test_a_stream_key_with_a_password_is_not_shown() -> None:
    assert "secret" not in Publisher("rtmp://user:secret@host/app", print).name
