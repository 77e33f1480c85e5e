"""`deblur live` in a process of its own, with the real engine."""

from __future__ import annotations

import json
import os
import signal
import sys
import time
from typing import TYPE_CHECKING, NoReturn

import av
import pytest
from click import ClickException
from click.testing import CliRunner

from pipeline.cli.exit_codes import exit_code
from pipeline.cli.live import LiveOptions, live
from pipeline.errors import DeblurError, UsageError

if TYPE_CHECKING:
    from pathlib import Path

    from tests.support.commands import CommandLine

pytestmark = pytest.mark.timeout(120)

TEST_SOURCE = "lavfi:testsrc2=s=64x48:r=25"


def test_a_test_source_is_deblurred_into_several_outputs(deblur: CommandLine, tmp_path: Path) -> None:
    ended = deblur.run(
        *("live", TEST_SOURCE, "--null", "--duration", 2, "--threads", 1, "--strength", 1.2),
        *("--record", tmp_path / "out.mkv", "--report", tmp_path / "report.json", "--device", "AUTO"),
    )
    assert ended.code == 0, ended.err
    report = json.loads((tmp_path / "report.json").read_text())
    assert (report["engine"]["network"], report["engine"]["device"]) == ("idc-video", "AUTO")
    assert report["look_ahead"] == 1
    assert set(report["outputs"]) == {"null", f"recording {tmp_path / 'out.mkv'}"}
    assert report["frames"]["processed"] + report["frames"]["dropped"] == report["frames"]["captured"] > 20
    with av.open(str(tmp_path / "out.mkv")) as container:
        frames = sum(1 for _ in container.decode(video=0))
    assert frames == report["outputs"][f"recording {tmp_path / 'out.mkv'}"]["shown"] > 0
    assert "from capture to there p50" in ended.err


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        (["--null"], 1),
        (["--record", "out.mkv"], 1),
        (["--rtmp", "rtmp://host/app"], 1),
        ([], 0),
        (["--window"], 0),
        (["--record", "out.mkv", "--window"], 0),
        (["--record", "out.mkv", "--serve"], 0),
        (["--record", "out.mkv", "--virtual-camera"], 0),
        (["--null", "--look-ahead", "0"], 0),
        (["--window", "--look-ahead", "1"], 1),
    ],
)
def test_nobody_who_watches_waits_for_the_next_frame_unless_asked(
    arguments: list[str], expected: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip("pygame")
    found: list[int] = []

    def stop(typed: LiveOptions, _tell: object) -> NoReturn:
        found.append(typed.frames_ahead)
        raise UsageError("far enough")

    monkeypatch.setenv("SDL_VIDEODRIVER", "dummy")
    monkeypatch.setattr("pipeline.cli.live._job", stop)
    error = CliRunner().invoke(live, [TEST_SOURCE, *arguments], standalone_mode=False).exception
    assert "far enough" in str(error)
    assert found == [expected]


@pytest.mark.slow
@pytest.mark.skipif(sys.platform == "win32", reason="a process of Windows can't be interrupted from outside like this")
def test_ctrl_c_completes_the_recording_and_is_no_error(deblur: CommandLine, tmp_path: Path) -> None:
    process = deblur.start("live", TEST_SOURCE, "--network", "identity", "--record", tmp_path / "out.mp4")
    deadline = time.perf_counter() + 60
    while not ((tmp_path / "out.mp4").is_file() and (tmp_path / "out.mp4").stat().st_size > 10_000):
        assert time.perf_counter() < deadline
        assert process.poll() is None, process.communicate()[1]
        time.sleep(0.1)
    os.kill(process.pid, signal.SIGINT)
    _, err = process.communicate(timeout=60)
    assert process.returncode == 0, err
    with av.open(str(tmp_path / "out.mp4")) as container:
        assert sum(1 for _ in container.decode(video=0)) > 5


@pytest.mark.parametrize(
    ("arguments", "code", "said"),
    [
        (["nowhere.mp4", "--null"], 3, "--list"),
        ([TEST_SOURCE, "--null", "--size", "big"], 2, "1280x720"),
        ([TEST_SOURCE, "--record", "out.gif"], 2, ".mkv"),
        ([TEST_SOURCE, "--rtmp", "ftp://host"], 2, "rtmp"),
        ([TEST_SOURCE, "--null", "--strength", "2"], 2, "1.5"),
        ([TEST_SOURCE, "--null", "--look-ahead", "2"], 2, "0<=x<=1"),
    ],
)
def test_what_can_not_be_done_is_refused_before_the_engine_is_loaded(
    arguments: list[str], code: int, said: str
) -> None:
    error = CliRunner().invoke(live, arguments, standalone_mode=False).exception
    assert isinstance(error, DeblurError | ClickException)
    assert (error.exit_code if isinstance(error, ClickException) else exit_code(type(error))) == code
    assert said in str(error)


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux has displays by an environment variable")
def test_without_a_display_the_window_is_refused_and_nothing_crashes(deblur: CommandLine) -> None:
    """SDL would draw a window that nobody can see."""
    pytest.importorskip("pygame")
    ended = deblur.run("live", TEST_SOURCE, prelude="import os; os.environ['DISPLAY'] = ':4711'")
    assert ended.code == 2
    assert "display :4711" in ended.error


@pytest.mark.skipif(sys.platform != "linux", reason="the camera's name is that of Linux")
def test_a_camera_that_is_not_there_is_one_line(deblur: CommandLine) -> None:
    ended = deblur.run("live", "/dev/video99", "--null", "--network", "identity")
    assert ended.code == 3
    assert "camera /dev/video99 can't be read: no such file" in ended.error
