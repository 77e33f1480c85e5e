"""Times: of frames, of their durations, and of the other streams against them."""

from fractions import Fraction
from typing import Any

import av
import pytest

from pipeline.decode.source import VideoSource
from pipeline.job import SinkOptions
from pipeline.notes import NoteCode
from tests.support.notes import codes

MS = Fraction(1, 1000)
IRREGULAR = [0, 3000, 7500, 9000, 18000, 21000, 21900, 33000, 45000, 46500, 51000, 60000]
"""Of frames, in ticks of 1/90000 s."""


def gaps(times: list[int], last: int) -> list[int]:
    return [b - a for a, b in zip(times, [*times[1:], times[-1] + last], strict=True)]


@pytest.mark.parametrize("codec", ["libx264", "libx265", "libvpx-vp9", "libsvtav1", "mpeg4", "ffv1"])
@pytest.mark.parametrize("suffix", [".mp4", ".mkv"])
def test_irregular_times_and_the_last_duration_are_kept(
    codec: str, suffix: str, tmp_path: Any, make_clip: Any, convert: Any, read_file: Any
) -> None:
    base = Fraction(1, 90000)
    source = make_clip(
        tmp_path / "in.mp4", time_base=base, times=IRREGULAR, durations=gaps(IRREGULAR, 4500), size=(80, 64),
        options={"bf": "0"},
    )  # fmt: skip
    before = read_file(source)
    assert before.times == [time * base for time in IRREGULAR]
    done = convert(source, tmp_path / f"out{suffix}", None, SinkOptions(codec=codec))
    after = read_file(done.path)
    assert done.frames == len(after.frames) == len(IRREGULAR)
    if suffix == ".mp4":
        assert after.times == before.times
        assert after.video.time_base == base
        assert after.length == Fraction(64500, 90000)
    else:
        # MP4's sound begins before zero. FFmpeg's Matroska keeps that from version 9 on; before, all moves by 21 ms.
        moved = 0 if av.library_versions["libavformat"] >= (63, 0, 0) else 21
        sound_before, sound_after = before.packets[1][0][0], after.packets[1][0][0]
        assert (round(sound_before * 1000), round(sound_after * 1000)) == (-21, -21 + moved)
        assert (NoteCode.STREAMS_MOVED in codes(done.sink_notes)) == bool(moved)
        assert [round(t * 1000) for t in after.times] == [round(t * 1000) + moved for t in before.times]
        assert NoteCode.TIMES_ROUNDED in codes(done.sink_notes)


@pytest.mark.parametrize("codec", ["libvpx-vp9", "ffv1", "mpeg4"])
def test_durations_are_kept_without_reordering(
    codec: str, tmp_path: Any, make_clip: Any, convert: Any, read_file: Any
) -> None:
    suffix = ".mkv" if codec == "ffv1" else ".mp4"
    base = Fraction(1, 1000)
    times = [0, 40, 100, 110, 200, 260]
    source = make_clip(
        tmp_path / "in.mp4", codec="mpeg4", rate=25, times=[0, 1, 2, 3, 4, 5], audio=None
    ) if codec == "mpeg4" else make_clip(
        tmp_path / "in.mp4", time_base=base, times=times, durations=gaps(times, 77), audio=None,
        options={"bf": "0"},
    )  # fmt: skip
    before = read_file(source)
    after = read_file(convert(source, tmp_path / f"out{suffix}", None, SinkOptions(codec=codec)).path)
    assert after.times == before.times
    if suffix == ".mp4":
        assert after.length == before.length
        if codec == "mpeg4":
            assert after.packet_durations == before.packet_durations


@pytest.mark.parametrize("suffix", [".mp4", ".mkv", ".mov"])
def test_a_video_that_starts_late_still_does(
    suffix: str, tmp_path: Any, make_clip: Any, convert: Any, read_file: Any
) -> None:
    source = make_clip(tmp_path / "in.mkv", time_base=MS, times=[500 + 40 * i for i in range(12)])
    before = read_file(source)
    assert before.times[0] == Fraction(1, 2)
    after = read_file(convert(source, tmp_path / f"out{suffix}").path)
    assert after.times == before.times
    if suffix == ".mkv":
        sound = 1
        assert [t for t, _ in after.packets[sound]] == [t for t, _ in before.packets[sound]]


