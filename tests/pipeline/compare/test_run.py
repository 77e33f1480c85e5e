"""A comparison from end to end: pairs, figures, the page, and memory that does not grow."""

from __future__ import annotations

import gc
import json
import re
from fractions import Fraction
from typing import TYPE_CHECKING, Any

import cv2
import numpy as np
import psutil
import pytest

from pipeline.compare.curve import MOST
from pipeline.compare.findings import EVEN, EXTREMES, MOST_CHANGED, PICTURE_BYTES
from pipeline.compare.run import CompareJob, compare
from pipeline.errors import InputError, OutputError, UsageError
from pipeline.job import SinkOptions, SourceOptions
from pipeline.progress import SilentDisplay
from tests.support.clips import write_clip
from tests.support.scenes import natural_picture, write_video

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray

    from pipeline.runner.timing import RunProgress


def scene(frames: int, blur: int = 1, size: int = 180) -> list[NDArray[np.uint8]]:
    """A view that moves over a picture, blurred by a mean of that many pixels."""
    picture = np.asarray(cv2.blur(natural_picture(5), (blur, blur)), np.uint8)
    return [np.ascontiguousarray(picture[n : n + size, 2 * n : 2 * n + size]) for n in range(frames)]


def blurred_and_sharp(folder: Path, frames: int = 12) -> tuple[Path, Path, Path]:
    return (
        write_video(folder / "before.mkv", scene(frames, 9)),
        write_video(folder / "after.mkv", scene(frames, 3)),
        write_video(folder / "sharp.mkv", scene(frames)),
    )


def test_what_is_sharper_and_nearer_to_the_truth_has_better_figures(tmp_path: Path) -> None:
    pytest.importorskip("pytorch_msssim")
    before, after, truth = blurred_and_sharp(tmp_path)
    done = compare(CompareJob(before, after, truth, page=tmp_path / "page.html"))
    assert done.frames == 12
    assert not done.lines
    means = {name: [curve.mean(n) for n in range(2)] for name, curve in done.findings.curves.items()}
    assert len(means) == 6
    for name, (first, second) in means.items():
        assert (first > second) if name.startswith("GMSD") else (first < second), name  # type: ignore[operator]
    sharp = done.findings.curves["edge strength"].mean(2)
    assert sharp is not None
    assert sharp > means["edge strength"][1]  # type: ignore[operator]
    page = (tmp_path / "page.html").read_text("utf-8")
    assert page.count('class="chart" data-chart') == 6
    assert page.count('alt="sharp"') == page.count('alt="before"') > 0


def test_the_page_asks_no_address_and_links_the_frames_that_changed_most(tmp_path: Path) -> None:
    frames = scene(60)
    changed = [frame.copy() for frame in frames]
    changed[40] //= 2
    before, after = write_video(tmp_path / "a.mkv", frames), write_video(tmp_path / "b <1>.mkv", changed)
    done = compare(CompareJob(before, after, page=tmp_path / "page.html"))
    page = (tmp_path / "page.html").read_text("utf-8")
    assert not re.search(r"(?:src|href)=\"(?!data:|#)", page)
    assert "http" not in re.sub(r"base64,[^\"]*", "", page).replace("http-equiv", "")
    assert "<h1>a.mkv and b &lt;1&gt;.mkv</h1>" in page
    assert done.findings.extremes[MOST_CHANGED].kept[0].time == pytest.approx(1.6)
    assert [one.time for one in done.findings.even.kept] == pytest.approx(np.arange(0, 60, 8) / 25)
    key = re.search(r'Changed most: <a href="#(frame-\d+)">0:01.600</a>', page)
    assert key
    stop = re.search(rf'id="{key[1]}" data-caption="0:01.600, changed most">(.*?)</div>', page, re.DOTALL)
    assert stop
    assert stop[1].count("data:image/jpeg;base64,/9j/") == 2
    # Each embedded frame is a mark on the curve, and every value can be read.
    assert page.count('class="chart-mark"') == page.count('class="slider-stop"')
    data = json.loads(re.findall(r'<script type="application/json">(.*?)</script>', page)[0])
    assert len(data["times"]) == len(data["labels"]) == 60
    assert [len(curve["values"]) for curve in data["curves"]] == [60, 60]


def test_frames_are_matched_by_time_and_what_is_alone_is_counted(tmp_path: Path) -> None:
    frames = scene(20)
    before = write_video(tmp_path / "a.mkv", frames)
    after = write_video(tmp_path / "b.mkv", frames, skip=[3, 4, 11])
    done = compare(CompareJob(before, after))
    assert done.frames == 17
    assert done.lines == ("3 frames of before have none of after at the same time and were left out",)
    for curve in done.findings.curves.values():
        assert curve.points(0) == curve.points(1)  # by number, all after the third would differ
    back = compare(CompareJob(after, before))
    assert back.lines == ("3 frames of after have none of before at the same time and were left out",)


