"""Streams that begin before time zero: all that is counted is played, in every container."""

from __future__ import annotations

from fractions import Fraction
from typing import TYPE_CHECKING

import av
import pytest

from pipeline.job import Isolation, SegmentOptions, SourceOptions, VideoJob
from pipeline.notes import NoteCode
from pipeline.video import deblur_video
from tests.support.clips import write_clip
from tests.support.engines import CopyingEngine

if TYPE_CHECKING:
    from pathlib import Path

    from pipeline.report import Report

pytestmark = pytest.mark.timeout(60)

WRAP = 1 << 33
"""Ticks of 1/90000 s after which the clock of a transport stream begins anew."""


def wrapping(path: Path, *, audio: bool = True) -> Path:
    """A transport stream of two seconds whose clock wraps after one: FFmpeg lets it begin before zero."""
    write_clip(path.with_name("plain.ts"), frames=50, audio="aac" if audio else None, options={"g": "25", "bf": "2"})
    with (
        av.open(str(path.with_name("plain.ts"))) as container,
        av.open(str(path), "w", options={"mpegts_copyts": "1"}) as out,
    ):
        copies = {stream.index: out.add_stream_from_template(stream) for stream in container.streams}
        for packet in container.demux():
            if packet.size and packet.dts is not None and packet.pts is not None:
                packet.stream = copies[packet.stream.index]
                packet.pts, packet.dts = packet.pts + WRAP - 90000, packet.dts + WRAP - 90000
                out.mux(packet)
    return path


def run(clip: Path, output: Path, way: str = "whole") -> Report:
    job = VideoJob(
        clip,
        output,
        source=SourceOptions(isolation=Isolation() if way == "isolated" else None),
        segments=SegmentOptions(seconds=0.5, always=True) if way == "segments" else None,
    )
    return deblur_video(job, CopyingEngine)


def played(path: Path) -> tuple[list[Fraction], list[Fraction]]:
    """Times of the frames and of the sound's packets that a player shows and plays, in seconds."""
    with av.open(str(path)) as container:
        frames: list[Fraction] = []
        sound: list[Fraction] = []
        for packet in container.demux():
            if packet.stream.type == "video":
                frames += [frame.pts * frame.time_base for frame in packet.decode()]
            elif packet.size and packet.pts is not None and not packet.is_discard:
                sound.append(packet.pts * packet.time_base)
    return frames, sound


@pytest.mark.parametrize("way", ["whole", "segments", "isolated"])
@pytest.mark.parametrize("suffix", [".mp4", ".mov", ".mkv"])
def test_a_clock_that_wraps_costs_nothing(suffix: str, way: str, tmp_path: Path) -> None:
    clip = wrapping(tmp_path / "in.ts")
    frames, sound = played(clip)
    assert frames[0] < 0 < frames[-1]
    report = run(clip, tmp_path / f"out{suffix}", way)
    after, sound_after = played(tmp_path / f"out{suffix}")
    assert len(after) == len(frames) == report.result.frames_out == 50
    assert len(sound_after) == len(sound)
    assert min(*after, *sound_after) >= 0
    tick = Fraction(1, 500)
    assert all(abs((a - after[0]) - (b - frames[0])) <= tick for a, b in zip(after, frames, strict=True))
    assert abs((sound_after[0] - after[0]) - (sound[0] - frames[0])) <= tick
    assert NoteCode.STREAMS_MOVED in [note.code for note in report.notes]


@pytest.mark.parametrize("suffix", [".mp4", ".mkv"])
def test_a_silent_video_that_begins_before_zero_is_moved_and_named(suffix: str, tmp_path: Path) -> None:
    report = run(wrapping(tmp_path / "in.ts", audio=False), tmp_path / f"out{suffix}")
    frames, _ = played(tmp_path / f"out{suffix}")
    assert (len(frames), frames[0]) == (50, 0)
    notes = [note.text for note in report.notes if note.code is NoteCode.STREAMS_MOVED]
    assert len(notes) == 1
    assert notes[0].startswith("the video begins")


def test_the_run_up_of_sound_stays_before_zero(tmp_path: Path) -> None:
    """An edit list leaves it out: nothing that is played is cut off."""
    clip = write_clip(tmp_path / "in.mp4", frames=25)
    report = run(clip, tmp_path / "out.mp4")
    assert played(tmp_path / "out.mp4") == played(clip)
    with av.open(str(tmp_path / "out.mp4")) as container:
        assert next(packet.pts for packet in container.demux(audio=0)) == -1024
    assert NoteCode.STREAMS_MOVED not in [note.code for note in report.notes]


def test_everything_that_begins_late_begins_at_zero_in_avi(tmp_path: Path) -> None:
    """AVI has no other begin; what matters is that sound and picture move together."""
    clip = write_clip(tmp_path / "in.ts", frames=25, audio="mp2")
    report = run(clip, tmp_path / "out.avi")
    frames, sound = played(tmp_path / "out.avi")
    assert len(frames) == 25
    assert sound[0] == 0
    with av.open(str(tmp_path / "out.avi")) as container:
        first = next(packet.dts * packet.time_base for packet in container.demux(video=0) if packet.dts is not None)
    assert first == 0
    assert any("moved earlier" in note.text for note in report.notes)


def test_chapters_stay_where_no_stream_is_moved(tmp_path: Path) -> None:
    """Matroska keeps the run-up of AC-3, so the sound beside it, which has none, does not move all."""
    clip = tmp_path / "in.mkv"
    write_clip(tmp_path / "ac3.mkv", frames=20, audio="ac3")
    write_clip(tmp_path / "pcm.mkv", frames=20, audio="pcm_s16le", chapters=[(0, 400, "one"), (400, 800, "two")])
    with (
        av.open(str(tmp_path / "pcm.mkv")) as first,
        av.open(str(tmp_path / "ac3.mkv")) as second,
        av.open(str(clip), "w") as out,
    ):
        out.set_chapters(first.chapters())
        copies = [out.add_stream_from_template(stream, opaque=True) for stream in (*first.streams, second.streams[1])]
        for packet in (*first.demux(), *second.demux(audio=0)):
            if packet.size:
                packet.stream = copies[2 if packet.stream.container is second else packet.stream.index]
                out.mux(packet)
    run(clip, tmp_path / "out.mkv")
    with av.open(str(clip)) as given, av.open(str(tmp_path / "out.mkv")) as made:
        assert min(p.pts for p in given.demux(audio=1) if p.pts is not None) < 0
        assert [(c["start"], c["end"]) for c in made.chapters()] == [(c["start"], c["end"]) for c in given.chapters()]
