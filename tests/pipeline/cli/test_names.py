"""Files of any name that the file system takes."""

from __future__ import annotations

import json
import os
import sys
from typing import TYPE_CHECKING

import av
import pytest

from network.names import as_url
from tests.support.resume import Runner

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from tests.support.commands import CommandLine

pytestmark = [
    pytest.mark.timeout(120),
    pytest.mark.skipif(not sys.platform.startswith("linux"), reason="other systems take fewer names"),
]
FAST = ("--network", "identity", "--threads", "1")

NAMES = [
    "2024-05-06T07:08:09.mp4",
    "data:x.mp4",
    "http:x.mp4",
    "-x.mp4",
    "a%03d%d.mp4",
    " spaces  in it .mp4",
    "line\nbreak.mp4",
    "\x1b[31mred.mp4",
    "'quotes\" [b] {c} $d `e` *?.mp4",
    "e\u0301 and \u00e9 🎬.mp4",
    "\\.mp4",
    os.fsdecode(b"caf\xe9.mp4"),
    "m" * 251 + ".mp4",
    "ü" * 125 + ".mp4",
]


def count_frames(path: Path) -> int:
    with av.open(as_url(path)) as container:
        return sum(1 for _ in container.decode(video=0))


@pytest.mark.parametrize("name", NAMES, ids=range(len(NAMES)))
def test_a_video_of_any_name_in_one_piece_and_in_segments(
    make_clip: Callable[..., Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    from pathlib import Path

    (tmp_path / "outputs").mkdir()
    make_clip(tmp_path / "clip.mp4", frames=20).rename(tmp_path / name)
    monkeypatch.chdir(tmp_path)
    run = Runner(Path(name), Path("outputs", name))
    run.run(one_piece=True)
    assert count_frames(run.output) == 20
    assert list(run.output.parent.iterdir()) == [run.output]
    run.output.unlink()
    # What an interrupted run has left is found again.
    with pytest.raises(KeyboardInterrupt):
        run.run(17, seconds=0.2)
    assert len(list(run.output.parent.iterdir())) == 1
    report, _, _ = run.run(seconds=0.2)
    assert report.kept > 0
    assert count_frames(run.output) == 20
    assert list(run.output.parent.iterdir()) == [run.output]


def test_the_command_line_takes_and_shows_names_of_any_kind(
    deblur: CommandLine, make_clip: Callable[..., Path], tmp_path: Path
) -> None:
    name = os.fsdecode(b"12:30 \n%d caf\xe9.mp4")
    make_clip(tmp_path / "clip.mp4").rename(tmp_path / name)
    folder = f"import os; os.chdir({str(tmp_path)!r})"
    report = f"{name}.json"
    ended = deblur.run("video", name, f"out {name}", *FAST, "--report", report, "--isolate", prelude=folder)
    assert ended.code == 0, ended.err
    assert ended.err.splitlines()[0].startswith("out 12:30 \\n%d caf\\xe9.mp4: 12 frames")
    assert os.fsencode(json.loads((tmp_path / report).read_text())["input"]) == os.fsencode(name)
    told = deblur.run("info", name, prelude=folder)
    assert told.out.splitlines()[0] == b"file       12:30 \\n%d caf\\xe9.mp4"
    missing = deblur.run("info", f"no {name}", prelude=folder)
    assert missing.code == 3
    assert missing.error == "deblur: no 12:30 %d caf\\xe9.mp4 does not exist"


IN_A_BATCH = [NAMES[0], *NAMES[6:10], NAMES[11], NAMES[12]]


def test_a_batch_of_all_names(deblur: CommandLine, make_clip: Callable[..., Path], tmp_path: Path) -> None:
    card, out, report = tmp_path / "card", tmp_path / "out", tmp_path / "batch.json"
    card.mkdir()
    clip = make_clip(tmp_path / "clip.mp4")
    for name in IN_A_BATCH:
        (card / name).write_bytes(clip.read_bytes())
    ended = deblur.run("batch", card, out, *FAST, "--report", report)
    assert ended.code == 0, ended.err
    assert f"{len(IN_A_BATCH)} inputs: {len(IN_A_BATCH)} done" in ended.err
    assert {path.name for path in out.iterdir()} == {*IN_A_BATCH, ".deblur-batch.sqlite"}
    videos = json.loads(report.read_bytes())["videos"]
    assert {video["output"] for video in videos} == {str(out / name) for name in IN_A_BATCH}
    page = report.with_suffix(".html").read_bytes().decode()
    assert page.count("data:image/jpeg;base64,") == 2 * len(IN_A_BATCH)
    again = deblur.run("batch", card, out, *FAST)
    assert f"{len(IN_A_BATCH)} finished before" in again.err


def test_a_recording_of_any_name(deblur: CommandLine, make_clip: Callable[..., Path], tmp_path: Path) -> None:
    make_clip(tmp_path / "12:30.mp4")
    name = os.fsdecode(b"a:b%d \xe9.mkv")
    folder = f"import os; os.chdir({str(tmp_path)!r})"
    options = ("--record", name, "--every-frame", *FAST, "--report", "live:%d.json")
    ended = deblur.run("live", "12:30.mp4", *options, prelude=folder)
    assert ended.code == 0, ended.err
    assert count_frames(tmp_path / name) > 0
    assert (tmp_path / "live:%d.json").is_file()


def test_a_name_that_is_too_long_is_one_line(deblur: CommandLine, clip: Path, tmp_path: Path) -> None:
    name = "m" * 252 + ".mp4"
    for arguments, code in (
        (("video", clip, tmp_path / name, *FAST), 4),
        (("video", tmp_path / name, tmp_path / "out.mp4", *FAST), 3),
        (("video", clip, tmp_path / "out.mp4", *FAST, "--report", tmp_path / name), 4),
    ):
        ended = deblur.run(*arguments)
        assert ended.code == code, ended.err
        assert "too long" in ended.error
