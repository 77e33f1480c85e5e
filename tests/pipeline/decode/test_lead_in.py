"""Streams that begin behind a cut: what can't be decoded by rule is no damage, and real damage is."""

from __future__ import annotations

import random
from fractions import Fraction
from typing import TYPE_CHECKING, Any

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

OPEN: dict[str, dict[str, Any]] = {
    "h264.mkv": {"codec": "libx264", "options": {"x264-params": "keyint=12:open-gop=1:scenecut=0:b-adapt=0:bframes=3"}},
    "hevc.mkv": {
        "codec": "libx265",
        "options": {"x265-params": "keyint=12:min-keyint=12:scenecut=0:open-gop=1:b-adapt=0:bframes=3:log-level=error"},
    },
    "mpeg2.ts": {"codec": "mpeg2video", "options": {"g": "12", "bf": "2", "sc_threshold": "1000000000"}},
}
CLOSED: dict[str, dict[str, Any]] = {
    **OPEN,
    "h264.ts": OPEN["h264.mkv"],
    "vp8.mkv": {"codec": "libvpx", "options": {"g": "12", "deadline": "realtime", "cpu-used": "8"}},
    "vp9.mkv": {"codec": "libvpx-vp9", "options": {"g": "12", "deadline": "realtime", "cpu-used": "8"}},
    "refresh.mkv": {"codec": "libx264", "options": {"g": "12", "bf": "0", "x264-params": "intra-refresh=1"}},
}


def packets_of(path: Path) -> list[tuple[int | None, bool, int]]:
    """Time, whether it is a keyframe, and size of the video's packets, in decoding order."""
    with av.open(str(path)) as container:
        return [(p.pts, p.is_keyframe, p.size) for p in container.demux(video=0) if p.size]


def cut(source: Path, target: Path, first: int, damaged: int | None = None) -> Path:
    """Copies a video from a packet on; what one packet, counted from there, says is noise."""
    with av.open(str(source)) as container, av.open(str(target), "w") as out:
        stream = container.streams.video[0]
        copy = out.add_stream_from_template(stream)
        number = -first
        for packet in container.demux(stream):
            if not packet.size:
                continue
            if number >= 0:
                kept: Any = packet
                if number == damaged:
                    kept = av.Packet(bytes(packet)[:4] + random.Random(0).randbytes(packet.size - 4))  # noqa: S311
                    kept.pts, kept.dts, kept.time_base = packet.pts, packet.dts, packet.time_base
                    kept.is_keyframe = packet.is_keyframe
                kept.stream = copy
                out.mux_one(kept)
            number += 1
    return target


def run(clip: Path, *, way: str = "whole") -> Report:
    job = VideoJob(
        clip,
        clip.with_name("out.mkv"),
        source=SourceOptions(isolation=Isolation() if way == "isolated" else None),
        segments=SegmentOptions(seconds=0.5, always=True) if way == "segments" else None,
    )
    return deblur_video(job, CopyingEngine)


def skipped(report: Report) -> int:
    notes = [note.text for note in report.notes if note.code is NoteCode.PICTURES_SKIPPED]
    return int(notes[0].split()[0]) if notes else 0


@pytest.mark.parametrize("way", ["whole", "segments", "isolated"])
@pytest.mark.parametrize("name", OPEN)
def test_pictures_that_lead_the_first_keyframe_are_no_damage(name: str, way: str, tmp_path: Path) -> None:
    whole = write_clip(tmp_path / f"whole_{name}", frames=60, audio=None, **OPEN[name])
    packets = packets_of(whole)
    keys = [number for number, (_, is_key, _) in enumerate(packets) if is_key]
    stamp = packets[keys[1]][0]
    leading = sum(pts < stamp for pts, *_ in packets[keys[1] :])  # type: ignore[operator]
    assert leading > 0
    report = run(cut(whole, tmp_path / name, keys[1]), way=way)
    report.raise_if_damaged()
    assert skipped(report) == leading
    assert report.result.frames_out == len(packets) - keys[1] - leading


