"""Copied streams in AVI, which stores no times: what the header can say it says, and the rest is named."""

from __future__ import annotations

from fractions import Fraction
from typing import TYPE_CHECKING, Any

import av
import pytest

from pipeline.job import SegmentOptions, SinkOptions, VideoJob
from pipeline.notes import NoteCode
from pipeline.video import deblur_video
from tests.support.clips import write_clip
from tests.support.engines import CopyingEngine

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from pipeline.report import Report

pytestmark = pytest.mark.timeout(60)


def run(clip: Path, output: Path, *, segments: bool = False) -> Report:
    options = SegmentOptions(seconds=0.5, always=True) if segments else None
    return deblur_video(VideoJob(clip, output, sink=SinkOptions(codec="mpeg4"), segments=options), CopyingEngine)


def sound_times(path: Path) -> list[float]:
    """Times of the packets of the first sound, in ms."""
    with av.open(str(path)) as container:
        return [float(1000 * p.pts * p.time_base) for p in container.demux(audio=0) if p.size and p.pts is not None]


def moved_sound(source: Path, target: Path, place: Callable[[int], int | None]) -> Path:
    """Copies a clip with other times of its sound: ``place`` gets the number of a packet, and gives the ms it is late.

    None takes the packet away.
    """
    with av.open(str(source)) as given, av.open(str(target), "w") as written:
        copies = {stream.index: written.add_stream_from_template(stream, opaque=True) for stream in given.streams}
        number = -1
        for packet in given.demux():
            if not packet.size or packet.pts is None:
                continue
            if packet.stream.type == "audio":
                number += 1
                if (late := place(number)) is None:
                    continue
                packet.pts = packet.dts = packet.pts + round(Fraction(late, 1000) / Fraction(packet.time_base))
            packet.stream = copies[packet.stream.index]
            written.mux(packet)
    return target


def codes(report: Report) -> set[NoteCode]:
    return {note.code for note in report.notes}


@pytest.mark.parametrize("segments", [False, True])
@pytest.mark.parametrize("audio", ["ac3", "aac", "libmp3lame", "mp2", "adpcm_ms"])
def test_sound_of_avi_keeps_its_times_in_avi(audio: str, segments: bool, tmp_path: Path) -> None:
    clip = write_clip(tmp_path / "in.avi", codec="mpeg4", frames=40, audio=audio)
    report = run(clip, tmp_path / "out.avi", segments=segments)
    before, after = sound_times(clip), sound_times(tmp_path / "out.avi")
    assert len(before) > 20
    assert after == pytest.approx(before, abs=1)
    assert NoteCode.SYNC_CHANGED not in codes(report)


@pytest.mark.parametrize("audio", ["ac3", "aac", "libmp3lame"])
def test_sound_that_begins_late_does_so_in_avi(audio: str, tmp_path: Path) -> None:
    clip = write_clip(tmp_path / "whole.mkv", codec="mpeg4", frames=40, audio=audio)
    clip = moved_sound(clip, tmp_path / "in.mkv", lambda _: 250)
    report = run(clip, tmp_path / "out.avi")
    before, after = sound_times(clip), sound_times(tmp_path / "out.avi")
    assert after == pytest.approx(before, abs=17)  # half a packet
    assert NoteCode.SYNC_CHANGED not in codes(report)


def test_gaps_in_compressed_sound_are_named(tmp_path: Path) -> None:
    clip = write_clip(tmp_path / "whole.mkv", codec="mpeg4", frames=40, audio="ac3")
    clip = moved_sound(clip, tmp_path / "in.mkv", lambda number: None if 10 <= number < 20 else 0)
    report = run(clip, tmp_path / "out.avi")
    (note,) = [note for note in report.notes if note.code is NoteCode.SYNC_CHANGED]
    assert note.stream == 1
    assert "up to 320 ms too early" in note.text  # ten packets of 32 ms
    assert sound_times(tmp_path / "out.avi")[-1] == pytest.approx(sound_times(clip)[-1] - 320, abs=17)


def test_a_second_video_that_begins_late_is_named(tmp_path: Path) -> None:
    clip = tmp_path / "in.mkv"
    with av.open(str(clip), "w") as out:
        streams: list[Any] = [out.add_stream("mpeg4", rate=25) for _ in range(2)]
        for stream, size in zip(streams, (64, 32), strict=True):
            stream.width = stream.height = size
            stream.pix_fmt = "yuv420p"
        for number in range(20):
            for stream, begin in zip(streams, (0, 5), strict=True):
                if number >= begin:
                    frame = av.VideoFrame(stream.width, stream.height, "yuv420p")
                    frame.pts, frame.time_base = number, Fraction(1, 25)
                    out.mux(stream.encode(frame))
        for stream in streams:
            out.mux(stream.encode(None))
    report = run(clip, tmp_path / "out.avi")
    (note,) = [note for note in report.notes if note.code is NoteCode.SYNC_CHANGED]
    assert note.stream == 1
    assert "at its begin 200 ms" in note.text


def test_sound_that_avi_can_not_count_is_left_out_before_the_work(tmp_path: Path) -> None:
    """FFmpeg knows no length of its packets, and would fill the file with empty ones."""
    clip = write_clip(tmp_path / "in.mkv", codec="mpeg4", audio="eac3")
    report = run(clip, tmp_path / "out.avi")
    assert [note.stream for note in report.notes if note.code is NoteCode.STREAM_LEFT_OUT] == [1]
    assert (tmp_path / "out.avi").stat().st_size < 2 * clip.stat().st_size
