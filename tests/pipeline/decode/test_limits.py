"""Inputs that ask for too much are refused, with the limit and the option that raises it."""

from dataclasses import replace
from fractions import Fraction
from typing import Any

import av
import pytest

from pipeline.decode.source import VideoSource
from pipeline.errors import LimitError
from pipeline.job import Limits, SourceOptions

FRAME = 64 * 48 * 3 // 2


def read(path: Any, limits: Limits) -> int:
    with VideoSource(path, SourceOptions(limits=limits)) as source:
        return sum(isinstance(event, av.VideoFrame) for event in source.events())


@pytest.fixture
def clip(tmp_path: Any, make_clip: Any) -> Any:
    """Twelve frames of 64x48 in half a second, with sound and an attachment of 5000 bytes."""
    return make_clip(tmp_path / "clip.mkv", attachment=("font.ttf", "font/ttf", bytes(5000)))


@pytest.mark.parametrize(
    ("name", "enough", "too_little"),
    [
        ("width", 64, 63),
        ("height", 48, 47),
        ("pixels", 64 * 48, 64 * 48 - 1),
        ("frames", 12, 11),
        ("duration", 0.7, 0.3),
        ("streams", 3, 2),
        ("attachments", 1, 0),
        ("attachment_bytes", 5000, 4999),
        ("decoded_bytes", 12 * FRAME, 12 * FRAME - 1),
    ],
)
def test_each_limit_is_held_and_named(name: str, enough: float, too_little: float, clip: Any) -> None:
    assert read(clip, replace(Limits(), **{name: enough})) == 12
    with pytest.raises(LimitError, match=f"`limits.{name}`") as caught:
        read(clip, replace(Limits(), **{name: too_little}))
    assert caught.value.field == f"limits.{name}"
    assert "clip.mkv" in str(caught.value)
    assert f"{too_little}" in str(caught.value)


def test_what_the_header_promises_is_refused_before_the_work(tmp_path: Any, make_clip: Any) -> None:
    path = make_clip(tmp_path / "clip.mp4", frames=30)
    for limits in (Limits(frames=29), Limits(duration=1.0)):
        with pytest.raises(LimitError):
            VideoSource(path, SourceOptions(limits=limits))
    part = SourceOptions(limits=Limits(duration=1.0), duration=0.5)
    with VideoSource(path, part) as source:  # what is asked for is within the limit
        assert source.info.duration == 0.5


def test_a_picture_that_grows_over_the_limit_costs_only_itself(tmp_path: Any, make_clip: Any) -> None:
    small = make_clip(tmp_path / "small.ts", frames=10, audio=None, options={"bf": "0"})
    large = make_clip(tmp_path / "large.ts", frames=10, audio=None, options={"bf": "0"}, size=(256, 128))
    path = tmp_path / "both.ts"
    path.write_bytes(small.read_bytes() + large.read_bytes() + small.read_bytes())
    assert read(path, Limits()) == 30
    for limits in (Limits(pixels=64 * 64), Limits(width=100)):
        with VideoSource(path, SourceOptions(limits=limits)) as source:
            frames = sum(isinstance(event, av.VideoFrame) for event in source.events())
            assert 18 <= frames <= 20
            assert source.corrupt_packets + source.corrupt_frames >= 10
            assert any("`limits." in line and line.startswith("at ") for line in source.damage)


def test_cover_pictures_are_attachments(tmp_path: Any, make_clip: Any) -> None:
    png: Any = av.CodecContext.create("png", "w")
    png.width, png.height, png.pix_fmt, png.time_base = 16, 16, "rgb24", Fraction(1, 25)
    picture = bytes(next(iter(png.encode(av.VideoFrame(16, 16, "rgb24")) + png.encode(None))))
    clip = make_clip(tmp_path / "clip.mkv", attachment=("cover.png", "image/png", picture))
    assert read(clip, Limits(attachments=1, attachment_bytes=len(picture))) == 12
    for limits, option in (
        (Limits(attachments=0), r"`limits\.attachments`"),
        (Limits(attachment_bytes=len(picture) - 1), r"`limits\.attachment_bytes`"),
    ):
        with pytest.raises(LimitError, match=option):
            read(clip, limits)
