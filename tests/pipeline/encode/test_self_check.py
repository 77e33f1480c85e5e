"""Whether a plan that would write another picture is found before the work starts."""

from __future__ import annotations

import io
import time
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import av
import numpy as np
import pytest

from network.planes import Matrix
from pipeline.decode.source import VideoSource
from pipeline.encode import plan as planning
from pipeline.encode.colours import Colours
from pipeline.encode.plan import plan_encoder
from pipeline.encode.self_check import Check, check_picture, opens
from pipeline.errors import UsageError
from pipeline.job import SinkOptions
from pipeline.media.frames import EXACT, plane_rows
from pipeline.notes import NoteCode
from tests.support.notes import codes

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray

    from pipeline.encode.encoder_plan import EncoderPlan
    from pipeline.media.source_info import SourceInfo


def _planned(info: SourceInfo, format_name: str, codec: str | None = None) -> EncoderPlan:
    with av.open(io.BytesIO(), "w", format=format_name) as container:
        return plan_encoder(info, container, codec)


def _pixels(path: Path) -> list[NDArray[Any]]:
    with av.open(str(path)) as container:
        frames = [frame.reformat(format="gbrp16le", interpolation=EXACT) for frame in container.decode(video=0)]
    return [np.stack([plane_rows(frame, index) for index in range(3)]) for frame in frames]


@pytest.mark.parametrize("size", [(64, 48), (97, 51)])
@pytest.mark.parametrize(
    ("suffix", "codec", "pixel_format"),
    [
        *((".avi", "rawvideo", name) for name in ("bgr24", "bgra", "rgb555le", "uyvy422", "yuyv422", "yvyu422")),
        *((".avi", "rawvideo", name) for name in ("yuv420p", "nv12", "gray", "y210le")),
        *((".mov", "rawvideo", name) for name in ("rgb24", "bgr24", "argb", "bgra", "abgr", "rgb48be")),
        *((".mov", "rawvideo", name) for name in ("rgb555be", "rgb555le", "rgb565le", "uyvy422", "yuyv422")),
        *((suffix, "v210", "yuv422p10le") for suffix in (".avi", ".mov")),
        *((suffix, "r210", "gbrp10le") for suffix in (".avi", ".mov")),
        (".avi", "rawvideo", "v30xle"),
        (".avi", "rawvideo", "vyu444"),
    ],
)
def test_uncompressed_video_keeps_every_code(
    suffix: str, codec: str, pixel_format: str, size: tuple[int, int], tmp_path: Any, make_clip: Any, convert: Any
) -> None:
    if codec == "v210":
        size = (size[0] + size[0] % 2, size[1])  # it takes no odd width
    source = make_clip(tmp_path / f"in{suffix}", codec=codec, pix_fmt=pixel_format, size=size, audio=None, frames=2)
    done = convert(source, tmp_path / f"out{suffix}")
    assert done.plan.codec == codec
    chroma_is_made = NoteCode.PIXEL_FORMAT in codes(done.sink_notes)
    assert not chroma_is_made or size[0] % 2  # where no format of an odd width fits, another one holds all
    for before, after in zip(_pixels(source), _pixels(done.path), strict=True):
        if chroma_is_made:
            assert np.abs(before.astype(int) - after).mean() < 65535 / 20
        else:
            np.testing.assert_array_equal(before, after)


@pytest.mark.parametrize("pixel_format", ["rgb24", "argb", "0rgb", "rgb555be", "rgb565le", "gbrp"])
def test_a_tag_of_other_samples_is_found(pixel_format: str, tmp_path: Any, make_clip: Any) -> None:
    with VideoSource(make_clip(tmp_path / "in.avi", codec="rawvideo", pix_fmt="bgr24", audio=None, frames=1)) as source:
        plan = _planned(source.info, "avi")
        assert plan.pixel_format == "bgr24"
        wrong = replace(plan, pixel_format=pixel_format)
        assert opens(wrong, source.info, "avi")  # so the header alone would not do
        assert not check_picture(wrong, source.info, "avi").is_right


def test_colours_that_the_output_stands_for_are_told(tmp_path: Any, make_clip: Any) -> None:
    with VideoSource(make_clip(tmp_path / "in.mov", codec="png", pix_fmt="rgb24", audio=None, frames=1)) as source:
        plan = _planned(source.info, "webp")
        wrong = replace(plan, pixel_format="yuv420p", options={}, matrix=Matrix.BT709, colorspace=1, full_range=False)
        check = check_picture(wrong, source.info, "webp")
        assert not check.is_right
        assert check.shown == Colours(Matrix.BT601, full_range=False)
        right = replace(wrong, matrix=Matrix.BT601, colorspace=check.colorspace)
        assert check_picture(right, source.info, "webp").is_right


