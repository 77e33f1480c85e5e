"""`deblur compare` from end to end: what it prints, writes and refuses."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.support.clips import read_file, write_clip

if TYPE_CHECKING:
    from pathlib import Path

    from tests.support.commands import CommandLine


@pytest.fixture
def after(tmp_path: Path) -> Path:
    return write_clip(tmp_path / "after.mp4", shown=range(3, 15))


def test_figures_are_printed_and_page_and_video_are_written(
    deblur: CommandLine, clip: Path, after: Path, tmp_path: Path
) -> None:
    output, page = tmp_path / "both.mp4", tmp_path / "both.html"
    ended = deblur.run("compare", clip, after, output, "--html", page, "--layout", "split")
    assert ended.code == 0, ended.err
    lines = ended.out.decode().splitlines()
    assert lines[0].split() == ["mean", "over", "12", "frames", "before", "after"]
    assert [line[:28].strip() for line in lines[1:]] == ["edge strength", "steepest edges, codes/pixel"]
    assert [len(line.split()) for line in lines[1:]] == [4, 5]
    written = read_file(output)
    assert len(written.frames) == 12
    assert written.streams == [("video", "h264"), ("audio", "aac")]
    assert page.read_text("utf-8").count('class="slider-stop"') == 12


def test_a_second_run_needs_overwrite(deblur: CommandLine, clip: Path, after: Path, tmp_path: Path) -> None:
    page = tmp_path / "page.html"
    assert deblur.run("compare", clip, after, "--html", page, "--quiet").code == 0
    ended = deblur.run("compare", clip, after, "--html", page)
    assert ended.code == 4
    assert "add --overwrite" in ended.error
    assert deblur.run("compare", clip, after, "--html", page, "--overwrite").code == 0


def test_a_layout_needs_a_video(deblur: CommandLine, clip: Path, after: Path) -> None:
    ended = deblur.run("compare", clip, after, "--layout", "wipe")
    assert ended.code == 2
    assert "name it behind BEFORE and AFTER" in ended.error


def test_videos_of_other_times_are_named_with_the_option_that_helps(
    deblur: CommandLine, clip: Path, tmp_path: Path
) -> None:
    later = write_clip(tmp_path / "later.mkv", times=[1000 + n for n in range(5)], audio=None)
    ended = deblur.run("compare", later, clip)
    assert ended.code == 3
    assert "give --offset 40.000" in ended.error


def test_damage_is_code_6_and_what_can_be_read_is_compared(deblur: CommandLine, tmp_path: Path) -> None:
    before = write_clip(tmp_path / "before.ts", frames=60, size=(320, 240), options={"g": "10"})
    content = bytearray(before.read_bytes())
    middle = len(content) // 2 // 188 * 188
    content[middle : middle + 188 * 20] = bytes(188 * 20)
    before.write_bytes(content)
    page = tmp_path / "page.html"
    ended = deblur.run("compare", before, before, "--html", page)
    assert ended.code == 6
    assert "what could be read was compared" in ended.error
    assert page.is_file()


def test_a_truth_needs_the_extra(deblur: CommandLine, clip: Path, after: Path) -> None:
    hide = "import sys; sys.modules['pytorch_msssim'] = None"
    ended = deblur.run("compare", clip, after, "--truth", clip, prelude=hide)
    assert ended.code == 2
    assert 'pip install "deblur-stream[compare]"' in ended.error
    assert deblur.run("compare", clip, after, prelude=hide).code == 0


def test_a_truth_is_measured(deblur: CommandLine, clip: Path, after: Path) -> None:
    pytest.importorskip("pytorch_msssim")
    ended = deblur.run("compare", clip, after, "--truth", clip)
    assert ended.code == 0, ended.err
    psnr = next(line for line in ended.out.decode().splitlines() if line.startswith("PSNR"))
    assert psnr.split()[2] == "100.00"
    assert 5 < float(psnr.split()[3]) < 30
