"""`deblur batch` from end to end, with the identity network."""

from __future__ import annotations

import json
import os
import re
import signal
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import av
import pytest

if TYPE_CHECKING:
    import subprocess
    from collections.abc import Callable

    from tests.support.commands import CommandLine, Ended

pytestmark = pytest.mark.timeout(120)
FAST = ("--network", "identity", "--threads", "1")
SHORT_GROUPS = {"preset": "veryfast", "g": "4"}


def count_frames(path: Path) -> int:
    with av.open(str(path)) as container:
        return sum(1 for _ in container.decode(video=0))


@pytest.fixture
def card(make_clip: Callable[..., Path], tmp_path: Path) -> Path:
    """A camera's card: two clips, one of them in a folder, a file that is cut off, an empty one, and notes."""
    card = tmp_path / "card"
    (card / "day two").mkdir(parents=True)
    make_clip(card / "first.mp4")
    make_clip(card / "day two" / "second.mkv", frames=20)
    (card / "cut.mp4").write_bytes((card / "first.mp4").read_bytes()[:300])
    (card / "empty.mov").touch()
    (card / "notes.txt").write_text("sunny")
    return card


def states(report: Path) -> dict[str, str]:
    found = json.loads(report.read_text(encoding="utf-8"))
    return {re.split(r"[\\/]", video["input"])[-1]: video["state"] for video in found["videos"]}


def test_a_card_with_broken_files_comes_out_as_far_as_it_can(deblur: CommandLine, card: Path, tmp_path: Path) -> None:
    out, report = tmp_path / "out", tmp_path / "batch.json"
    ended = deblur.run("batch", card, out, *FAST, "-r", "--report", report)
    assert ended.code == 8, ended.err
    assert "2 of 4 inputs have no output" in ended.error
    assert count_frames(out / "first.mp4") == 12
    assert count_frames(out / "day two" / "second.mkv") == 20
    assert sorted(path.name for path in out.rglob("*")) == [
        ".deblur-batch.sqlite",
        "day two",
        "first.mp4",
        "second.mkv",
    ]
    assert states(report) == {"first.mp4": "done", "second.mkv": "done", "cut.mp4": "failed", "empty.mov": "failed"}
    page = report.with_suffix(".html").read_text(encoding="utf-8")
    assert page.count("data:image/jpeg;base64,/9j/") == 4
    assert "second.mkv: done" in page
    assert not re.search(r"(src|href)=.http", page)

    again = deblur.run("batch", card, out, *FAST, "-r", "--report", report)
    assert again.code == 8
    assert "4 inputs: 0 to do (0 frames), 2 finished before, 2 that can't be done" in again.err
    assert set(states(report).values()) == {"finished", "failed"}


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="names that are no text exist on Linux alone")
def test_a_file_whose_name_is_no_text_is_deblurred(
    deblur: CommandLine, make_clip: Callable[..., Path], tmp_path: Path
) -> None:
    card, out, report = tmp_path / "card", tmp_path / "out", tmp_path / "batch.json"
    card.mkdir()
    name = os.fsdecode(b"stra\xdfe.mp4")  # as cameras and ZIP files of old bring them
    make_clip(tmp_path / "clip.mp4").rename(card / name)
    assert deblur.run("batch", card, out, *FAST, "--report", report).code == 0
    assert count_frames(out / name) == 12
    assert json.loads(report.read_text(encoding="utf-8"))["videos"][0]["output"] == str(out / name)
    assert "stra\\xdfe.mp4: done" in report.with_suffix(".html").read_text(encoding="utf-8")
    again = deblur.run("batch", card, out, *FAST)
    assert "1 input: 0 to do (0 frames), 1 finished before" in again.err


