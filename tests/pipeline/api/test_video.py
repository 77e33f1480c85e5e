"""Opening a video and looking at its frames."""

from __future__ import annotations

import threading
from fractions import Fraction
from typing import TYPE_CHECKING, Any

import av
import numpy as np
import pytest

from network.colour import coefficients
from network.planes import Layout, Matrix
from pipeline.api.video import open_video
from pipeline.errors import InputError, LimitError, UsageError
from pipeline.job import Isolation, Limits

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from network.planes import PlaneSpec


@pytest.fixture
def clip(make_clip: Callable[..., Path], tmp_path: Path) -> Path:
    return make_clip(tmp_path / "clip.mkv", codec="ffv1")


def decoded(path: Path) -> list[np.ndarray[Any, Any]]:
    """The luma of every frame, by PyAV alone."""
    with av.open(path) as container:
        return [frame.to_ndarray()[: frame.height] for frame in container.decode(video=0)]


def flat_frame(name: str, words: list[int], *, full_range: bool, colorspace: int) -> av.VideoFrame:
    """A frame of one colour, so that no resampling of chroma comes in between."""
    frame = av.VideoFrame(32, 16, name)
    for plane, word in zip(frame.planes, words, strict=True):
        dtype = np.uint8 if plane.buffer_size == plane.line_size * plane.height and word < 256 else np.uint16
        dtype = np.uint16 if "10" in name else dtype
        np.frombuffer(plane, dtype)[...] = word
    frame.color_range = 2 if full_range else 1
    frame.colorspace = colorspace
    frame.pts, frame.time_base = 0, Fraction(1, 25)
    return frame


def write_lossless(path: Path, frame: av.VideoFrame, codec: str = "ffv1") -> Path:
    with av.open(path, "w") as output:
        stream: Any = output.add_stream(codec, rate=25)
        stream.width, stream.height, stream.pix_fmt = frame.width, frame.height, frame.format.name
        stream.codec_context.color_range, stream.codec_context.colorspace = frame.color_range, frame.colorspace
        output.mux(stream.encode(frame))
        output.mux(stream.encode(None))
    return path


def expected_rgb(spec: PlaneSpec, words: list[int]) -> np.ndarray[Any, Any]:
    """RGB by the formulas of ITU-T H.273, in codes of 255 or 65535."""
    numbers = coefficients(spec)
    rgb = numbers.to_rgb @ np.array(words, np.float64) + numbers.offset
    return np.clip(rgb, 0, 1) * (255 if spec.depth == 8 else 65535)


def test_info_says_what_the_file_is(make_clip: Callable[..., Path], tmp_path: Path) -> None:
    path = make_clip(tmp_path / "clip.mp4", size=(80, 60), frames=20, rate=10)
    with open_video(path) as video:
        info = video.info
    assert (info.name, info.width, info.height, info.codec) == (str(path), 80, 60, "h264")
    assert (info.pixel_format, info.frame_rate, info.frames) == ("yuv420p", 10, 20)
    assert info.duration == pytest.approx(2.0)
    assert (info.rotation, info.interlaced) == (0, False)
    assert info.spec.layout is Layout.YUV420P


def test_frames_come_in_order_with_their_samples_and_times(make_clip: Callable[..., Path], tmp_path: Path) -> None:
    times = [0, 3, 4, 9, 10, 20]
    path = make_clip(tmp_path / "clip.mkv", codec="ffv1", time_base=Fraction(1, 100), times=times)
    with open_video(path) as video:
        frames = list(video)
    assert [frame.time for frame in frames] == pytest.approx([time / 100 for time in times])
    for frame, luma in zip(frames, decoded(path), strict=True):
        np.testing.assert_array_equal(frame.planes[0], luma)


def test_a_frame_stays_as_it_is_when_more_are_read_and_the_video_is_closed(clip: Path) -> None:
    with open_video(clip) as video:
        first = next(video)
        before = [plane.copy() for plane in first.planes]
        rest = list(video)
    assert len(rest) == 11
    for plane, copy in zip(first.planes, before, strict=True):
        np.testing.assert_array_equal(plane, copy)
    assert first.rgb.shape == (48, 64, 3)


def test_planes_can_not_be_written_to(clip: Path) -> None:
    with open_video(clip) as video, pytest.raises(ValueError, match="read-only"):
        next(video).planes[0][...] = 0


def test_the_duration_of_a_frame_is_known(clip: Path) -> None:
    with open_video(clip) as video:
        assert [frame.duration for frame in video] == pytest.approx([0.04] * 12)


