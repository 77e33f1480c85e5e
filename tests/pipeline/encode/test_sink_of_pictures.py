"""Photographs, numbered pictures, GIF and WebP on either side."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import av
import cv2
import numpy as np
import pytest

from pipeline.errors import UsageError
from pipeline.job import SinkOptions
from pipeline.notes import NoteCode
from tests.support.notes import codes
from tests.support.resume import Runner

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray

_RED, _BROWN = (255, 0, 0), (200, 120, 60)


def _bars() -> NDArray[np.uint8]:
    picture = np.zeros((48, 64, 3), np.uint8)
    picture[:, :32], picture[:, 32:] = _RED, _BROWN
    picture[:8] = 255
    return picture


def _sequence(folder: Path, suffix: str, count: int = 3) -> Path:
    for number in range(count):
        picture = np.roll(_bars(), 4 * number, 1)
        assert cv2.imwrite(str(folder / f"img_{number:03d}{suffix}"), picture[..., ::-1])
    return folder / f"img_%03d{suffix}"


def _rgb(path: Path) -> list[NDArray[np.uint8]]:
    with av.open(str(path)) as container:
        return [frame.to_ndarray(format="rgb24") for frame in container.decode(video=0)]


def _gif(path: Path, frames: int = 20) -> Path:
    """A GIF of 256 colours a frame, other ones in each."""
    rng = np.random.default_rng(0)
    with av.open(str(path), "w") as container:
        stream: Any = container.add_stream("gif", rate=10, options={"global_palette": "0"})
        stream.width, stream.height, stream.pix_fmt = 64, 48, "pal8"
        for number in range(frames):
            colours = rng.integers(0, 256, (256, 4), dtype=np.uint8)
            colours[:, 0] = 255
            frame = av.VideoFrame.from_ndarray((rng.integers(0, 256, (48, 64), dtype=np.uint8), colours), "pal8")
            frame.pts = number
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    return path


@pytest.mark.parametrize("suffix", [".png", ".jpg"])
@pytest.mark.parametrize("output", [".mp4", ".mov", ".m4v"])
def test_pictures_become_a_video_that_plays(
    suffix: str, output: str, tmp_path: Any, convert: Any, read_file: Any
) -> None:
    done = convert(_sequence(tmp_path, suffix), tmp_path / f"out{output}")
    after = read_file(done.path)
    assert len(after.frames) == 3
    if output == ".mov":
        assert done.plan.codec == {".png": "png", ".jpg": "mjpeg"}[suffix]  # QuickTime takes them
        return
    assert (after.streams[0][1], after.video.pix_fmt.replace("j", "")) == ("h264", "yuv420p")
    assert NoteCode.ENCODER_CHANGED in codes(done.sink_notes)
    wanted, found = _bars()[30, 16].astype(int), _rgb(done.path)[0][30, 16]
    assert np.abs(wanted - found).max() < 8


def test_a_codec_that_few_players_take_is_named(tmp_path: Any, convert: Any) -> None:
    for codec in ("png", "h264"):
        done = convert(_sequence(tmp_path, ".png"), tmp_path / f"{codec}.mp4", None, SinkOptions(codec=codec))
        assert NoteCode.FEW_PLAYERS in codes(done.sink_notes)


def test_what_was_rare_before_is_not_named(tmp_path: Any, make_clip: Any, convert: Any) -> None:
    source = make_clip(tmp_path / "in.mp4", codec="libx264", pix_fmt="yuv444p", audio=None, frames=2)
    assert NoteCode.FEW_PLAYERS not in codes(convert(source, tmp_path / "out.mp4").sink_notes)


def test_a_gif_keeps_every_colour_as_a_gif(tmp_path: Any, convert: Any) -> None:
    source = _gif(tmp_path / "in.gif", 3)
    done = convert(source, tmp_path / "out.gif")
    for before, after in zip(_rgb(source), _rgb(done.path), strict=True):
        np.testing.assert_array_equal(before, after)


def test_clear_pixels_of_a_gif_stay_clear(tmp_path: Any, convert: Any) -> None:
    source = tmp_path / "in.gif"
    with av.open(str(source), "w") as container:
        stream: Any = container.add_stream("gif", rate=10)
        stream.width, stream.height, stream.pix_fmt = 64, 48, "pal8"
        colours = np.array([[0, 0, 0, 0], [255, 200, 120, 60]], np.uint8).repeat([1, 255], 0)
        halves = np.tile(np.arange(64) // 32, (48, 1)).astype(np.uint8)
        frame = av.VideoFrame.from_ndarray((halves, colours), "pal8")
        frame.pts = 0
        container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    done = convert(source, tmp_path / "out.gif")
    assert NoteCode.ALPHA_DROPPED not in codes(done.sink_notes)
    with av.open(str(done.path)) as container:
        (after,) = container.decode(video=0)
    pixels = after.to_ndarray(format="rgba")
    assert (pixels[:, :32, 3] == 0).all()
    assert (pixels[:, 32:] == (200, 120, 60, 255)).all()


def test_a_gif_plays_as_mp4(tmp_path: Any, convert: Any, read_file: Any) -> None:
    done = convert(_gif(tmp_path / "in.gif", 3), tmp_path / "out.mp4")
    after = read_file(done.path)
    assert (after.streams[0][1], after.video.pix_fmt, len(after.frames)) == ("h264", "yuv420p", 3)
    assert NoteCode.PIXEL_FORMAT in codes(done.sink_notes)


def test_a_gif_in_segments_is_the_one_in_one_piece(tmp_path: Any) -> None:
    source = _gif(tmp_path / "in.gif")
    runs = [Runner(source, tmp_path / name) for name in ("segments.gif", "whole.gif")]
    runs[0].run(seconds=0.5)
    runs[1].run(one_piece=True)
    assert len(_rgb(runs[0].output)) == 20
    for first, second in zip(*(_rgb(run.output) for run in runs), strict=True):
        np.testing.assert_array_equal(first, second)


def test_a_video_becomes_a_gif_of_nearly_its_colours(tmp_path: Any, make_clip: Any, convert: Any) -> None:
    source = make_clip(tmp_path / "in.mp4", audio=None, frames=3)
    done = convert(source, tmp_path / "out.gif")
    for before, after in zip(_rgb(source), _rgb(done.path), strict=True):
        blurred = [cv2.blur(frame.astype(np.float32), (9, 9)) for frame in (before, after)]
        assert np.abs(blurred[0] - blurred[1]).mean() < 6
    assert NoteCode.PIXEL_FORMAT in codes(done.sink_notes)


def test_webp_keeps_the_colours_of_a_picture(tmp_path: Any, convert: Any) -> None:
    assert cv2.imwrite(str(tmp_path / "in.png"), _bars()[..., ::-1])
    done = convert(tmp_path / "in.png", tmp_path / "out.webp")
    np.testing.assert_array_equal(cv2.imread(str(done.path))[..., ::-1], _bars())


@pytest.mark.parametrize(("full_range", "colorspace"), [(False, 1), (True, 5), (True, 1), (False, 9)])
def test_webp_shows_the_colours_of_any_video(
    full_range: bool, colorspace: int, tmp_path: Any, make_clip: Any, convert: Any
) -> None:
    def configure(stream: Any) -> None:
        stream.codec_context.color_range = 2 if full_range else 1
        stream.codec_context.colorspace = colorspace

    source = make_clip(tmp_path / "in.mkv", codec="ffv1", audio=None, frames=1, configure=configure)
    done = convert(source, tmp_path / "out.webp")
    assert NoteCode.COLOUR_CONVERTED in codes(done.sink_notes)
    with av.open(str(source)) as container:
        (frame,) = container.decode(video=0)
        names = {1: "ITU709", 5: "ITU601", 9: "BT2020"}
        wanted = frame.to_ndarray(format="rgb24", src_colorspace=names[colorspace]).astype(float)
    found = cv2.imread(str(done.path))[..., ::-1].astype(float)
    assert np.abs(wanted.mean((0, 1)) - found.mean((0, 1))).max() < 3
    assert np.abs(wanted - found).mean() < 12


@pytest.mark.parametrize("name", ["out.png", "out_%03d.png", "out_%03d.jpg", "out.tiff"])
def test_pictures_as_output_are_refused_clearly(name: str, tmp_path: Any, convert: Any) -> None:
    source = _sequence(tmp_path, ".png")
    with pytest.raises(UsageError, match=rf"{name} names pictures; write a video such as .mp4"):
        convert(source, tmp_path / name)


@pytest.mark.parametrize(
    "options",
    [
        SinkOptions(preset="warp"),
        SinkOptions(codec="hevc", preset="warp"),
        SinkOptions(codec="hevc", crf=99),
        SinkOptions(codec="av1", preset="99"),
        SinkOptions(codec="av1", bitrate=10**9),
        SinkOptions(codec="vp9", crf=99),
        SinkOptions(bitrate=10),
    ],
)
def test_settings_are_refused_without_the_encoders_own_lines(
    options: SinkOptions, tmp_path: Any, make_clip: Any, convert: Any, capfd: pytest.CaptureFixture[str]
) -> None:
    source = make_clip(tmp_path / "in.mp4", audio=None, frames=1)
    capfd.readouterr()
    with pytest.raises(UsageError) as caught:
        convert(source, tmp_path / "out.mp4", None, options)
    assert "\n" not in str(caught.value)
    assert capfd.readouterr() == ("", "")
