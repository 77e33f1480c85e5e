"""What says how the picture is shown: rotation, aspect, colour, HDR, depth, size."""

from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest
from av.sidedata.sidedata import Type

from pipeline.decode.source import VideoSource
from pipeline.job import SinkOptions, SourceOptions
from pipeline.media.frame_info import FrameInfo
from pipeline.media.pyav18 import side_data
from pipeline.notes import NoteCode
from tests.support.notes import codes

FAST = SinkOptions(preset="ultrafast")


@pytest.mark.parametrize("name", ["rotate90.mov", "rotate180.mov", "rotate_and_reflect.mp4", "color_info.mp4"])
@pytest.mark.parametrize("suffix", [".mp4", ".mov", ".mkv"])
def test_rotation_and_reflection_are_kept(
    name: str, suffix: str, tmp_path: Any, shared_clip: Any, convert: Any, read_file: Any
) -> None:
    source = shared_clip(name)
    before = read_file(source).frames[0]
    after = read_file(convert(source, tmp_path / f"out{suffix}", None, FAST, limit=3).path).frames[0]
    matrix = FrameInfo.of(before).display_matrix
    assert matrix is not None
    if suffix != ".mkv":
        assert FrameInfo.of(after).display_matrix == matrix
    assert after.rotation == before.rotation
    assert (after.width, after.height) == (before.width, before.height)


@pytest.mark.parametrize(
    ("codec", "suffix"), [("libx264", ".mp4"), ("libx264", ".mkv"), ("libsvtav1", ".mp4"), ("libx265", ".mov")]
)
def test_sample_aspect_ratio_is_kept(
    codec: str, suffix: str, tmp_path: Any, make_clip: Any, convert: Any, read_file: Any
) -> None:
    def anamorphic(stream: Any) -> None:
        stream.codec_context.sample_aspect_ratio = Fraction(16, 11)

    source = make_clip(tmp_path / "in.mp4", configure=anamorphic, audio=None)
    assert read_file(source).video.sample_aspect_ratio == Fraction(16, 11)
    done = convert(source, tmp_path / f"out{suffix}", None, SinkOptions(codec=codec))
    assert read_file(done.path).video.sample_aspect_ratio == Fraction(16, 11)


def test_a_lost_aspect_ratio_is_named(tmp_path: Any, make_clip: Any, convert: Any) -> None:
    def anamorphic(stream: Any) -> None:
        stream.codec_context.sample_aspect_ratio = Fraction(16, 11)

    source = make_clip(tmp_path / "in.mp4", configure=anamorphic, audio=None, frames=3)
    done = convert(source, tmp_path / "out.mkv", None, SinkOptions(codec="vp9"))
    assert NoteCode.ASPECT_DROPPED in codes(done.sink_notes)


@pytest.mark.parametrize("tags", [(1, 1, 1, 1), (2, 5, 6, 5), (1, 9, 16, 9), (1, 9, 18, 9), (0, 2, 2, 2), (2, 2, 2, 2)])
@pytest.mark.parametrize(
    ("codec", "suffix"), [("libx264", ".mp4"), ("libx265", ".mp4"), ("ffv1", ".mkv"), ("libsvtav1", ".webm")]
)
def test_colour_tags_are_kept(
    tags: tuple[int, ...], codec: str, suffix: str, tmp_path: Any, make_clip: Any, convert: Any, read_file: Any
) -> None:
    """Range, primaries, transfer, matrix; unspecified ones stay so."""

    def tag(stream: Any) -> None:
        context = stream.codec_context
        context.color_range, context.color_primaries, context.color_trc, context.colorspace = tags

    source = make_clip(tmp_path / "in.mp4", configure=tag, audio=None, frames=3)
    done = convert(source, tmp_path / f"out{suffix}", None, SinkOptions(codec=codec))
    before, after = read_file(source).frames[0], read_file(done.path).frames[0]
    facts = [(f.color_range, f.color_primaries, f.color_trc, f.colorspace) for f in (before, after)]
    assert facts[0] == tags
    if tags[0] == 0:
        facts[1] = (0 if facts[1][0] == 1 else facts[1][0], *facts[1][1:])  # limited is what no tag means
    assert facts[1] == tags


@pytest.mark.parametrize(
    "name", ["hdr10_vfr_sdr_container.mp4", "hlg10.mp4", "color_info.mp4", "mastering_display_light_level.mp4"]
)
def test_hdr_clips_keep_colour_and_depth(
    name: str, tmp_path: Any, shared_clip: Any, convert: Any, read_file: Any
) -> None:
    source = shared_clip(name)
    options = SinkOptions(preset="ultrafast") if "mastering" not in name else SinkOptions(preset="12")
    done = convert(source, tmp_path / "out.mp4", None, options, limit=3)
    before, after = read_file(source).frames[0], read_file(done.path).frames[0]
    assert after.format.name == "yuv420p10le"
    for tag in ("color_range", "color_primaries", "color_trc", "colorspace"):
        assert getattr(after, tag) == getattr(before, tag)


