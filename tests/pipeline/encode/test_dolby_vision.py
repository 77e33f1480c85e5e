"""Dolby Vision metadata goes on with its frames where encoder and container can, and is named else."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import av
import pytest
from av.sidedata.sidedata import Type

from pipeline.decode.open import open_source
from pipeline.decode.source import VideoSource
from pipeline.encode.sink import VideoSink
from pipeline.job import Isolation, SegmentOptions, SinkOptions, SourceOptions, VideoJob
from pipeline.media.dolby_vision import DolbyVisionKeeper
from pipeline.media.frames import plane_rows
from pipeline.media.pyav18 import side_data
from pipeline.media.side_data import dolby_vision_profile
from pipeline.notes import NoteCode
from pipeline.video import deblur_video
from tests.support.displays import InterruptingDisplay
from tests.support.engines import CopyingEngine
from tests.support.notes import codes

if TYPE_CHECKING:
    from pathlib import Path

CLIP = "dolby_vision.mov"


def metadata_of(path: Path) -> list[bool]:
    """Whether each frame has the metadata."""
    with av.open(str(path)) as file:
        return [Type.DOVI_METADATA in side_data(frame) for frame in file.decode(video=0)]


@pytest.mark.parametrize(
    ("suffix", "codec", "sign"), [("mp4", None, b"dvvC"), ("mkv", None, b"dvvC"), ("mp4", "av1", b"dvvC")]
)
def test_profile_8_is_carried_through(
    suffix: str, codec: str | None, sign: bytes, shared_clip: Any, tmp_path: Path, convert: Any
) -> None:
    done = convert(shared_clip(CLIP), tmp_path / f"out.{suffix}", None, SinkOptions(codec=codec))
    assert all(metadata_of(done.path))
    assert len(metadata_of(done.path)) == done.frames
    assert sign in done.path.read_bytes()
    assert not any("Dolby" in note.text for note in done.sink_notes)


def test_segments_carry_it_too(shared_clip: Any, tmp_path: Path) -> None:
    output = tmp_path / "out.mp4"
    job = VideoJob(shared_clip(CLIP), output, segments=SegmentOptions(seconds=1.0, always=True))
    report = deblur_video(job, CopyingEngine, InterruptingDisplay(None, None))
    assert metadata_of(output) == [True] * report.result.frames_out
    assert b"dvvC" in output.read_bytes()


@pytest.mark.parametrize(("suffix", "codec"), [("mov", None), ("mp4", "h264")])
def test_it_is_named_where_it_can_not_be_written(
    suffix: str, codec: str | None, shared_clip: Any, tmp_path: Path, convert: Any
) -> None:
    done = convert(shared_clip(CLIP), tmp_path / f"out.{suffix}", None, SinkOptions(codec=codec))
    assert any(
        note.code is NoteCode.SIDE_DATA_DROPPED and "Dolby Vision metadata (profile 8)" in note.text
        for note in done.sink_notes
    )
    assert not any(metadata_of(done.path))


def test_a_turned_picture_goes_without_it(shared_clip: Any, tmp_path: Path, convert: Any) -> None:
    done = convert(shared_clip(CLIP), tmp_path / "out.ts")
    assert {NoteCode.PICTURE_TURNED, NoteCode.SIDE_DATA_DROPPED} <= codes(done.sink_notes)
    assert not any(metadata_of(done.path))


def test_another_process_can_not_hand_it_over(shared_clip: Any) -> None:
    with open_source(shared_clip(CLIP), SourceOptions(isolation=Isolation())) as source:
        assert NoteCode.SIDE_DATA_DROPPED in codes(source.notes)
        assert Type.DOVI_METADATA not in source.info.first_frame.side_data
        assert sum(isinstance(event, av.VideoFrame) for event in source.events()) > 1


def test_a_frame_without_it_takes_that_of_the_frame_before(shared_clip: Any, tmp_path: Path) -> None:
    keeper = DolbyVisionKeeper()
    with VideoSource(shared_clip(CLIP)) as source:
        sink = VideoSink(tmp_path / "out.mp4", source.info, SinkOptions(codec="av1", preset="12"))
        number = 0
        for event in source.events():
            if not isinstance(event, av.VideoFrame):
                continue
            frame = event
            if number == 2:
                frame = av.VideoFrame(event.width, event.height, event.format.name)
                for index in range(3):
                    plane_rows(frame, index)[...] = plane_rows(event, index)
                frame.pts, frame.time_base = event.pts, event.time_base
            frame, was_completed = keeper.complete(frame)
            assert was_completed == (number == 2)
            assert plane_rows(frame, 0).tobytes() == plane_rows(event, 0).tobytes()
            sink.write_frame(frame)
            number += 1
        sink.finish()
    assert metadata_of(tmp_path / "out.mp4") == [True] * number


def test_a_stream_that_begins_without_it_is_left_alone() -> None:
    frame = av.VideoFrame(16, 16, "yuv420p10le")
    keeper = DolbyVisionKeeper()
    assert keeper.complete(frame) == (frame, False)
    assert dolby_vision_profile({}) is None


@pytest.mark.parametrize(
    ("profile", "full_range", "depth", "enhancement", "disabled", "expected"),
    [(0, 1, 12, 0, 0, 5), (1, 0, 12, 1, 0, 7), (1, 0, 12, 1, 1, 8), (1, 0, 12, 0, 0, 8), (2, 0, 12, 0, 0, None)],
)
def test_the_profile_is_told_from_the_header(
    profile: int, full_range: int, depth: int, enhancement: int, disabled: int, expected: int | None
) -> None:
    header = bytes([2, 0, 0, 0, profile, 0, 0, 0, 0, 0, full_range, 0, 0, depth, 0, enhancement, disabled, 0])
    data = (8).to_bytes(8, "little") + header
    assert dolby_vision_profile({Type.DOVI_METADATA: data}) == expected
