"""Frames that are closer together than the container can tell apart."""

from fractions import Fraction
from itertools import pairwise
from pathlib import Path

import av
import pytest

from pipeline.job import SegmentOptions, SinkOptions, VideoJob
from pipeline.notes import NoteCode
from pipeline.video import deblur_video
from tests.support.clips import write_clip
from tests.support.engines import CopyingEngine

CLOSE = [0, 3600, 3640, 3650, 7200, 10800, 10810, 14400]
"""Of frames, in ticks of 1/90000 s: some are less than a millisecond apart."""


@pytest.mark.parametrize("segments", [False, True])
@pytest.mark.parametrize(("suffix", "moved"), [(".mkv", 3), (".mp4", 0)])
def test_no_two_frames_come_at_the_same_time(suffix: str, moved: int, segments: bool, tmp_path: Path) -> None:
    base = Fraction(1, 90_000)
    clip = write_clip(tmp_path / "in.mp4", time_base=base, times=CLOSE, audio=None, options={"bf": "0"})
    options = SegmentOptions(seconds=0.05, always=True) if segments else None
    job = VideoJob(clip, tmp_path / f"out{suffix}", sink=SinkOptions(codec="libx264"), segments=options)
    report = deblur_video(job, CopyingEngine)
    with av.open(str(tmp_path / f"out{suffix}")) as container:
        times = [frame.pts * frame.time_base for frame in container.decode(video=0)]
    assert all(after > before for before, after in pairwise(times))
    assert [float(time) for time in times] == pytest.approx([stamp / 90_000 for stamp in CLOSE], abs=0.0025)
    notes = [note.text for note in report.notes if note.code is NoteCode.TIMES_REPAIRED]
    assert [text.startswith(f"{moved} frames were closer") for text in notes] == [True] * bool(moved)
