"""Sources that stall, vanish, come back and change; nothing of it hangs."""

from __future__ import annotations

import os
import socket
import threading
import time
from typing import TYPE_CHECKING

import pytest

from pipeline.errors import EngineError, InputError
from pipeline.live.input.address import find_address
from pipeline.live.input.connection import ReaderOptions
from pipeline.live.input.feed import EventKind, ReconnectingSource, ReconnectOptions

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    import av

    from tests.support.senders import Sender

pytestmark = pytest.mark.timeout(90)

QUICK = ReconnectOptions(
    reader=ReaderOptions(open_timeout=4.0, read_timeout=1.5), stall=0.5, give_up=3.0, first_retry=0.1, last_retry=0.4
)


class Watcher:
    """Remembers what a feed delivers and tells."""

    def __init__(self) -> None:
        self.frames: list[tuple[tuple[int, int], float, float]] = []
        """Size, capture time and arrival of each."""
        self.lines: list[str] = []
        self.losses: list[int] = []
        """Number of frames that had come at each loss of the connection."""
        self.feeds: list[ReconnectingSource] = []

    def start(self, source: str, options: ReconnectOptions = QUICK) -> ReconnectingSource:
        feed = ReconnectingSource(find_address(source), self.take, self.lines.append, options, self.lose)
        self.feeds.append(feed)
        feed.start()
        return feed

    def lose(self) -> None:
        self.losses.append(len(self.frames))

    def take(self, frame: av.VideoFrame, captured: float) -> None:
        self.frames.append(((frame.width, frame.height), captured, time.perf_counter()))


@pytest.fixture
def watcher() -> Iterator[Watcher]:
    made = Watcher()
    yield made
    for feed in made.feeds:
        feed.stop()


def kinds(feed: ReconnectingSource) -> list[EventKind]:
    return [event.kind for event in feed.events]


def test_a_test_source_comes_at_its_own_pace(watcher: Watcher, until: Callable[..., None]) -> None:
    begun = time.perf_counter()
    feed = watcher.start("lavfi:testsrc2=s=64x48:r=20:d=1")
    until(lambda: feed.is_ended)
    assert feed.error is None
    assert len(watcher.frames) == 20
    assert time.perf_counter() - begun >= 19 / 20
    captured = [one[1] for one in watcher.frames]
    # Frames are due by their stamps, however late a busy machine brings them.
    assert captured[-1] - captured[0] == pytest.approx(19 / 20, abs=1e-3)
    assert all(due <= arrival for _, due, arrival in watcher.frames)
    assert feed.gaps == []


def test_a_file_is_played_at_its_own_pace_to_its_end(
    watcher: Watcher, until: Callable[..., None], make_clip: Callable[..., Path], tmp_path: Path
) -> None:
    make_clip(tmp_path / "clip.mp4", frames=15, rate=25, audio="aac")
    feed = watcher.start(str(tmp_path / "clip.mp4"))
    until(lambda: feed.is_ended)
    assert feed.error is None
    assert len(watcher.frames) == 15
    assert watcher.frames[-1][1] - watcher.frames[0][1] == pytest.approx(14 / 25, abs=1e-3)


def test_a_rate_thins_the_frames_out(watcher: Watcher, until: Callable[..., None]) -> None:
    feed = watcher.start("lavfi:testsrc2=s=64x48:r=60:d=1", ReconnectOptions(rate=15))
    until(lambda: feed.is_ended)
    assert 14 <= len(watcher.frames) <= 16


def test_a_rate_that_the_source_has_anyway_loses_nothing(watcher: Watcher, until: Callable[..., None]) -> None:
    feed = watcher.start("lavfi:testsrc2=s=64x48:r=24:d=1", ReconnectOptions(rate=24))
    until(lambda: feed.is_ended)
    assert len(watcher.frames) == 24


def test_a_connection_that_is_cut_is_made_again_and_the_gap_recorded(
    watcher: Watcher, sender: Sender, until: Callable[..., None]
) -> None:
    feed = watcher.start(sender.url)
    until(lambda: len(watcher.frames) > 10)
    sender.cut()
    until(lambda: EventKind.LOST in kinds(feed))
    time.sleep(1.0)
    before = len(watcher.frames)
    cut_at = watcher.frames[-1][2] - watcher.frames[0][2]
    sender.start()
    until(lambda: len(watcher.frames) > before + 10)
    assert EventKind.RESUMED in kinds(feed)
    gap = feed.gaps[0]
    away = watcher.frames[before][2] - watcher.frames[before - 1][2]
    assert away >= 1.0
    assert gap.seconds == pytest.approx(away, abs=0.05)
    assert gap.at == pytest.approx(cut_at, abs=0.05)
    # The first attempts were refused, and told.
    assert sum("connecting again" in line for line in watcher.lines) >= 2
    assert any("is back after" in line for line in watcher.lines)
    assert set(watcher.losses) == {before}


