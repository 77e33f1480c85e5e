"""Files of a loop recording, joined: nothing lost, time going on, broken ones left out."""

from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import pytest

from pipeline.decode.concat import ConcatSource
from pipeline.decode.open import open_source
from pipeline.decode.source import VideoSource
from pipeline.encode.sink import VideoSink
from pipeline.errors import InputError, UsageError
from pipeline.job import Isolation, SinkOptions, SourceOptions, VideoJob
from pipeline.runner.protocols import Source
from pipeline.video import deblur_video

pytestmark = pytest.mark.timeout(120)


def joined(*paths: Path, **options: Any) -> Source:
    return open_source(paths[0], SourceOptions(continued=paths[1:], **options))


def read(source: Source) -> tuple[list[Fraction], dict[int, list[Fraction]]]:
    """Times of the frames, and of the packets of every other stream."""
    frames: list[Fraction] = []
    packets: dict[int, list[Fraction]] = {}
    for event in source.events():
        assert event.pts is not None
        assert event.time_base is not None
        time = event.pts * event.time_base
        if isinstance(event, av.VideoFrame):
            frames.append(time)
        else:
            packets.setdefault(event.stream.index, []).append(time)
    return frames, packets


@pytest.fixture
def clips(tmp_path: Path, make_clip: Any) -> list[Path]:
    """Three files of half a second with sound; times start at zero in each."""
    return [make_clip(tmp_path / f"{name}.mp4", frames=12 + number) for number, name in enumerate("abc")]


def test_time_goes_on_from_file_to_file(clips: list[Path]) -> None:
    with joined(*clips) as source:
        assert isinstance(source, ConcatSource)
        frames, packets = read(source)
        assert source.damage == source.notes == []
        assert source.info.name.endswith("a.mp4 and 2 more")
    assert frames == [Fraction(number, 25) for number in range(12 + 13 + 14)]
    expected = []
    shift = Fraction(0)
    for clip, length in zip(clips, (12, 13, 14), strict=True):
        with VideoSource(clip) as alone:
            expected += [time + shift for time in read(alone)[1][1]]
        shift += Fraction(length, 25)
    assert [float(time) for time in packets[1]] == pytest.approx([float(time) for time in expected], abs=1 / 48000)


def test_a_joined_output_has_every_frame_and_all_sound(clips: list[Path], tmp_path: Path, read_file: Any) -> None:
    with joined(*clips) as source:
        sink = VideoSink(tmp_path / "out.mkv", source.info, SinkOptions(codec="ffv1"))
        for event in source.events():
            if isinstance(event, av.VideoFrame):
                sink.write_frame(event)
            else:
                sink.write_packet(event)
        sink.finish()
    after = read_file(tmp_path / "out.mkv")
    assert after.streams == [("video", "ffv1"), ("audio", "aac")]
    assert len(after.frames) == 39
    sound = [read_file(clip).packets[1] for clip in clips]
    assert [data for _, data in after.packets[1]] == [data for part in sound for _, data in part]


@pytest.mark.parametrize("name", [pytest.param("gps_gopro_karma.mp4", marks=pytest.mark.slow), "two_video_tracks.mp4"])
def test_positions_and_the_second_camera_come_along(name: str, shared_clip: Any) -> None:
    clip = shared_clip(name)
    with VideoSource(clip) as once:
        frames, packets = read(once)
    with joined(clip, clip) as twice:
        frames_twice, packets_twice = read(twice)
    assert len(frames_twice) == 2 * len(frames)
    assert frames_twice == sorted(set(frames_twice))
    assert {index: 2 * len(times) for index, times in packets.items()} == {
        index: len(times) for index, times in packets_twice.items()
    }


def test_what_does_not_fit_is_left_out_and_named(clips: list[Path], tmp_path: Path, make_clip: Any) -> None:
    other = make_clip(tmp_path / "other.mp4", size=(96, 64))
    empty, missing = tmp_path / "empty.mp4", tmp_path / "missing.mp4"
    empty.write_bytes(b"")
    cut = tmp_path / "cut.mp4"
    cut.write_bytes(clips[0].read_bytes()[:-900])
    with joined(clips[0], other, empty, missing, cut, clips[1]) as source:
        frames, _ = read(source)
        lines = source.damage
    assert frames == [Fraction(number, 25) for number in range(25)]
    assert [name for name in ("other", "empty", "missing", "cut") if any(f"{name}.mp4" in line for line in lines)] == [
        "other",
        "empty",
        "missing",
        "cut",
    ]
    assert len(lines) == 4


@pytest.mark.slow
def test_damage_and_isolation_reach_every_file(shared_clip: Any) -> None:
    damaged = shared_clip("damaged.mp4")
    with joined(damaged, damaged, isolation=Isolation()) as source:
        frames, _ = read(source)
        assert source.corrupt_packets == 2
        assert all("damaged.mp4: at " in line for line in source.damage)
    assert len(frames) == 2 * 49


def test_no_input_is_ever_the_output(clips: list[Path]) -> None:
    before = [clip.read_bytes() for clip in clips]
    for output in clips[1:]:
        job = VideoJob(clips[0], output, SourceOptions(continued=tuple(clips[1:])), SinkOptions(overwrite=True))
        with pytest.raises(UsageError, match="is the input itself"):
            deblur_video(job, lambda: pytest.fail("the engine was asked for"))
    assert [clip.read_bytes() for clip in clips] == before


def test_requests_that_make_no_sense(clips: list[Path]) -> None:
    with pytest.raises(UsageError, match="`start`"):
        joined(*clips, start=1.0)
    with clips[0].open("rb") as file, pytest.raises(UsageError, match="pipe"):
        open_source(file, SourceOptions(continued=(clips[1],)))
    with pytest.raises(InputError, match=r"nothing\.mp4 does not exist"):
        joined(clips[0].parent / "nothing.mp4", *clips)