def test_loop_recordings_become_one_output_for_each_camera(
    deblur: CommandLine, make_clip: Callable[..., Path], tmp_path: Path
) -> None:
    card, out, report = tmp_path / "card", tmp_path / "out", tmp_path / "batch.json"
    card.mkdir()
    for camera in "FR":
        for second in (0, 1, 2, 30):
            make_clip(card / f"20261123_0815{second:02}_{camera}.mp4", frames=25)
    ended = deblur.run("batch", card, out, *FAST, "--dashcam", "--report", report)
    assert ended.code == 0, ended.err
    assert "20261123_081500_F.mp4 and 2 more -> " in ended.err
    assert "not joined to 20261123_081502_R.mp4: it begins 27 s after the end of that" in ended.err
    assert {path.name: count_frames(path) for path in out.glob("*.mp4")} == {
        f"20261123_0815{second}_{camera}.mp4": frames for camera in "FR" for second, frames in (("00", 75), ("30", 25))
    }
    videos = json.loads(report.read_text(encoding="utf-8"))["videos"]
    assert [len(video["continued"]) for video in videos] == [2, 2, 0, 0]
    assert report.with_suffix(".html").read_text(encoding="utf-8").count("data:image/jpeg;base64,/9j/") == 8

    again = deblur.run("batch", card, out, *FAST, "--dashcam")
    assert "4 inputs: 0 to do (0 frames), 4 finished before" in again.err
    make_clip(card / "20261123_081501_F.mp4", frames=24)
    changed = deblur.run("batch", card, out, *FAST, "--dashcam")
    assert changed.code == 8
    assert "20261123_081500_F.mp4 is there, and not made from this input" in changed.err


def test_what_a_run_left_that_was_killed_while_it_tidied_up_goes(
    deblur: CommandLine, make_clip: Callable[..., Path], tmp_path: Path
) -> None:
    clip, out = make_clip(tmp_path / "clip.mp4"), tmp_path / "out"
    assert deblur.run("batch", clip, out, *FAST).code == 0
    left = out / ".clip.mp4.deblur"
    left.mkdir()
    (left / "000000.segment").write_bytes(b"of no use any more")
    assert deblur.run("batch", clip, out, *FAST).code == 0
    assert sorted(path.name for path in out.iterdir()) == [".deblur-batch.sqlite", "clip.mp4"]


def test_another_input_under_the_same_name_is_no_finished_one(
    deblur: CommandLine, make_clip: Callable[..., Path], tmp_path: Path
) -> None:
    clip, out = make_clip(tmp_path / "clip.mp4"), tmp_path / "out"
    assert deblur.run("batch", clip, out, *FAST).code == 0
    make_clip(clip, frames=15)
    refused = deblur.run("batch", clip, out, *FAST)
    assert refused.code == 8
    assert "not made from this input with these options; add --overwrite" in refused.error
    assert count_frames(out / "clip.mp4") == 12
    assert deblur.run("batch", clip, out, *FAST, "--overwrite").code == 0
    assert count_frames(out / "clip.mp4") == 15
    assert deblur.run("batch", clip, out, *FAST, "--scale", "0.5").code == 8


