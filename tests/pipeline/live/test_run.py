"""Whole runs: from a source to outputs, to a regular end and a report."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import threading
import time
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import pytest

from pipeline.errors import InputError, OutputError
from pipeline.live.input.address import find_address
from pipeline.live.input.connection import ReaderOptions
from pipeline.live.input.feed import ReconnectOptions
from pipeline.live.output.recording import Recording
from pipeline.live.output.worker import NullOutput
from pipeline.live.run import LiveJob, run_live
from pipeline.live.session import SessionOptions
from pipeline.live.status import LineStatus, SilentStatus
from tests.support.engines import SeeingEngine

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from pipeline.live.live_engine import LiveEngine
    from pipeline.live.session import LiveSession
    from pipeline.live.subscription import LiveResult
    from tests.support.engines import BrighteningEngine
    from tests.support.senders import Sender

pytestmark = pytest.mark.timeout(90)

QUICK = ReconnectOptions(reader=ReaderOptions(open_timeout=4, read_timeout=1.5), stall=0.5, give_up=3, first_retry=0.1)


class BreakingOutput:
    """Fails with its third frame."""

    name, queue = "breaking", 1

    def __init__(self) -> None:
        self.shown = 0
        self.is_closed = False

    def show(self, result: LiveResult) -> bool:  # noqa: ARG002
        self.shown += 1
        if self.shown == 3:
            raise OutputError("the paper has run out; put in some")
        return True

    def close(self) -> None:
        self.is_closed = True


class HangingOutput:
    """Never comes back from its first frame until it is let go."""

    name, queue = "hanging", 1

    def __init__(self) -> None:
        self.let_go = threading.Event()

    def show(self, result: LiveResult) -> bool:  # noqa: ARG002
        self.let_go.wait(60)
        return True

    def close(self) -> None:
        pass


def test_a_run_ends_with_its_source_and_reports(engine: BrighteningEngine, tmp_path: Path) -> None:
    job = LiveJob(find_address("lavfi:testsrc2=s=64x48:r=25:d=1"), outputs=[NullOutput()])
    done = run_live(job, engine, SilentStatus())
    assert done.error is None
    assert done.captured.passed == 25
    assert done.processed.passed + done.processed.dropped == 25
    done.write(tmp_path / "report.json")
    report = json.loads((tmp_path / "report.json").read_text())
    assert report["frames"]["captured"] == 25
    assert report["size"] == [64, 48]
    shown = report["outputs"]["null"]
    assert shown["shown"] + shown["dropped"] == report["frames"]["processed"]
    assert shown["latency_ms"]["p99"] >= report["latency_ms"]["engine"]["p50"] >= 0
    assert report["gaps"] == []
    assert "25 frames" in done.summary()


@pytest.mark.parametrize("look_ahead", [0, 1])
def test_latency_holds_the_wait_for_the_next_frame(look_ahead: int) -> None:
    engine = SeeingEngine()
    job = LiveJob(
        find_address("lavfi:testsrc2=s=64x48:r=25:d=2"),
        SessionOptions(30, look_ahead=look_ahead),
        outputs=[NullOutput()],
    )
    done = run_live(job, engine, SilentStatus())
    assert done.processed.passed == 50
    assert done.as_dict()["look_ahead"] == look_ahead
    assert f"look-ahead {look_ahead}" in done.summary()
    if look_ahead:
        assert done.processed.latency.p50 > 38  # of 40 ms from frame to frame
    assert sum(after is not None for _, _, after in engine.windows) <= 49 * look_ahead


def test_the_duration_ends_a_run(engine: BrighteningEngine) -> None:
    job = LiveJob(find_address("lavfi:testsrc2=s=64x48:r=25"), outputs=[NullOutput()], duration=0.5)
    done = run_live(job, engine, SilentStatus())
    assert done.seconds >= 0.5
    assert done.captured.passed >= 1


def test_every_frame_is_recorded_where_frames_may_wait(
    engine: BrighteningEngine, tmp_path: Path, read_file: Callable[..., Any]
) -> None:
    engine.seconds = 0.02
    job = LiveJob(
        find_address("lavfi:testsrc2=s=64x48:r=25:d=1"),
        session=SessionOptions(queue=30),
        outputs=[Recording(tmp_path / "out.mkv")],
    )
    done = run_live(job, engine, SilentStatus())
    contents = read_file(tmp_path / "out.mkv")
    assert done.processed.dropped == 0
    assert [round(float(time) * 1000) for time in contents.times] == pytest.approx([40 * n for n in range(25)], abs=2)


def test_an_engine_that_is_too_slow_drops_frames_and_the_picture_stays_new(engine: BrighteningEngine) -> None:
    engine.seconds = 0.2
    job = LiveJob(find_address("lavfi:testsrc2=s=64x48:r=50:d=2"), outputs=[NullOutput()])
    done = run_live(job, engine, SilentStatus())
    assert done.captured.passed == 100
    assert done.processed.dropped > 60
    assert done.processed.passed >= 2
    # One frame waits while one is processed: never more than two times of the engine, however long it lasts.
    assert done.processed.latency.p99 < 2 * done.service.latency.p99 + 1000 / 50 + 200
    assert "to drop fewer frames" in done.summary()


@pytest.mark.slow
def test_auto_shrinks_the_picture_until_it_holds_the_rate(engine: BrighteningEngine) -> None:
    engine.seconds = 0.1
    job = LiveJob(find_address("lavfi:testsrc2=s=128x96:r=25"), outputs=[NullOutput()], auto_size=True, duration=4)
    done = run_live(job, engine, SilentStatus())
    assert done.sizes
    assert done.sizes[0].size == (96, 72)
    assert (96, 72) in {(spec.width, spec.height) for spec in engine.specs}


@pytest.mark.slow
def test_a_source_that_was_cut_goes_on_in_the_same_file_with_the_gap(
    engine: BrighteningEngine,
    sender: Sender,
    tmp_path: Path,
    until: Callable[..., None],
    read_file: Callable[..., Any],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    sessions: list[LiveSession] = []
    cuts: list[int] = []

    @contextlib.contextmanager
    def cut(_live_engine: LiveEngine, session: LiveSession | None) -> Iterator[None]:
        assert session is not None
        sessions.append(session)
        monkeypatch.setattr(session, "cut", lambda: cuts.append(session.captured.passed))
        yield

    def break_and_mend() -> None:
        until(lambda: sessions and sessions[0].captured.passed > 10)
        sender.cut()
        time.sleep(1.5)
        sender.size = (96, 64)
        sender.start()

    mender = threading.Thread(target=break_and_mend, daemon=True)
    mender.start()
    path = tmp_path / "out.mkv"
    job = LiveJob(find_address(sender.url), reconnect=QUICK, outputs=[Recording(path)], services=[cut], duration=7)
    done = run_live(job, engine, SilentStatus())
    mender.join(20)
    contents = read_file(path)
    steps = [float(b - a) for a, b in pairwise(contents.times)]
    longest = max(gap.seconds for gap in done.gaps)
    assert longest >= 1.5
    assert cuts
    assert set(cuts) < set(range(10, done.captured.passed))  # what came before is no neighbour of what came after
    assert max(steps) == pytest.approx(longest, abs=0.3)
    assert {(frame.width, frame.height) for frame in contents.frames} == {(64, 48)}
    assert {"lost", "resumed", "changed"} <= {event["kind"] for event in done.as_dict()["events"]}
    assert "the source was away: " in done.summary()


def test_an_output_that_fails_is_told_and_the_others_go_on(engine: BrighteningEngine, capsys: Any) -> None:
    import sys

    broken = BreakingOutput()
    job = LiveJob(find_address("lavfi:testsrc2=s=64x48:r=25:d=1"), outputs=[broken, NullOutput()])
    done = run_live(job, engine, LineStatus(sys.stderr))
    assert isinstance(done.error, OutputError)
    assert broken.is_closed
    assert done.outputs["breaking"].passed == 2
    assert done.outputs["null"].passed > 2
    assert "note: the paper has run out" in capsys.readouterr().err


def test_a_run_whose_last_output_fails_ends(engine: BrighteningEngine) -> None:
    job = LiveJob(find_address("lavfi:testsrc2=s=64x48:r=25"), outputs=[BreakingOutput()])
    done = run_live(job, engine, SilentStatus())
    assert isinstance(done.error, OutputError)


@pytest.mark.slow
def test_an_output_that_hangs_holds_up_neither_the_others_nor_the_end(engine: BrighteningEngine) -> None:
    hanging = HangingOutput()
    job = LiveJob(find_address("lavfi:testsrc2=s=64x48:r=25:d=1"), outputs=[hanging, NullOutput()])
    done = run_live(job, engine, SilentStatus())
    hanging.let_go.set()
    assert done.outputs["null"].passed > 2
    assert "hanging did not end" in str(done.error)


def test_a_source_that_is_not_there_is_an_error_at_once(engine: BrighteningEngine) -> None:
    job = LiveJob(find_address("tcp://127.0.0.1:9"), outputs=[NullOutput()])
    done = run_live(job, engine, SilentStatus())
    assert isinstance(done.error, InputError)
    assert "connection refused" in str(done.error)
    assert done.captured.passed == 0
    json.dumps(done.as_dict(), allow_nan=False)


@pytest.mark.skipif(not hasattr(signal, "pthread_kill"), reason="this system can't interrupt a thread")
def test_ctrl_c_is_a_regular_end(engine: BrighteningEngine, tmp_path: Path, read_file: Callable[..., Any]) -> None:
    main = threading.main_thread().ident
    assert main is not None
    timer = threading.Timer(1.0, lambda: os.kill(os.getpid(), signal.SIGINT))
    timer.start()
    job = LiveJob(find_address("lavfi:testsrc2=s=64x48:r=25"), outputs=[Recording(tmp_path / "out.mp4")])
    done = run_live(job, engine, SilentStatus())
    timer.join()
    assert done.error is None
    assert len(read_file(tmp_path / "out.mp4").frames) == done.processed.passed > 5


def test_companions_get_the_hub_and_run_without_a_source(engine: BrighteningEngine) -> None:
    seen: list[tuple[str, LiveSession | None]] = []

    @contextlib.contextmanager
    def service(live_engine: LiveEngine, session: LiveSession | None) -> Iterator[None]:
        seen.append((live_engine.engine.network, session))
        yield
        seen.append(("left", session))

    done = run_live(LiveJob(None, services=[service], duration=0.1), engine, SilentStatus())
    assert done.error is None
    assert seen == [("brightening", None), ("left", None)]