@pytest.mark.parametrize("codec", ["libx265", "libx264", "libsvtav1"])
@pytest.mark.parametrize("name", ["hdr10_vfr_sdr_container.mp4", "mastering_display_light_level.mp4"])
def test_mastering_display_and_light_level_are_kept(
    name: str, codec: str, tmp_path: Any, shared_clip: Any, convert: Any, read_file: Any
) -> None:
    source = shared_clip(name)
    preset = "12" if codec == "libsvtav1" else "ultrafast"
    done = convert(source, tmp_path / "out.mp4", None, SinkOptions(codec=codec, preset=preset), limit=2)
    before, after = read_file(source).frames[0], read_file(done.path).frames[0]
    for kind in ("MASTERING_DISPLAY_METADATA", "CONTENT_LIGHT_LEVEL"):
        wanted = np.frombuffer(bytes(before.side_data[kind]), np.int32)
        found = np.frombuffer(bytes(after.side_data[kind]), np.int32)
        if kind == "CONTENT_LIGHT_LEVEL":
            np.testing.assert_array_equal(found, wanted)
            continue
        # Each codec has its own denominators: compare the values, to the step that the codecs store.
        values = [data[:20:2] / data[1:20:2] for data in (found, wanted)]
        np.testing.assert_allclose(values[0], values[1], rtol=2e-2 if codec == "libsvtav1" else 1e-3, atol=1e-4)


def test_hdr_metadata_that_is_lost_is_named(tmp_path: Any, shared_clip: Any, convert: Any) -> None:
    done = convert(
        shared_clip("hdr10_vfr_sdr_container.mp4"), tmp_path / "out.mkv", None, SinkOptions(codec="ffv1"), limit=1
    )
    assert NoteCode.SIDE_DATA_DROPPED in codes(done.sink_notes)
    done = convert(shared_clip("dolby_vision.mov"), tmp_path / "out.mov", None, FAST, limit=1)
    assert NoteCode.SIDE_DATA_DROPPED in codes(done.sink_notes)


@pytest.mark.parametrize("pix_fmt", ["yuv420p10le", "yuv422p", "yuv422p10le", "yuv444p", "gray", "nv12"])
def test_depth_and_subsampling_are_kept(
    pix_fmt: str, tmp_path: Any, make_clip: Any, convert: Any, read_file: Any
) -> None:
    source = make_clip(tmp_path / "in.mkv", pix_fmt=pix_fmt, audio=None, frames=3)
    done = convert(source, tmp_path / "out.mp4", None, FAST)
    assert read_file(done.path).video.pix_fmt == read_file(source).video.pix_fmt
    assert NoteCode.PIXEL_FORMAT not in codes(done.sink_notes)


def test_twelve_bits_go_to_an_encoder_that_holds_them(
    tmp_path: Any, make_clip: Any, convert: Any, read_file: Any
) -> None:
    source = make_clip(tmp_path / "in.mkv", codec="ffv1", pix_fmt="yuv420p12le", audio=None, frames=2)
    done = convert(source, tmp_path / "out.ts")
    assert (done.plan.codec, read_file(done.path).video.pix_fmt) == ("hevc", "yuv420p12le")


def test_ten_bits_never_become_eight_unasked(tmp_path: Any, shared_clip: Any, convert: Any, read_file: Any) -> None:
    done = convert(shared_clip("vp9_10bit.webm"), tmp_path / "out.webm", limit=3)
    assert read_file(done.path).video.pix_fmt == "yuv420p10le"


@pytest.mark.parametrize(
    ("codec", "suffix", "padded"),
    [("libx264", ".mp4", True), ("libx265", ".mp4", True), ("libvpx-vp9", ".webm", False), ("ffv1", ".mkv", False),
     ("mpeg4", ".mp4", False), ("libsvtav1", ".mp4", False)],
)  # fmt: skip
def test_odd_sizes_are_padded_only_where_the_codec_demands_it(
    codec: str,
    suffix: str,
    padded: bool,
    tmp_path: Any,
    shared_clip: Any,
    convert: Any,
    read_file: Any,
    samples_of: Any,
) -> None:
    source = shared_clip("odd_dimensions_vp9.webm")
    done = convert(source, tmp_path / f"out{suffix}", None, SinkOptions(codec=codec), limit=4, keep=True)
    after = read_file(done.path)
    assert (after.video.width, after.video.height) == ((162, 122) if padded else (161, 121))
    assert (NoteCode.SIZE_PADDED in codes(done.sink_notes)) == padded
    luma, wanted = samples_of(after.frames[0])[0].astype(int), done.decoded[0][0]
    assert np.abs(luma[:121, :161] - wanted).mean() < 4
    if padded:
        assert np.abs(luma[:121, 161] - wanted[:, 160]).mean() < 8