def test_a_video_is_read_once_like_a_file(clip: Path) -> None:
    with open_video(clip) as video:
        first = next(video)
        second = next(iter(video))
        assert second.time > first.time
        assert len(list(video)) == 10
        assert list(video) == []


def test_a_part_is_read(clip: Path) -> None:
    with open_video(clip, start=0.2, duration=0.16) as video:
        assert [frame.time for frame in video] == pytest.approx([0, 0.04, 0.08, 0.12])


def test_a_file_object_is_read_and_stays_open(clip: Path) -> None:
    with clip.open("rb") as file:
        with open_video(file) as video:
            assert len(list(video)) == 12
        assert not file.closed


@pytest.mark.parametrize("full_range", [False, True])
@pytest.mark.parametrize(("colorspace", "matrix"), [(1, Matrix.BT709), (5, Matrix.BT601), (9, Matrix.BT2020)])
@pytest.mark.parametrize(("name", "words"), [("yuv420p", [90, 110, 170]), ("yuv422p10le", [360, 600, 470])])
def test_rgb_follows_matrix_range_and_depth(
    tmp_path: Path, name: str, words: list[int], colorspace: int, matrix: Matrix, full_range: bool
) -> None:
    frame = flat_frame(name, words, full_range=full_range, colorspace=colorspace)
    with open_video(write_lossless(tmp_path / "flat.mkv", frame)) as video:
        found = next(video)
    assert (found.spec.matrix, found.spec.full_range) == (matrix, full_range)
    step = 1 if found.spec.depth == 8 else 257
    assert found.rgb.dtype == (np.uint8 if found.spec.depth == 8 else np.uint16)
    np.testing.assert_allclose(found.rgb, np.broadcast_to(expected_rgb(found.spec, words), (16, 32, 3)), atol=step)


def test_rgb_of_grey_video_is_grey(tmp_path: Path) -> None:
    frame = flat_frame("gray", [77], full_range=True, colorspace=2)
    with open_video(write_lossless(tmp_path / "grey.mkv", frame)) as video:
        np.testing.assert_array_equal(next(video).rgb, np.full((16, 32, 3), 77))


def test_rgb_video_is_not_changed(tmp_path: Path) -> None:
    picture = np.random.default_rng(1).integers(0, 256, (16, 32, 3), dtype=np.uint8)
    frame = av.VideoFrame.from_ndarray(picture, "rgb24")
    frame.pts, frame.time_base = 0, Fraction(1, 25)
    with open_video(write_lossless(tmp_path / "rgb.mov", frame, "png")) as video:
        np.testing.assert_array_equal(next(video).rgb, picture)


def test_a_closed_video_is_not_read(clip: Path) -> None:
    with open_video(clip) as video:
        pass
    with pytest.raises(UsageError, match="is closed"):
        next(video)


def test_a_process_of_its_own_decodes_the_same(clip: Path) -> None:
    with open_video(clip, isolation=Isolation()) as video:
        frames = list(video)
    for frame, luma in zip(frames, decoded(clip), strict=True):
        np.testing.assert_array_equal(frame.planes[0], luma)


def test_files_that_continue_each_other_are_one_video(clip: Path) -> None:
    with open_video(clip, continued=[clip]) as video:
        times = [frame.time for frame in video]
    assert len(times) == 24
    assert times == sorted(times)


def test_damage_is_told(make_clip: Callable[..., Path], tmp_path: Path) -> None:
    path = make_clip(tmp_path / "clip.mkv", frames=30, audio=None, options={"g": "5"})
    content = bytearray(path.read_bytes())
    middle = len(content) // 2
    content[middle : middle + 400] = bytes(400)
    path.write_bytes(content)
    with open_video(path) as video:
        list(video)
        assert video.damage
        assert video.damage.places


def test_an_input_that_is_missing_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"none\.mp4"):
        open_video(tmp_path / "none.mp4")


def test_limits_hold(clip: Path) -> None:
    with open_video(clip, limits=Limits(frames=5)) as video, pytest.raises(LimitError):
        list(video)
    with pytest.raises(LimitError):
        open_video(clip, limits=Limits(width=32))


@pytest.mark.parametrize("arguments", [{"start": -1.0}, {"duration": float("nan")}, {"acceleration": "opencl"}])
def test_values_out_of_range_are_refused_by_their_names(clip: Path, arguments: dict[str, Any]) -> None:
    with pytest.raises(UsageError, match=next(iter(arguments))):
        open_video(clip, **arguments)


def test_reading_frames_takes_no_thread(clip: Path) -> None:
    before = threading.active_count()
    with open_video(clip) as video:
        next(video)
        assert threading.active_count() == before
