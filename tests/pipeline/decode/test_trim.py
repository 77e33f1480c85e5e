"""A part of the input: exact at both ends, at time zero, in step with the sound."""

from fractions import Fraction
from typing import Any

import av
import pytest

from pipeline.decode.source import VideoSource
from pipeline.errors import InputError
from pipeline.job import SourceOptions


@pytest.fixture
def clip(tmp_path: Any, make_clip: Any) -> Any:
    return make_clip(
        tmp_path / "in.mkv", frames=100, options={"g": "12", "bf": "2"},
        chapters=[(0, 1000, "one"), (1000, 3000, "two"), (3000, 4000, "three")],
    )  # fmt: skip


def frames_of(path: Any, **options: Any) -> list[av.VideoFrame]:
    with VideoSource(path, SourceOptions(**options)) as source:
        return [event for event in source.events() if isinstance(event, av.VideoFrame)]


@pytest.mark.parametrize("start", [0.04, 0.5, 0.51, 1.0, 2.37, 3.96])
@pytest.mark.parametrize("duration", [None, 0.4])
def test_the_part_is_exact(start: float, duration: float | None, clip: Any, samples_of: Any) -> None:
    whole = frames_of(clip)
    base = Fraction(1, 1000)
    begin = next(i for i, f in enumerate(whole) if f.pts * base >= Fraction(str(start)))
    end = len(whole)
    if duration is not None:
        limit = whole[begin].pts * base + Fraction(str(duration))
        end = next((i for i, f in enumerate(whole) if f.pts * base >= limit), len(whole))
    part = frames_of(clip, start=start, duration=duration)
    assert len(part) == end - begin
    for found, wanted in zip(part, whole[begin:end], strict=True):
        assert found.pts == wanted.pts - whole[begin].pts
        assert (samples_of(found)[0] == samples_of(wanted)[0]).all()


@pytest.mark.parametrize("options", [{"start": 1.3}, {"duration": 0.9}, {"start": 0.5, "duration": 0.7}])
def test_a_part_is_no_damage(options: dict[str, float], clip: Any) -> None:
    with VideoSource(clip, SourceOptions(**options)) as source:
        assert sum(isinstance(event, av.VideoFrame) for event in source.events()) > 10
        assert source.damage == []


def test_duration_alone_keeps_the_times(clip: Any) -> None:
    assert [f.pts for f in frames_of(clip, duration=1.0)] == [f.pts for f in frames_of(clip)[:25]]


@pytest.mark.parametrize("suffix", [".mkv", ".mp4"])
def test_sound_stays_with_the_picture(suffix: str, clip: Any, tmp_path: Any, convert: Any, read_file: Any) -> None:
    done = convert(clip, tmp_path / f"out{suffix}", SourceOptions(start=1.5, duration=1.0))
    before, after = read_file(clip), read_file(done.path)
    first = next(time for time in before.times if time >= Fraction(3, 2))
    assert after.times[0] == 0
    assert len(after.frames) == 25
    payloads = {payload: time for time, payload in before.packets[1]}
    known = [(time, payloads[payload]) for time, payload in after.packets[1] if payload in payloads]
    assert len(known) == len(after.packets[1]) > 30
    for time, original in known:
        assert abs(time - (original - first)) <= Fraction(1, 900)


def test_chapters_are_cut_to_the_part(clip: Any, tmp_path: Any, convert: Any, read_file: Any) -> None:
    done = convert(clip, tmp_path / "out.mkv", SourceOptions(start=0.52, duration=2.0))
    assert read_file(done.path).chapters == [(0.0, 0.48, "one"), (0.48, 2.0, "two")]


def test_a_subtitle_on_screen_at_the_start_comes_along(tmp_path: Any, make_clip: Any) -> None:
    plain, path = make_clip(tmp_path / "plain.mkv", frames=100), tmp_path / "in.mkv"
    with av.open(str(plain)) as given, av.open(str(path), "w") as out:
        copies = {s.index: out.add_stream_from_template(s, opaque=True) for s in given.streams}
        text = out.add_mux_stream("subrip")
        text.time_base = Fraction(1, 1000)
        for begin, end, words in [(0, 800, b"gone"), (500, 2000, b"on screen"), (2500, 3000, b"later")]:
            packet = av.Packet(words)
            packet.stream, packet.time_base = text, Fraction(1, 1000)
            packet.pts = packet.dts = begin
            packet.duration = end - begin
            out.mux(packet)
        for packet in given.demux():
            if packet.size:
                packet.stream = copies[packet.stream.index]
                out.mux(packet)
    with VideoSource(path, SourceOptions(start=1.0)) as source:
        texts = [
            (bytes(e), e.pts, e.duration)
            for e in source.events()
            if isinstance(e, av.Packet) and e.stream.type == "subtitle"
        ]
    assert texts[-1] == (b"later", 1500, 500)
    assert b"gone" not in [words for words, _, _ in texts]


def test_a_part_behind_the_end_is_refused(clip: Any) -> None:
    with pytest.raises(InputError, match="no frames in the part"):
        VideoSource(clip, SourceOptions(start=60))


@pytest.mark.parametrize("name", ["preroll_edit_list.mp4", "scte35_data.ts", "no_duration.webm", "road_lane_540p.mp4"])
def test_parts_of_clips_are_exact(name: str, shared_clip: Any, samples_of: Any) -> None:
    path = shared_clip(name)
    whole = frames_of(path)
    middle = whole[len(whole) // 2]
    with VideoSource(path) as source:
        origin = Fraction(source.info.container_start)
    start = float(middle.pts * middle.time_base - origin) - 1e-6
    part = frames_of(path, start=start)
    assert len(part) == len(whole) - len(whole) // 2
    assert part[0].pts == 0
    assert (samples_of(part[0])[0] == samples_of(middle)[0]).all()