def test_rgb_becomes_rec709_where_the_encoder_has_no_rgb(
    tmp_path: Any, make_clip: Any, convert: Any, read_file: Any
) -> None:
    source = make_clip(tmp_path / "in.mov", codec="png", pix_fmt="rgb24", audio=None, frames=3)
    done = convert(source, tmp_path / "out.mp4", None, SinkOptions(codec="h264", crf=1))
    after = read_file(done.path)
    assert (after.video.pix_fmt, after.frames[0].colorspace, after.frames[0].color_range) == ("yuv444p", 1, 1)
    red = read_file(source).frames[0].to_ndarray(format="rgb24").astype(float)
    again = after.frames[0].to_ndarray(format="rgb24", src_colorspace="ITU709").astype(float)
    assert np.abs(red - again).mean() < 6


@pytest.mark.parametrize(("codec", "suffix"), [("png", ".mov"), ("ffv1", ".mkv"), ("utvideo", ".avi")])
def test_rgb_is_lossless_in_a_lossless_codec(
    codec: str, suffix: str, tmp_path: Any, make_clip: Any, convert: Any, read_file: Any
) -> None:
    source = make_clip(tmp_path / "in.mov", codec="png", pix_fmt="rgb24", audio=None, frames=3)
    done = convert(source, tmp_path / f"out{suffix}", None, SinkOptions(codec=codec))
    for frame, wanted in zip(read_file(done.path).frames, read_file(source).frames, strict=True):
        np.testing.assert_array_equal(frame.to_ndarray(format="rgb24"), wanted.to_ndarray(format="rgb24"))


def test_a_picture_that_changes_size_is_scaled_to_the_first(tmp_path: Any, convert: Any, read_file: Any) -> None:
    path = tmp_path / "in.h264"
    with path.open("wb") as file:
        for size in ((64, 48), (96, 64)):
            encoder: Any = av.CodecContext.create("libx264", "w")
            encoder.width, encoder.height, encoder.pix_fmt = *size, "yuv420p"
            encoder.time_base, encoder.framerate = Fraction(1, 25), Fraction(25)
            for number in range(5):
                frame = av.VideoFrame(*size, "yuv420p")
                frame.pts = number
                for packet in encoder.encode(frame):
                    file.write(bytes(packet))
            for packet in encoder.encode(None):
                file.write(bytes(packet))
    done = convert(path, tmp_path / "out.mkv", None, SinkOptions(codec="ffv1"))
    after = read_file(done.path)
    assert {(f.width, f.height) for f in after.frames} == {(64, 48)}
    assert len(after.frames) == done.frames == 10
    assert NoteCode.FRAMES_CHANGED in codes(done.source_notes)


def test_deinterlacing_gives_one_progressive_frame_for_each(
    tmp_path: Any, shared_clip: Any, convert: Any, read_file: Any
) -> None:
    source = shared_clip("interlaced_1080.mts")
    with VideoSource(source, SourceOptions(deinterlace=True)) as opened:
        assert opened.info.interlaced
        frames = [e for e in opened.events() if isinstance(e, av.VideoFrame)]
    with av.open(str(source)) as container:
        plain = list(container.decode(video=0))
    assert [f.pts for f in frames] == [f.pts for f in plain]
    assert [f.duration for f in frames] == [f.duration for f in plain]
    assert not any(f.interlaced_frame for f in frames)
    done = convert(source, tmp_path / "out.mkv", SourceOptions(deinterlace=True), FAST, limit=5)
    assert not any(f.interlaced_frame for f in read_file(done.path).frames)


def write_captioned(path: Path) -> Path:
    """H.264 of three frames, each with a pair of closed captions (CEA-608) before its picture, as a raw stream."""
    captions = b"\xb5\x00\x31GA94\x03\x41\xff\xfc\xc1\xc2\xff"
    message = b"\x00\x00\x00\x01\x06\x04" + bytes([len(captions)]) + captions + b"\x80"
    encoder: Any = av.CodecContext.create("libx264", "w")
    encoder.width, encoder.height, encoder.pix_fmt, encoder.time_base = 64, 48, "yuv420p", Fraction(1, 25)
    encoder.options = {"tune": "zerolatency"}
    frames = [
        av.VideoFrame.from_ndarray(np.full((72, 64), 90 + 20 * number, np.uint8), "yuv420p") for number in range(3)
    ]
    path.write_bytes(b"".join(message + bytes(packet) for frame in (*frames, None) for packet in encoder.encode(frame)))
    return path


@pytest.mark.parametrize(
    ("codec", "is_told"), [("h264", False), ("hevc", True), ("mpeg2video", False), ("ffv1", True), ("vp9", True)]
)
def test_captions_that_the_encoder_can_t_write_are_named(
    codec: str, is_told: bool, tmp_path: Path, convert: Any
) -> None:
    path = write_captioned(tmp_path / "in.h264")
    done = convert(path, tmp_path / "out.mkv", None, SinkOptions(codec=codec))
    assert (NoteCode.CAPTIONS_DROPPED in codes(done.sink_notes)) == is_told
    with av.open(str(tmp_path / "out.mkv")) as container:
        frame = next(container.decode(video=0))
    assert (Type.A53_CC in side_data(frame)) != is_told