@pytest.mark.parametrize("codec", ["h264", "hevc", "av1", "vp9", "vp8", "mpeg2video", "mpeg4", "mjpeg", "prores"])
@pytest.mark.parametrize("pixel_format", ["yuv420p", "yuv444p10le", "gray"])
def test_loss_is_no_fault(codec: str, pixel_format: str, tmp_path: Any, make_clip: Any) -> None:
    source = make_clip(tmp_path / "in.mkv", codec="ffv1", pix_fmt=pixel_format, audio=None, frames=1)
    with VideoSource(source) as opened:
        plan = _planned(opened.info, "matroska", codec)
        assert check_picture(plan, opened.info, "matroska").is_right


def test_a_coarse_quality_is_no_fault(tmp_path: Any, make_clip: Any, convert: Any) -> None:
    source = make_clip(tmp_path / "in.mp4", audio=None, frames=2)
    done = convert(source, tmp_path / "out.mp4", None, SinkOptions(crf=51))
    assert done.plan.options["crf"] == "51"


def test_the_check_takes_little_time_however_large_the_video(tmp_path: Any, make_clip: Any) -> None:
    source = make_clip(tmp_path / "in.mkv", size=(1920, 1080), audio=None, frames=1)
    with VideoSource(source) as opened:
        plan = _planned(opened.info, "mp4", "hevc")
        spent = []
        for _ in range(5):
            begin = time.perf_counter()
            check_picture(plan, opened.info, "mp4")
            spent.append(time.perf_counter() - begin)
        assert min(spent) < 0.2


def test_the_next_codec_is_chosen_or_the_named_one_is_refused(
    tmp_path: Any, make_clip: Any, convert: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    source = make_clip(tmp_path / "in.mp4", codec="mpeg4", audio=None, frames=2)

    def check(plan: EncoderPlan, info: SourceInfo, format_name: str) -> Check:
        return Check(is_right=False) if plan.codec == "mpeg4" else check_picture(plan, info, format_name)

    monkeypatch.setattr(planning, "check_picture", check)
    done = convert(source, tmp_path / "out.mp4")
    assert done.plan.codec == "h264"
    assert NoteCode.ENCODER_CHANGED in codes(done.sink_notes)
    with pytest.raises(UsageError, match=r"a test picture does not survive mpeg4 in mp4; choose another `codec`"):
        convert(source, tmp_path / "again.mp4", None, SinkOptions(codec="mpeg4"))


def test_full_range_becomes_limited_where_the_output_stands_for_that(
    tmp_path: Any, make_clip: Any, convert: Any, read_file: Any
) -> None:
    def configure(stream: Any) -> None:
        stream.codec_context.color_range = 2

    source = make_clip(tmp_path / "in.mkv", codec="ffv1", audio=None, frames=1, configure=configure)
    done = convert(source, tmp_path / "out.mkv", None, SinkOptions(codec="mpeg2video"))
    assert NoteCode.COLOUR_CONVERTED in codes(done.sink_notes)
    (before,), (after,) = read_file(source).frames, read_file(done.path).frames
    assert (before.color_range, after.color_range) == (2, 1)
    shown = [frame.to_ndarray(format="rgb24").astype(float) for frame in (before, after)]
    assert abs(shown[0].mean() - shown[1].mean()) < 2
    assert abs(shown[0].std() - shown[1].std()) < 3


def test_colour_tags_that_the_output_can_not_state_are_named(tmp_path: Any, make_clip: Any, convert: Any) -> None:
    def configure(stream: Any) -> None:
        context = stream.codec_context
        context.colorspace, context.color_primaries, context.color_trc = 9, 9, 16

    source = make_clip(tmp_path / "in.mkv", codec="ffv1", audio=None, frames=1, configure=configure)
    kept = convert(source, tmp_path / "out.mkv")
    assert NoteCode.COLOUR_TAGS_DROPPED not in codes(kept.sink_notes)
    lost = convert(source, tmp_path / "out.avi")
    assert NoteCode.COLOUR_TAGS_DROPPED in codes(lost.sink_notes)