def test_a_part_that_was_cut_out_is_compared_by_its_offset(tmp_path: Path) -> None:
    frames = scene(30)
    before, after = write_video(tmp_path / "a.mkv", frames), write_video(tmp_path / "b.mkv", frames[10:])
    done = compare(CompareJob(before, after, offset=0.4))
    assert done.frames == 20
    for curve in done.findings.curves.values():
        assert curve.points(0) == curve.points(1)


def test_start_and_duration_cut_all_videos(tmp_path: Path) -> None:
    frames = scene(30)
    before = write_video(tmp_path / "a.mkv", frames)
    after = write_video(tmp_path / "b.mkv", frames, skip=[10])
    done = compare(CompareJob(before, after, source=SourceOptions(start=0.4, duration=0.4)))
    assert done.frames == 9  # frame 10 is alone, though each video begins anew at its own first frame
    for curve in done.findings.curves.values():
        assert curve.points(0) == curve.points(1)
        assert curve.times[0] == pytest.approx(0.44)


def test_videos_without_a_common_time_are_named_with_the_offset_to_give(tmp_path: Path) -> None:
    times = [round(1000 * (50 + n / 25)) for n in range(5)]
    before = write_clip(tmp_path / "a.mkv", times=times, time_base=Fraction(1, 1000), audio=None)
    after = write_clip(tmp_path / "b.mkv", frames=5, audio=None)
    with pytest.raises(InputError, match=r"begin at 0.000 and 50.000 s; .* give `offset` 50.000"):
        compare(CompareJob(before, after, page=tmp_path / "page.html"))
    assert not (tmp_path / "page.html").exists()
    assert compare(CompareJob(before, after, offset=50)).frames == 5


@pytest.mark.parametrize("kind", ["page", "output"])
def test_no_input_is_overwritten_and_no_file_without_being_asked(tmp_path: Path, kind: str) -> None:
    before, after = (write_clip(tmp_path / name, frames=3) for name in ("a.mkv", "b.mkv"))
    content = after.read_bytes()
    for extra in (before, after):
        job: dict[str, Any] = {kind: extra, "sink": SinkOptions(overwrite=True)}
        with pytest.raises(UsageError, match="is the input itself"):
            compare(CompareJob(before, after, **job))
    assert after.read_bytes() == content
    there = tmp_path / "there.mkv"
    there.write_text("mine")
    with pytest.raises(OutputError, match="exists"):
        compare(CompareJob(before, after, **{kind: there}))
    assert there.read_text() == "mine"


def test_an_error_leaves_no_output(tmp_path: Path) -> None:
    before = write_clip(tmp_path / "a.mkv", frames=3)
    broken = tmp_path / "b.mkv"
    broken.write_bytes(b"no video")
    with pytest.raises(InputError):
        compare(CompareJob(before, broken, output=tmp_path / "out.mkv"))
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a.mkv", "b.mkv"]


def test_one_of_several_frames_is_measured_and_all_are_written(tmp_path: Path) -> None:
    before, after = (write_clip(tmp_path / name, frames=10, audio=None) for name in ("a.mkv", "b.mkv"))
    done = compare(CompareJob(before, after, every=4))
    assert done.frames == 10
    assert done.findings.curves["edge strength"].times == pytest.approx([0, 0.16, 0.32])


class Watch(SilentDisplay):
    """Notes the memory of the process on the way."""

    def __init__(self) -> None:
        self.memory: dict[int, int] = {}

    def update(self, progress: RunProgress) -> None:
        if progress.frames % 400 == 0:
            gc.collect()
            self.memory[progress.frames] = psutil.Process().memory_info().rss


@pytest.mark.slow
def test_memory_does_not_grow_with_the_length(tmp_path: Path) -> None:
    # A frame of this takes 115 kB as it is decoded, and 230 kB as RGB: a thousand that were kept would be seen.
    before = write_clip(
        tmp_path / "a.mkv", size=(320, 240), frames=2000, audio=None, options={"preset": "ultrafast", "crf": "40"}
    )
    watch = Watch()
    done = compare(CompareJob(before, before, output=tmp_path / "b.mkv", page=tmp_path / "page.html"), watch)
    assert done.frames == 2000
    assert watch.memory[2000] - watch.memory[800] < 40 * 2**20
    assert all(len(curve) <= MOST for curve in done.findings.curves.values())
    assert len(done.findings.even.kept) <= EVEN
    assert all(len(each.kept) <= EXTREMES for each in done.findings.extremes.values())
    assert (tmp_path / "page.html").stat().st_size < 4 / 3 * PICTURE_BYTES + 10**6
