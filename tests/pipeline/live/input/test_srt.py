"""SRT, carried by a program of its own, against that program as the other end."""

from __future__ import annotations

import shutil
import socket
import threading
from typing import TYPE_CHECKING

import av
import av.error
import pytest

from pipeline.errors import InputError, UsageError
from pipeline.live.input.address import find_address, has_protocol
from pipeline.live.input.connection import ReaderOptions
from pipeline.live.input.feed import EventKind, ReconnectingSource, ReconnectOptions
from pipeline.live.input.srt import PROGRAM, SrtPipe, find_program
from pipeline.live.output.publisher import Publisher
from pipeline.live.subscription import LiveResult
from pipeline.media.places import without_password

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

needs_program = pytest.mark.skipif(
    shutil.which(PROGRAM) is None or has_protocol("srt"), reason=f"{PROGRAM} is not installed, or not needed"
)
QUICK = ReconnectOptions(ReaderOptions(open_timeout=8, read_timeout=8), give_up=4, first_retry=0.1, last_retry=0.4)


def free_port() -> int:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as one:
        one.bind(("127.0.0.1", 0))
        return int(one.getsockname()[1])


class Station:
    """Sends a moving picture by SRT to whoever calls."""

    def __init__(self, port: int, frame: Callable[..., av.VideoFrame]) -> None:
        self._port, self._frame = port, frame
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._send, daemon=True)
        self._thread.start()

    def _send(self) -> None:
        pipe = SrtPipe(f"srt://127.0.0.1:{self._port}?mode=listener", sends=True)
        try:
            with av.open(pipe.file, "w", format="mpegts") as out:
                stream = out.add_stream("libx264", rate=25, options={"tune": "zerolatency", "g": "5"})
                stream.width, stream.height = 160, 120
                number = 0
                while not self._stop.wait(0.04):
                    picture = self._frame(number % 200, (160, 120))
                    picture.pts, number = number * 3600, number + 1
                    out.mux(stream.encode(picture))
        except (OSError, av.error.FFmpegError):
            pass  # whoever called has hung up, which closes a station that has one caller
        finally:
            pipe.finish()

    def close(self) -> None:
        self._stop.set()
        self._thread.join(20)
        assert not self._thread.is_alive()


@pytest.fixture
def station(frame: Callable[..., av.VideoFrame]) -> Iterator[Callable[[int], Station]]:
    made: list[Station] = []

    def make(port: int) -> Station:
        made.append(Station(port, frame))
        return made[-1]

    yield make
    for one in made:
        one.close()


def test_without_the_program_it_is_named_with_where_to_get_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "")
    with pytest.raises(UsageError, match=rf"install {PROGRAM}.*srt-tools"):
        find_program()


def test_a_passphrase_is_not_shown() -> None:
    url = "srt://host:9000?mode=caller&passphrase=open-sesame&latency=200"
    assert without_password(url) == "srt://host:9000?mode=caller&passphrase=...&latency=200"


@needs_program
def test_a_format_that_was_asked_for_is_kept() -> None:
    address = find_address("srt://127.0.0.1:9000")
    assert address.needs_srt_program
    assert address.format == "mpegts"


@needs_program
@pytest.mark.slow
@pytest.mark.timeout(90)
def test_a_source_that_is_cut_is_received_again_and_the_gap_recorded(
    station: Callable[[int], Station], until: Callable[..., None]
) -> None:
    port = free_port()
    frames: list[av.VideoFrame] = []
    lines: list[str] = []
    feed = ReconnectingSource(
        find_address(f"srt://127.0.0.1:{port}"), lambda frame, _at: frames.append(frame), lines.append, QUICK
    )
    first = station(port)
    feed.start()
    try:
        until(lambda: len(frames) > 10)
        assert (frames[0].width, frames[0].height) == (160, 120)
        first.close()
        until(lambda: EventKind.LOST in [event.kind for event in feed.events])
        before = len(frames)
        station(port)
        until(lambda: len(frames) > before + 10)
        assert EventKind.RESUMED in [event.kind for event in feed.events]
        assert feed.gaps[0].seconds > 0.1
    finally:
        feed.stop()
    until(lambda: not [one for one in threading.enumerate() if one.name in {"deblur-source", "deblur-srt"}][1:])


@needs_program
@pytest.mark.slow
@pytest.mark.timeout(60)
def test_nobody_there_is_an_error_with_a_reason(until: Callable[..., None]) -> None:
    feed = ReconnectingSource(find_address(f"srt://127.0.0.1:{free_port()}"), lambda *_: None, print, QUICK)
    feed.start()
    until(lambda: feed.is_ended)
    assert isinstance(feed.error, InputError)
    assert "no answer" in str(feed.error) or "gives no frames" in str(feed.error)


@needs_program
@pytest.mark.slow
@pytest.mark.timeout(90)
def test_results_are_sent_and_a_receiver_that_leaves_is_told(
    frame: Callable[..., av.VideoFrame], until: Callable[..., None]
) -> None:
    port = free_port()
    lines: list[str] = []
    publisher = Publisher(f"srt://127.0.0.1:{port}", lines.append)
    receiver = SrtPipe(f"srt://127.0.0.1:{port}?mode=listener", sends=False)
    sizes: list[tuple[int, int]] = []

    def receive() -> None:
        try:
            with av.open(receiver.file, format="mpegts") as container:
                sizes.extend((one.width, one.height) for one in container.decode(video=0))
        except av.error.FFmpegError:
            return

    listener = threading.Thread(target=receive, daemon=True)
    listener.start()
    picture, begun = frame(size=(160, 120)), 0

    def show() -> None:
        nonlocal begun
        begun += 1
        publisher.show(LiveResult(picture, picture, 0, begun / 50, begun / 50, begun / 50))

    until(lambda: show() or len(sizes) > 10)
    assert sizes[0] == (160, 120)
    assert lines == [f"sending to srt://127.0.0.1:{port}"]
    receiver.close()
    listener.join(10)
    receiver.file.close()
    until(lambda: show() or len(lines) > 1)
    assert "can't send" in lines[1]
    assert "trying again" in lines[1]
    publisher.close()
