"""Containers with a constant frame rate: each frame near its time, the sound beside it, and nothing lost."""

from __future__ import annotations

from fractions import Fraction
from itertools import accumulate
from typing import TYPE_CHECKING, Any

import av
import numpy as np
import pytest

from pipeline.errors import UsageError
from pipeline.job import Isolation, SegmentOptions, SinkOptions, SourceOptions, VideoJob
from pipeline.notes import NoteCode
from pipeline.video import deblur_video
from tests.support.clips import write_clip
from tests.support.engines import CopyingEngine

if TYPE_CHECKING:
    from pathlib import Path

    from pipeline.report import Report

pytestmark = pytest.mark.timeout(60)

GAPS = [number * 40 for number in range(60) if number % 5 != 4]
"""Of frames, in ms: every fifth is missing."""
UNEVEN = {
    "a pause": list(accumulate([40] * 12 + [600] + [40] * 12, initial=0)),
    "slow, then fast": list(accumulate([66] * 12 + [16] * 50, initial=0)),
    "jitter": list(accumulate([33 + (i * i * 7) % 21 - 10 for i in range(60)], initial=0)),
}


def run(clip: Path, output: Path, *, segments: bool = False, isolated: bool = False, **options: Any) -> Report:
    job = VideoJob(
        clip,
        output,
        source=SourceOptions(isolation=Isolation() if isolated else None),
        sink=SinkOptions(**options),
        segments=SegmentOptions(seconds=0.5, always=True) if segments else None,
    )
    return deblur_video(job, CopyingEngine)


def decoding_times(path: Path) -> list[float]:
    """Times of the frames that hold a picture, in ms: all that AVI has."""
    with av.open(str(path)) as container:
        video = container.streams.video[0]
        return [float(1000 * p.dts * p.time_base) for p in container.demux(video) if p.size]


def first_sound(path: Path) -> float:
    with av.open(str(path)) as container:
        return next(float(1000 * p.pts * p.time_base) for p in container.demux(audio=0) if p.pts is not None)


@pytest.mark.parametrize("way", ["whole", "segments", "isolated"])
def test_dropped_frames_of_avi_stay_dropped(way: str, tmp_path: Path) -> None:
    clip = write_clip(tmp_path / "in.mkv", time_base=Fraction(1, 1000), times=GAPS, audio="pcm_s16le")
    run(clip, tmp_path / "gaps.avi", codec="mjpeg")
    assert decoding_times(tmp_path / "gaps.avi") == GAPS
    report = run(tmp_path / "gaps.avi", tmp_path / "out.avi", segments=way == "segments", isolated=way == "isolated")
    assert decoding_times(tmp_path / "out.avi") == GAPS
    assert first_sound(tmp_path / "out.avi") == 0
    notes = [note.text for note in report.notes if note.code is NoteCode.CONSTANT_RATE]
    assert notes[0].endswith("25.000 a second")
    assert notes[1] == "11 intervals between frames left empty; players wait there"


@pytest.mark.parametrize("way", ["whole", "segments", "isolated"])
@pytest.mark.parametrize("name", UNEVEN)
def test_uneven_times_stay_within_half_an_interval(name: str, way: str, tmp_path: Path) -> None:
    times = UNEVEN[name]
    clip = write_clip(
        tmp_path / "in.mkv", time_base=Fraction(1, 1000), times=times, audio="pcm_s16le", options={"bf": "2"}
    )
    report = run(clip, tmp_path / "out.avi", codec="mpeg4", segments=way == "segments", isolated=way == "isolated")
    with av.open(str(tmp_path / "out.avi")) as container:
        interval = 1000 * float(1 / container.streams.video[0].guessed_rate)  # type: ignore[operator]
        assert len(list(container.decode(video=0))) == len(times) == report.result.frames_out
    found = decoding_times(tmp_path / "out.avi")
    assert max(abs(a - b) for a, b in zip(found, times, strict=True)) <= 21
    assert interval <= 42
    assert first_sound(tmp_path / "out.avi") == 0


def test_frames_that_share_an_interval_are_all_there_and_named(tmp_path: Path) -> None:
    times = list(accumulate([40] * 8 + [1, 1, 38] + [40] * 8, initial=0))
    clip = write_clip(tmp_path / "in.mkv", time_base=Fraction(1, 1000), times=times, audio=None)
    report = run(clip, tmp_path / "out.avi", codec="mpeg4")
    found = decoding_times(tmp_path / "out.avi")
    assert max(abs(a - b) for a, b in zip(found, times, strict=True)) < 10
    assert any("too close to the one before; moved by up to" in note.text for note in report.notes)


@pytest.mark.parametrize("segments", [False, True])
def test_gaps_are_filled_where_no_interval_can_be_empty(segments: bool, tmp_path: Path) -> None:
    clip = write_clip(tmp_path / "in.mkv", time_base=Fraction(1, 1000), times=GAPS, audio=None)
    report = run(clip, tmp_path / "out.m2v", codec="mpeg2video", segments=segments)
    with av.open(str(tmp_path / "out.m2v")) as container:
        assert len(list(container.decode(video=0))) == 59
    assert any(note.text == "11 intervals between frames filled by the frame before" for note in report.notes)


def test_a_rate_that_an_encoder_can_not_have_is_refused(tmp_path: Path) -> None:
    clip = write_clip(tmp_path / "in.mkv", rate=120, frames=30, audio=None)
    with pytest.raises(UsageError, match="at this frame rate"):
        run(clip, tmp_path / "out.avi", codec="mpeg1video")