@pytest.mark.parametrize("name", CLOSED)
def test_pictures_before_the_first_keyframe_are_no_damage(name: str, tmp_path: Path) -> None:
    whole = write_clip(tmp_path / f"whole_{name}", frames=60, audio=None, **CLOSED[name])
    packets = packets_of(whole)
    first = [number for number, (_, is_key, _) in enumerate(packets) if is_key][1] + 3
    report = run(cut(whole, tmp_path / name, first))
    report.raise_if_damaged()
    assert skipped(report) > 0
    assert report.result.frames_out + skipped(report) == len(packets) - first
    with av.open(str(tmp_path / "out.mkv")) as container:
        assert sum(1 for _ in container.decode(video=0)) == report.result.frames_out


@pytest.mark.parametrize("name", ["h264.mkv", "hevc.mkv", "vp9.mkv"])
def test_damage_behind_a_cut_is_damage(name: str, tmp_path: Path) -> None:
    whole = write_clip(tmp_path / f"whole_{name}", frames=60, size=(320, 240), audio=None, **CLOSED[name])
    packets = packets_of(whole)
    keys = [number for number, (_, is_key, _) in enumerate(packets) if is_key]
    report = run(cut(whole, tmp_path / name, keys[1] + 3, damaged=keys[3] - keys[1] - 3))
    assert report.damage


def test_damage_to_the_first_keyframe_is_damage(tmp_path: Path) -> None:
    whole = write_clip(tmp_path / "whole.mkv", frames=30, size=(320, 240), audio=None, options={"g": "12", "bf": "0"})
    report = run(cut(whole, tmp_path / "in.mkv", 0, damaged=0))
    assert report.damage
    assert skipped(report) == 0


def test_a_stream_without_any_keyframe_is_kept_as_it_is(tmp_path: Path) -> None:
    whole = write_clip(
        tmp_path / "whole.mkv", frames=30, audio=None, options={"g": "1000", "bf": "0", "x264-params": "scenecut=0"}
    )
    report = run(cut(whole, tmp_path / "in.mkv", 3))
    assert report.result.frames_out == 27
    assert report.damage.frames == 27
    assert skipped(report) == 0


@pytest.mark.parametrize("way", ["whole", "segments", "isolated"])
@pytest.mark.parametrize("options", [{"bf": "0"}, {"bf": "3", "b_strategy": "0"}])
def test_frames_without_a_time_are_counted_back_from_the_first_that_has_one(
    options: dict[str, str], way: str, tmp_path: Path
) -> None:
    """Matroska can say times before zero, and FFmpeg reads those of frames as missing."""
    clip = tmp_path / "in.mkv"
    write_before_zero(clip, 13, options)
    with av.open(str(clip)) as container:
        stamps = [packet.pts for packet in container.demux(video=0) if packet.size]
        assert stamps.count(None) == 13
    report = run(clip, way=way)
    with av.open(str(tmp_path / "out.mkv")) as container:
        times = [frame.pts for frame in container.decode(video=0)]
    assert [time - times[0] for time in times] == [40 * number for number in range(50)]
    assert [note.code for note in report.notes].count(NoteCode.TIMES_REPAIRED) == 1


def write_before_zero(path: Path, frames: int, options: dict[str, str]) -> None:
    """Writes 50 frames to Matroska, the first of them before zero, by changing the times of the blocks."""
    write_clip(path, frames=50, time_base=Fraction(1, 1000), times=[40 * n for n in range(50)], audio=None,
               options={"g": "100", **options})  # fmt: skip
    data = bytearray(path.read_bytes())
    place = 0
    while (place := data.find(b"\xa3", place)) >= 0:
        size_at = place + 1
        length = 9 - data[size_at].bit_length()
        block = size_at + length
        is_block = length <= 8 and data[block : block + 1] == b"\x81"
        stamp = int.from_bytes(data[block + 1 : block + 3], "big", signed=True)
        if not is_block or stamp % 40 or not 0 <= stamp < 2000 or data[block + 3] not in (0, 0x80):
            place += 1
            continue
        data[block + 1 : block + 3] = (stamp - 40 * frames).to_bytes(2, "big", signed=True)
        size = int.from_bytes(data[size_at:block], "big") & ((1 << 7 * length) - 1)
        place = block + size
    path.write_bytes(data)