def test_a_dry_run_shows_the_plan_and_writes_nothing(deblur: CommandLine, card: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    ended = deblur.run("batch", card, out, *FAST, "--dry-run")
    assert ended.code == 0, ended.err
    lines = ended.out.decode().splitlines()
    assert f"{card / 'first.mp4'} -> {out / 'first.mp4'}: 12 frames, 64x48, video + 1 other stream" in lines[2]
    assert "3 inputs: 1 to do (12 frames), 0 finished before, 2 that can't be done" in lines
    assert "1 other file is no video by its extension; name it to try it" in lines
    assert not out.exists()


def test_several_at_a_time_and_names_by_a_template(
    deblur: CommandLine, make_clip: Callable[..., Path], tmp_path: Path
) -> None:
    for number in range(5):
        make_clip(tmp_path / f"clip{number}.mp4", frames=10 + number)
    out = tmp_path / "out"
    ended = deblur.run(
        "batch", tmp_path / "clip*.mp4", out, *FAST, "--jobs", "2", "--name", "{number}-{stem}.mkv", "-q"
    )
    assert (ended.code, ended.out, ended.err) == (0, b"", "")
    names = [f"{number + 1}-clip{number}.mkv" for number in range(5)]
    assert [count_frames(out / name) for name in names] == [10, 11, 12, 13, 14]


def test_fail_fast_stops_at_the_first_failure(deblur: CommandLine, card: Path, tmp_path: Path) -> None:
    report = tmp_path / "batch.json"
    ended = deblur.run("batch", card, tmp_path / "out", *FAST, "--fail-fast", "--report", report)
    assert ended.code == 8
    assert states(report) == {"first.mp4": "not_done", "cut.mp4": "failed", "empty.mov": "failed"}


def test_a_damaged_input_is_code_6_now_and_when_it_is_found_finished(
    deblur: CommandLine, make_clip: Callable[..., Path], tmp_path: Path
) -> None:
    clip = make_clip(tmp_path / "clip.mp4", frames=30, audio=None, muxer={"movflags": "faststart"})
    clip.write_bytes(clip.read_bytes()[:-1200])
    for _ in range(2):
        ended = deblur.run("batch", clip, tmp_path / "out", *FAST)
        assert ended.code == 6, ended.err
        assert "1 of 1 input is damaged" in ended.error


@pytest.mark.parametrize(
    ("arguments", "code", "says"),
    [
        (["missing.mp4", "out"], 3, "does not exist"),
        (["{card}", "{card}/first.mp4"], 2, "is a file"),
        (["{card}", "out", "--name", "same.mp4"], 2, "would both be written to"),
        (["{card}", "out", "--name", "{colour}.mp4"], 2, "can't be filled in"),
        (["{card}", "out", "--name", "../{name}"], 2, "leads out of the folder"),
        (["{card}", "out", "--report", "report.html"], 2, "name it .json"),
        (["{card}", "out", "--weights", "missing.onnx"], 2, "missing.onnx"),
    ],
)
def test_what_makes_no_sense_is_one_line(
    deblur: CommandLine, card: Path, tmp_path: Path, arguments: list[str], code: int, says: str
) -> None:
    filled = [argument.replace("{card}", str(card)) for argument in arguments]
    filled = [str(tmp_path / name) if name in ("out", "missing.mp4", "missing.onnx") else name for name in filled]
    ended = deblur.run("batch", *filled, *FAST)
    assert ended.code == code
    assert says in ended.error
    assert not (tmp_path / "out").exists()


def wait_for(process: subprocess.Popen[bytes], is_so: Callable[[], bool]) -> None:
    while not is_so():
        assert process.poll() is None, process.communicate()
        time.sleep(0.02)


def test_ctrl_c_keeps_what_is_finished(deblur: CommandLine, make_clip: Callable[..., Path], tmp_path: Path) -> None:
    clip, out = make_clip(tmp_path / "clip.mkv", frames=2000, audio=None, options=SHORT_GROUPS), tmp_path / "out"
    options = ("batch", clip, out, *FAST, "--segment", "4")
    with deblur.start(*options) as process:
        # A segment may be there a moment before it is recorded; once there are two, the first one is.
        wait_for(process, lambda: len(list(out.glob(".clip.mkv.deblur/*.segment"))) > 1)
        process.send_signal(signal.SIGINT)
        _, error = process.communicate(timeout=60)
    assert process.returncode == 130, error
    assert error.decode().splitlines()[-1].startswith("deblur: interrupted; what is finished is kept")
    assert not (out / "clip.mkv").exists()
    again: Ended = deblur.run(*options)
    assert again.code == 0, again.err
    assert "of an interrupted run are kept" in again.err
    assert count_frames(out / "clip.mkv") == 2000
    assert sorted(path.name for path in out.iterdir()) == [".deblur-batch.sqlite", "clip.mkv"]


def state_of(process: subprocess.Popen[bytes]) -> str:
    """The state of a process as Linux tells it: ``T`` is stopped."""
    return Path(f"/proc/{process.pid}/stat").read_text().rpartition(")")[2].split()[0]


@pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="needs /proc to see that a process is stopped")
def test_signals_pause_a_run_without_a_shell(
    deblur: CommandLine, make_clip: Callable[..., Path], tmp_path: Path
) -> None:
    clip, out, report = (
        make_clip(tmp_path / "clip.mkv", frames=1000, audio=None, options=SHORT_GROUPS),
        tmp_path / "out",
        tmp_path / "b.json",
    )
    command: list[Any] = ["batch", clip, out, *FAST, "--segment", "4", "--report", report]
    with deblur.start(*command) as process:
        wait_for(process, lambda: any(out.glob(".clip.mkv.deblur/*.segment")))
        process.send_signal(signal.SIGTSTP)
        wait_for(process, lambda: state_of(process) == "T")
        before = {path.name: path.stat().st_size for path in out.glob(".clip.mkv.deblur/*")}
        time.sleep(0.5)
        assert {path.name: path.stat().st_size for path in out.glob(".clip.mkv.deblur/*")} == before
        process.send_signal(signal.SIGCONT)
        _, error = process.communicate(timeout=60)
    assert process.returncode == 0, error
    assert json.loads(report.read_text(encoding="utf-8"))["paused_s"] > 0.4
    assert count_frames(out / "clip.mkv") == 1000