@pytest.mark.parametrize("codec", ["libx264", "mpeg4"])
def test_reordered_frames_do_not_move_the_picture_against_the_sound(codec: str, tmp_path: Path) -> None:
    clip = write_clip(tmp_path / "in.mkv", codec=codec, frames=40, audio="pcm_s16le", options={"bf": "2", "g": "12"})
    run(clip, tmp_path / "out.avi")
    assert decoding_times(tmp_path / "out.avi") == [40 * number for number in range(40)]
    assert first_sound(tmp_path / "out.avi") == 0


@pytest.mark.parametrize(("codec", "late"), [("libx264", 80), ("mpeg4", 40)])
@pytest.mark.parametrize("suffix", [".avi", ".mp4"])
def test_reordered_frames_of_avi_come_when_they_are_shown(codec: str, late: int, suffix: str, tmp_path: Path) -> None:
    """AVI says when frames are decoded. The first can be shown when those that it waits for are."""
    clip = tmp_path / "in.avi"
    write_clip(clip, codec=codec, frames=40, audio="pcm_s16le", options={"bf": "2", "g": "12", "b_strategy": "0"})
    report = run(clip, tmp_path / f"out{suffix}")
    assert NoteCode.TIMES_REPAIRED not in [note.code for note in report.notes]
    if suffix == ".avi":
        found = decoding_times(tmp_path / "out.avi")[1:]  # the first begins at zero: nothing can be shown before it
    else:
        with av.open(str(tmp_path / "out.mp4")) as container:
            found = [float(1000 * frame.pts * frame.time_base) for frame in container.decode(video=0)][1:]
    assert found == [late + 40 * number for number in range(1, 40)]


@pytest.mark.parametrize(("codec", "size"), [("pcm_s16le", 2), ("pcm_u8", 1), ("pcm_s24le", 3)])
def test_gaps_of_uncompressed_sound_are_silence(codec: str, size: int, tmp_path: Path) -> None:
    """AVI would close them, and the sound would come early."""
    write_clip(tmp_path / "whole.mkv", frames=50, audio=codec, options={"bf": "0"})
    clip, step = tmp_path / "in.mkv", 960 * 2 * size  # bytes in 20 ms
    with av.open(str(tmp_path / "whole.mkv")) as container, av.open(str(clip), "w") as out:
        copies = {stream.index: out.add_stream_from_template(stream) for stream in container.streams}
        for packet in container.demux():
            if not packet.size or packet.pts is None:
                continue
            if packet.stream.type == "video":
                packet.stream, packet.dts = copies[packet.stream.index], packet.pts
                out.mux(packet)
                continue
            assert packet.pts == 0  # one packet, which is divided here
            for number in (*range(25, 40), *range(65, 100)):
                part: Any = av.Packet(bytes(packet)[number * step : (number + 1) * step])
                part.stream, part.time_base = copies[packet.stream.index], packet.time_base
                part.pts = part.dts = 20 * number
                out.mux(part)
    report = run(clip, tmp_path / "out.avi")
    before, after = loudness(clip), loudness(tmp_path / "out.avi")
    assert abs(len(after) - len(before)) <= 1
    assert sum(before) >= 90
    assert sum(a != b for a, b in zip(after, before, strict=False)) <= 6  # at the edges of the gaps
    assert "1.00 s of silence" in next(note.text for note in report.notes if note.code is NoteCode.SILENCE_ADDED)


def loudness(path: Path) -> list[bool]:
    """Whether there is sound, for each 10 ms."""
    samples = np.zeros(48000 * 3, np.float32)
    end = 0
    with av.open(str(path)) as container:
        resampler = av.AudioResampler("flt", "mono", 48000)
        for frame in container.decode(audio=0):
            begin = round(48 * float(1000 * frame.pts * frame.time_base))
            for part in resampler.resample(frame):
                sound = part.to_ndarray()[0]
                samples[begin : begin + len(sound)] = sound
                end = begin + len(sound)
    return [bool(abs(samples[at : at + 480]).max() > 0.05) for at in range(0, end, 480)]


@pytest.mark.parametrize("way", ["whole", "segments"])
def test_a_first_frame_behind_the_sound_is_told_to_come_early(way: str, tmp_path: Path) -> None:
    times = [480 + 40 * number for number in range(40)]
    clip = write_clip(
        tmp_path / "in.mkv",
        times=times,
        time_base=Fraction(1, 1000),
        options={"g": "10", "bf": "0"},
        audio="pcm_s16le",
    )
    report = run(clip, tmp_path / "out.avi", segments=way == "segments")
    (note,) = [note for note in report.notes if note.code is NoteCode.FIRST_FRAME_EARLY]
    assert "480 ms early" in note.text
    wanted = [0, *(520 + 40 * number for number in range(39))]
    assert decoding_times(tmp_path / "out.avi") == pytest.approx(wanted, abs=1)


@pytest.mark.parametrize(("codec", "written"), [("mpeg1video", "h264"), ("mpeg2video", "mpeg2video")])
def test_a_decoder_of_avi_does_not_wait_for_frames_shown_before(codec: str, written: str, tmp_path: Path) -> None:
    """It would show each frame when the next one comes, and the sound would be ahead."""
    clip = write_clip(tmp_path / "in.mkv", codec=codec, frames=10, audio=None)
    run(clip, tmp_path / "out.avi")
    with av.open(str(tmp_path / "out.avi")) as container:
        video = container.streams.video[0]
        video.codec_context.thread_count = 1
        assert video.codec_context.codec.canonical_name == written
        packets = [packet for packet in container.demux(video) if packet.size]
        assert [len(packet.decode()) for packet in packets] == [1] * 10
