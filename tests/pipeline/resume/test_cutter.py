"""Where segments are cut: every event in one of them, at keyframes where there are any."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import av
import pytest

from pipeline.decode.source import VideoSource
from pipeline.resume.cutter import FEWEST_FRAMES, Cutter

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

pytestmark = pytest.mark.timeout(60)
GROUPS = {"g": "20", "bf": "2", "sc_threshold": "0"}
OPEN_GROUPS = {**GROUPS, "x264-params": "open-gop=1"}


def cut(path: Path, seconds: float) -> list[list[tuple[str, int | None, bool]]]:
    """Kind, time stamp and keyframe flag of every event, segment by segment."""
    with VideoSource(path) as source:
        return [[describe(event) for event in events] for events in Cutter(source.events(), seconds).segments()]


def describe(event: Any) -> tuple[str, int | None, bool]:
    is_frame = isinstance(event, av.VideoFrame)
    return "frame" if is_frame else "packet", event.pts, is_frame and event.key_frame


@pytest.mark.parametrize("options", [GROUPS, OPEN_GROUPS], ids=["closed groups", "open groups"])
def test_every_event_is_in_one_segment_that_begins_with_a_keyframe(
    make_clip: Callable[..., Path], tmp_path: Path, options: dict[str, str]
) -> None:
    clip = make_clip(tmp_path / "clip.mkv", frames=90, options=options)
    with VideoSource(clip) as source:
        whole = [describe(event) for event in source.events()]
    segments = cut(clip, 0.8)
    assert [event for segment in segments for event in segment] == whole
    assert [sum(kind == "frame" for kind, _, _ in segment) for segment in segments] == [20, 20, 20, 20, 10]
    firsts = [next(event for event in segment if event[0] == "frame") for segment in segments]
    assert all(is_keyframe for _, _, is_keyframe in firsts)


def test_a_file_with_one_keyframe_is_cut_after_twice_the_time(make_clip: Callable[..., Path], tmp_path: Path) -> None:
    clip = make_clip(tmp_path / "clip.mkv", frames=120, options={"g": "1000", "sc_threshold": "0"}, audio=None)
    assert [len(segment) for segment in cut(clip, 1.0)] == [50, 50, 20]


def test_a_segment_has_some_frames_even_where_they_are_seconds_apart(
    make_clip: Callable[..., Path], tmp_path: Path
) -> None:
    clip = make_clip(tmp_path / "clip.mkv", frames=40, rate=1, options={"g": "1"}, audio=None)
    assert [len(segment) for segment in cut(clip, 1.0)] == [FEWEST_FRAMES, FEWEST_FRAMES, 40 - 2 * FEWEST_FRAMES]


def test_a_short_file_is_one_segment(make_clip: Callable[..., Path], tmp_path: Path) -> None:
    assert len(cut(make_clip(tmp_path / "clip.mkv", frames=5), 1.0)) == 1
