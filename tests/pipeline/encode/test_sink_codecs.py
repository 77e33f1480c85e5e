"""Which codec an output gets, and what users are told about settings that make no sense."""

from typing import Any

import pytest

from pipeline.errors import UsageError
from pipeline.job import SinkOptions
from pipeline.notes import NoteCode
from tests.support.notes import codes


@pytest.mark.parametrize(
    ("given", "suffix", "wanted"),
    [
        ("libx264", ".mp4", "h264"),
        ("libx265", ".mp4", "hevc"),
        ("libvpx-vp9", ".mkv", "vp9"),
        ("libvpx", ".mkv", "vp8"),
        ("libsvtav1", ".mp4", "av1"),
        ("mpeg4", ".mp4", "mpeg4"),
        ("mpeg2video", ".mkv", "mpeg2video"),
        ("ffv1", ".mkv", "ffv1"),
        ("ffv1", ".mp4", "ffv1"),
        ("ffv1", ".webm", "vp9"),
        ("huffyuv", ".avi", "huffyuv"),
        ("huffyuv", ".mp4", "h264"),
        ("libx264", ".webm", "vp9"),
        ("libx265", ".avi", "h264"),
        ("libvpx-vp9", ".mov", "h264"),
        ("libx264", ".ts", "h264"),
        ("libx265", ".ts", "hevc"),
    ],
)
def test_the_codec_is_the_inputs_where_it_can_be(
    given: str, suffix: str, wanted: str, tmp_path: Any, make_clip: Any, convert: Any, read_file: Any
) -> None:
    pix_fmt = "yuv422p" if given == "huffyuv" else "yuv420p"
    source = make_clip(
        tmp_path / f"in{'.avi' if given == 'huffyuv' else '.mkv'}", codec=given, pix_fmt=pix_fmt, audio=None, frames=5
    )
    done = convert(source, tmp_path / f"out{suffix}")
    after = read_file(done.path)
    kind = {"libdav1d": "av1"}.get(after.streams[0][1], after.streams[0][1])
    assert kind == done.plan.codec == wanted
    assert len(after.frames) == done.frames == 5


@pytest.mark.parametrize("name", ["prores", "mjpeg", "ffv1", "mpeg2video", "h264", "h265", "av1", "vp9", "libx264"])
def test_a_codec_can_be_chosen(name: str, tmp_path: Any, make_clip: Any, convert: Any, read_file: Any) -> None:
    source = make_clip(tmp_path / "in.mp4", frames=5)
    done = convert(source, tmp_path / "out.mkv", None, SinkOptions(codec=name))
    assert len(read_file(done.path).frames) == 5
    assert NoteCode.ENCODER_CHANGED not in codes(done.sink_notes)


def test_motion_jpeg_gets_its_range(tmp_path: Any, make_clip: Any, convert: Any, read_file: Any) -> None:
    source = make_clip(tmp_path / "in.mp4", frames=3, audio=None)
    done = convert(source, tmp_path / "out.mkv", None, SinkOptions(codec="mjpeg"))
    before = read_file(source).frames[0].to_ndarray(format="rgb24").astype(float)
    after = read_file(done.path).frames[0].to_ndarray(format="rgb24").astype(float)
    assert abs(before.mean() - after.mean()) < 2
    assert NoteCode.COLOUR_CONVERTED in codes(done.sink_notes)


@pytest.mark.parametrize(
    ("options", "suffix", "message"),
    [
        (SinkOptions(codec="h999"), ".mp4", "unknown codec 'h999'"),
        (SinkOptions(codec="aac"), ".mp4", "unknown codec 'aac'"),
        (SinkOptions(codec="huffyuv"), ".mp4", "can't hold huffyuv"),
        (SinkOptions(codec="h264"), ".webm", "can't hold h264"),
        (SinkOptions(codec="ffv1"), ".ts", "can't hold ffv1"),
        (SinkOptions(crf=20, bitrate=10**6), ".mp4", "either `crf`"),
        (SinkOptions(preset="warp"), ".mp4", "libx264 has no `preset` 'warp'; choose one of ultrafast"),
        (SinkOptions(codec="hevc", preset="warp"), ".mp4", "libx265 has no `preset` 'warp'"),
        (SinkOptions(codec="av1", preset="fast"), ".mp4", "libsvtav1 takes a `preset` from -2 to 13, not 'fast'"),
        (SinkOptions(crf=99), ".mp4", "libx264 takes a `crf` from 0 to 51, not 99"),
        (SinkOptions(codec="hevc", crf=-1), ".mp4", "libx265 takes a `crf` from 0 to 51, not -1"),
        (SinkOptions(codec="vp9", crf=64), ".webm", "libvpx-vp9 takes a `crf` from 0 to 63, not 64"),
        (SinkOptions(bitrate=10), ".mp4", "libx264 takes a `bitrate` from 1,000"),
        (SinkOptions(codec="av1", bitrate=9 * 10**8), ".mp4", "libsvtav1 takes a `bitrate` from 1 to 100,000,000"),
        (SinkOptions(codec="vp9", preset="slow"), ".mkv", "has no presets"),
        (SinkOptions(codec="ffv1", crf=20), ".mkv", "no rate factor"),
        (SinkOptions(), ".xyz", "names no video container"),
        (SinkOptions(), "", "names no video container"),
        (SinkOptions(format="nonsense"), ".mp4", "unknown `format`"),
        (SinkOptions(format="image2"), ".mp4", "names pictures"),
        (SinkOptions(), ".png", "names pictures"),
        (SinkOptions(), "_%03d.png", "names pictures"),
        (SinkOptions(codec="av1"), ".ts", "can't hold av1"),
        (SinkOptions(codec="h264"), ".gif", "gif can't hold h264"),
    ],
)
def test_settings_that_make_no_sense_are_explained(
    options: SinkOptions, suffix: str, message: str, tmp_path: Any, make_clip: Any, convert: Any
) -> None:
    source = make_clip(tmp_path / "in.mp4", frames=2)
    with pytest.raises(UsageError, match=message):
        convert(source, tmp_path / f"out{suffix}", None, options)
    assert [p.name for p in tmp_path.iterdir()] == ["in.mp4"]


def test_a_bitrate_is_met(tmp_path: Any, make_clip: Any, convert: Any) -> None:
    source = make_clip(tmp_path / "in.mkv", codec="ffv1", frames=75, size=(160, 128), audio=None)
    sizes = [
        convert(source, tmp_path / f"{rate}.mp4", None, SinkOptions(codec="h264", bitrate=rate)).path.stat().st_size
        for rate in (200_000, 800_000)
    ]
    for size, rate in zip(sizes, (200_000, 800_000), strict=True):
        assert 0.5 < size * 8 / 3 / rate < 1.6


def test_a_rate_factor_sets_the_quality(tmp_path: Any, make_clip: Any, convert: Any) -> None:
    source = make_clip(tmp_path / "in.mkv", codec="ffv1", audio=None)
    fine, coarse = (
        convert(source, tmp_path / f"{crf}.mp4", None, SinkOptions(codec="h264", crf=crf)).path.stat().st_size
        for crf in (10, 40)
    )
    assert fine > 2 * coarse
