"""Recordings: true times, gaps and changes of size in one file, and what can't be written is said."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import av
import pytest

from pipeline.errors import OutputError, UsageError
from pipeline.live.output.recording import Recording
from pipeline.live.subscription import LiveResult

if TYPE_CHECKING:
    from collections.abc import Callable

pytestmark = pytest.mark.timeout(60)


def show(recording: Recording, frame: av.VideoFrame, captured: float) -> None:
    assert recording.show(LiveResult(frame, frame, 0, captured, captured, captured))


def show_many(recording: Recording, frame: av.VideoFrame) -> None:
    for number in range(300):
        show(recording, frame, number / 30)


@pytest.mark.parametrize("suffix", [".mkv", ".mp4", ".mov", ".ts", ".webm"])
def test_times_are_those_of_capture_with_the_gap(
    tmp_path: Path, frame: Callable[..., av.VideoFrame], read_file: Callable[..., Any], suffix: str
) -> None:
    path = tmp_path / f"out{suffix}"
    recording = Recording(path)
    times = [0.0, 0.033, 0.071, 0.1, 7.5, 7.533, 7.6]
    for number, time in enumerate(times):
        show(recording, frame(20 * number), 1000 + time)
    recording.close()
    contents = read_file(path)
    start = float(contents.times[0])
    assert [float(time) - start for time in contents.times] == pytest.approx(times, abs=0.0015)
    lumas = [int(one.to_ndarray(format="gray").mean()) for one in contents.frames]
    assert lumas == sorted(lumas)
    assert lumas[-1] - lumas[0] > 80


def test_two_frames_of_one_moment_follow_each_other(
    tmp_path: Path, frame: Callable[..., av.VideoFrame], read_file: Callable[..., Any]
) -> None:
    recording = Recording(tmp_path / "out.mp4")
    for captured in (5.0, 5.0, 4.9, 5.1):
        show(recording, frame(), captured)
    recording.close()
    times = read_file(tmp_path / "out.mp4").times
    assert len(set(times)) == 4
    assert times == sorted(times)


def test_a_change_of_size_and_format_stays_in_the_file(
    tmp_path: Path, frame: Callable[..., av.VideoFrame], read_file: Callable[..., Any]
) -> None:
    recording = Recording(tmp_path / "out.mkv")
    kinds = [((64, 48), "yuv420p"), ((32, 24), "yuv420p"), ((128, 96), "yuv422p"), ((33, 17), "nv12")]
    for number, (size, pixel_format) in enumerate(kinds):
        show(recording, frame(90, size, pixel_format), number / 10)
    recording.close()
    contents = read_file(tmp_path / "out.mkv")
    assert [(one.width, one.height) for one in contents.frames] == [(64, 48)] * 4
    assert all(abs(int(one.to_ndarray(format="gray").mean()) - 86) < 4 for one in contents.frames)


@pytest.mark.parametrize(
    ("pixel_format", "expected"), [("yuv420p10le", "yuv420p10le"), ("yuvj420p", "yuv420p"), ("gbrp", "yuv420p")]
)
def test_depth_stays_and_the_range_becomes_limited(
    tmp_path: Path,
    frame: Callable[..., av.VideoFrame],
    read_file: Callable[..., Any],
    pixel_format: str,
    expected: str,
) -> None:
    grey = frame(128).reformat(format=pixel_format)
    recording = Recording(tmp_path / "out.mkv")
    show(recording, grey, 0.0)
    recording.close()
    contents = read_file(tmp_path / "out.mkv")
    assert contents.video.pix_fmt == expected
    assert contents.video.color_range == 1
    before, after = (one.to_ndarray(format="rgb24").astype(int) for one in (grey, contents.frames[0]))
    assert abs(before - after).max() <= 3


def test_odd_sizes_are_made_even(
    tmp_path: Path, frame: Callable[..., av.VideoFrame], read_file: Callable[..., Any]
) -> None:
    recording = Recording(tmp_path / "out.mp4")
    show(recording, frame(size=(33, 17)), 0.0)
    recording.close()
    assert (read_file(tmp_path / "out.mp4").video.width, read_file(tmp_path / "out.mp4").video.height) == (34, 18)


@pytest.mark.parametrize("suffix", [".mkv", ".mp4"])
def test_a_file_that_was_not_finished_can_be_played(
    tmp_path: Path, frame: Callable[..., av.VideoFrame], suffix: str
) -> None:
    """What a crash or a power cut leaves."""
    path = tmp_path / f"out{suffix}"
    recording = Recording(path)
    for number in range(400):
        show(recording, frame(number % 250), number / 30)
    (tmp_path / f"torn{suffix}").write_bytes(path.read_bytes())
    with av.open(str(tmp_path / f"torn{suffix}")) as torn:
        frames = sum(1 for _ in torn.decode(video=0))
    assert frames > 150
    recording.close()
    with av.open(str(path)) as whole:
        assert sum(1 for _ in whole.decode(video=0)) == 400


def test_without_frames_there_is_no_file(tmp_path: Path) -> None:
    Recording(tmp_path / "out.mp4").close()
    assert not list(tmp_path.iterdir())


def test_what_can_not_be_recorded_is_refused_beforehand(tmp_path: Path) -> None:
    (tmp_path / "there.mkv").touch()
    with pytest.raises(UsageError, match="`overwrite`"):
        Recording(tmp_path / "there.mkv")
    Recording(tmp_path / "there.mkv", overwrite=True)
    with pytest.raises(UsageError, match=r"\.mkv, \.mp4"):
        Recording(tmp_path / "out.gif")
    with pytest.raises(UsageError, match="create it first"):
        Recording(tmp_path / "nowhere" / "out.mkv")


def test_a_file_that_can_not_be_written_is_an_error(tmp_path: Path, frame: Callable[..., av.VideoFrame]) -> None:
    recording = Recording(tmp_path / "out.mkv")
    (tmp_path / "out.mkv").mkdir()
    with pytest.raises(OutputError, match=r"can't write .*out\.mkv: Is a directory"):
        show(recording, frame(), 0.0)
    recording.close()


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="this system has no device that is always full")
def test_a_full_disk_is_an_error(tmp_path: Path, frame: Callable[..., av.VideoFrame]) -> None:
    (tmp_path / "out.ts").symlink_to("/dev/full")
    recording = Recording(tmp_path / "out.ts", overwrite=True)
    with pytest.raises(OutputError, match="No space left"):
        show_many(recording, frame(0, (320, 240)))
    recording.close()