@pytest.mark.parametrize(
    "name",
    [
        "vfr_slow_motion.mp4", "preroll_edit_list.mp4", "dog_720p.mp4", "rotate_and_reflect.mp4", "fragmented.mp4",
        "chapters.mkv", "h264_10bit.mp4", "phone_blur_desk.mp4", "no_duration.webm", "vobsub.mp4",
        "many_streams.mp4",
    ],
)  # fmt: skip
def test_clips_keep_every_time(name: str, tmp_path: Any, shared_clip: Any, convert: Any, read_file: Any) -> None:
    """Edit lists, B-frames, fragments, slow motion: the decoded frames come at the times they had."""
    source = shared_clip(name)
    with VideoSource(source) as opened:
        index = opened.info.stream.index
        kinds = [s.type for s in opened.info.streams if s.discard.name != "all"]
    preset = None if name in ("phone_blur_desk.mp4", "no_duration.webm") else "ultrafast"
    done = convert(source, tmp_path / f"out{source.suffix}", None, SinkOptions(preset=preset), planes=False)
    before, after = read_file(source, index), read_file(done.path, index)
    assert len(after.frames) == done.frames == len(before.frames)
    assert after.times == before.times
    assert [kind for kind, _ in after.streams][: len(kinds)] == kinds
    for stream, (kind, _) in enumerate(before.streams):
        if kind == "audio":
            assert [t for t, _ in after.packets[stream]] == [t for t, _ in before.packets[stream]]


def test_open_gops_and_reordering_keep_every_frame(tmp_path: Any, make_clip: Any, convert: Any, read_file: Any) -> None:
    source = make_clip(
        tmp_path / "in.mp4",
        frames=60,
        options={"bf": "3", "b-pyramid": "normal", "x264-params": "open-gop=1:keyint=12"},
    )
    before = read_file(source)
    done = convert(source, tmp_path / "out.mp4")
    after = read_file(done.path)
    assert len(after.frames) == 60
    assert after.times == before.times


def test_repeated_and_missing_times_are_repaired_and_counted(
    tmp_path: Any, shared_clip: Any, convert: Any, read_file: Any
) -> None:
    done = convert(shared_clip("two_video_tracks.mp4"), tmp_path / "out.mkv", None, SinkOptions(codec="ffv1"))
    after = read_file(done.path)
    assert len(after.frames) == done.frames == 5
    assert NoteCode.TIMES_REPAIRED in codes(done.source_notes)


def test_transport_streams_keep_their_clock(tmp_path: Any, make_clip: Any, convert: Any, read_file: Any) -> None:
    source = make_clip(tmp_path / "in.ts")
    before = read_file(source)
    after = read_file(convert(source, tmp_path / "out.ts").path)
    assert after.times == before.times
    assert [t for t, _ in after.packets[1]] == [t for t, _ in before.packets[1]]


def test_a_constant_rate_container_is_named(tmp_path: Any, make_clip: Any, convert: Any) -> None:
    source = make_clip(tmp_path / "in.mp4", audio="mp3")
    done = convert(source, tmp_path / "out.avi", None, SinkOptions(codec="mpeg4"))
    with av.open(str(done.path)) as container:
        assert len(list(container.decode(video=0))) == 12
        assert container.streams.video[0].average_rate == 25
    assert NoteCode.CONSTANT_RATE in codes(done.sink_notes)


@pytest.mark.parametrize("suffix", [".mp4", ".mkv"])
@pytest.mark.parametrize("frames", [1, 2])
def test_a_video_of_few_frames_has_their_times_in_hevc(
    frames: int, suffix: str, tmp_path: Any, make_clip: Any, convert: Any, read_file: Any
) -> None:
    source = make_clip(tmp_path / "in.mkv", frames=frames, audio=None)
    for number in range(4):  # the encoder's own times are right now and then
        done = convert(source, tmp_path / f"out{number}{suffix}", None, SinkOptions(codec="hevc"))
        assert [float(time) for time in read_file(done.path).times] == pytest.approx([0, 0.04][:frames], abs=0.001)