def test_a_source_that_falls_silent_is_told_at_once_and_goes_on(
    watcher: Watcher, sender: Sender, until: Callable[..., None]
) -> None:
    feed = watcher.start(sender.url)
    until(lambda: len(watcher.frames) > 10)
    sender.is_silent = True
    until(lambda: EventKind.STALLED in kinds(feed))
    sender.is_silent = False
    until(lambda: EventKind.RESUMED in kinds(feed))
    assert feed.gaps[0].seconds >= QUICK.stall


@pytest.mark.slow
def test_a_source_that_stays_silent_is_given_up_and_connected_again(
    watcher: Watcher, sender: Sender, until: Callable[..., None]
) -> None:
    feed = watcher.start(sender.url)
    until(lambda: len(watcher.frames) > 10)
    sender.is_silent = True
    until(lambda: EventKind.LOST in kinds(feed))
    assert any("no data came in time" in line or "gives no frames" in line for line in watcher.lines)
    assert kinds(feed)[0] is EventKind.STALLED


@pytest.mark.slow
def test_a_change_of_size_is_told(watcher: Watcher, sender: Sender, until: Callable[..., None]) -> None:
    feed = watcher.start(sender.url)
    until(lambda: len(watcher.frames) > 5)
    sender.cut()
    sender.size = (96, 64)
    sender.start()
    until(lambda: watcher.frames[-1][0] == (96, 64))
    assert EventKind.CHANGED in kinds(feed)
    assert any("from 64x48 yuv420p to 96x64 yuv420p" in line for line in watcher.lines)


def test_a_server_that_accepts_and_says_nothing_is_an_error(watcher: Watcher, until: Callable[..., None]) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        options = ReconnectOptions(reader=ReaderOptions(open_timeout=0.5, read_timeout=0.5))
        feed = watcher.start(f"tcp://127.0.0.1:{server.getsockname()[1]}", options)
        until(lambda: feed.is_ended)
    assert isinstance(feed.error, InputError)
    assert "no data came in time" in str(feed.error)


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="this system has no named pipes")
def test_a_read_that_never_returns_hangs_nothing(watcher: Watcher, tmp_path: Path, until: Callable[..., None]) -> None:
    """Opening a pipe into which nobody writes blocks in the system, where no time-out of FFmpeg reaches."""
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    patient = watcher.start(str(pipe), ReconnectOptions(give_up=60))
    time.sleep(0.3)
    begun = time.perf_counter()
    patient.stop()
    assert time.perf_counter() - begun < 5
    until(lambda: patient.is_ended)
    given_up = watcher.start(str(pipe), ReconnectOptions(reader=ReaderOptions(open_timeout=0.3), give_up=0.3))
    until(lambda: given_up.is_ended)
    assert isinstance(given_up.error, InputError)
    assert "gives no frames" in str(given_up.error)
    assert [thread for thread in threading.enumerate() if thread.name == "deblur-source"]
    # What the abandoned threads wait for comes late, and goes nowhere.
    os.close(os.open(pipe, os.O_WRONLY))
    until(lambda: not [thread for thread in threading.enumerate() if thread.name == "deblur-source"])
    assert watcher.frames == []


@pytest.mark.parametrize("content", [b"", b"this is a letter and no film\n" * 100])
def test_a_file_that_is_no_video_is_an_error(
    watcher: Watcher, tmp_path: Path, until: Callable[..., None], content: bytes
) -> None:
    (tmp_path / "film.mp4").write_bytes(content)
    feed = watcher.start(str(tmp_path / "film.mp4"))
    until(lambda: feed.is_ended)
    assert isinstance(feed.error, InputError)
    assert "film.mp4" in str(feed.error)


def test_a_filter_graph_that_does_not_exist_is_an_error(watcher: Watcher, until: Callable[..., None]) -> None:
    feed = watcher.start("lavfi:nonsense=s=64x48")
    until(lambda: feed.is_ended)
    assert "filter not found" in str(feed.error)


def test_an_error_of_the_engine_ends_the_feed(until: Callable[..., None]) -> None:
    def refuse(_frame: av.VideoFrame, _captured: float) -> None:
        raise EngineError("out of order")

    feed = ReconnectingSource(find_address("lavfi:testsrc2=s=64x48:r=50"), refuse, print, QUICK)
    feed.start()
    until(lambda: feed.is_ended)
    assert isinstance(feed.error, EngineError)


def test_damage_is_counted_and_passed_over(
    watcher: Watcher, until: Callable[..., None], make_clip: Callable[..., Path], tmp_path: Path
) -> None:
    clip = make_clip(tmp_path / "clip.avi", codec="mjpeg", pix_fmt="yuvj420p", frames=12, rate=50, audio=None)
    data = bytearray(clip.read_bytes())
    # The whole second picture: a decoder makes do with tables that are left, or with those of the picture before.
    start = data.find(b"\xff\xd8", data.find(b"\xff\xd8", data.find(b"movi")) + 2)
    size = data.find(b"\xff\xd9", start) + 2 - start
    data[start : start + size] = bytes(size)
    clip.write_bytes(bytes(data))
    feed = watcher.start(str(clip))
    until(lambda: feed.is_ended)
    assert feed.error is None
    assert feed.corrupt == 1
    assert len(watcher.frames) == 11
