"""Burned-in text: found where it is, and left as it is."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import av
import numpy as np
import pytest

from network.planes import Layout, Matrix, PlaneSpec
from network.window.windows import MISSING
from pipeline.errors import InputError, UsageError
from pipeline.job import SegmentOptions, SinkOptions, SourceOptions, VideoJob
from pipeline.notes import NoteCode
from pipeline.runner.keep_text import TextKeeper, find_text
from pipeline.video import deblur_video
from tests.support.engines import InvertingEngine, WindowEngine
from tests.support.notes import codes
from tests.support.resume import content_of

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from numpy.typing import NDArray

pytestmark = pytest.mark.timeout(120)
WIDTH, HEIGHT = 320, 180
LEFT, TOP, SCALE = 12, 154, 2
DIGITS = ["757557", "262227", "717247", "717117", "557111", "747117", "747557", "711111", "757757", "757117"]
"""Six rows of three pixels each, as octal digits."""


def load_engine() -> InvertingEngine:
    """An engine that is fastest with two frames at a time."""
    return InvertingEngine(replace(InvertingEngine.info, batch=2))


def letters(text: str) -> NDArray[np.bool_]:
    """The pixels of a row of digits; other characters are gaps."""
    rows = np.zeros((6, 4 * len(text)), np.bool_)
    for place, character in enumerate(text):
        if character.isdigit():
            for row, bits in enumerate(DIGITS[int(character)]):
                rows[row, 4 * place : 4 * place + 3] = [int(bits) & bit for bit in (4, 2, 1)]
    return rows.repeat(SCALE, 0).repeat(SCALE, 1)


@pytest.fixture
def film(tmp_path: Path) -> Callable[..., Path]:
    """A street that moves by, with a clock burned in, in H.264 as a camera makes it."""
    rng = np.random.default_rng(3)
    street = rng.integers(20, 200, (60, 160, 3)).astype(np.uint8).repeat(6, 0).repeat(6, 1)

    def make(
        name: str = "film.mp4", *, first: int = 0, frames: int = 64, text: bool = True, speed: int = 7, **options: str
    ) -> Path:
        path = tmp_path / name
        with av.open(str(path), "w") as out:
            stream: Any = out.add_stream("libx264", rate=8, options={"crf": "26", "preset": "veryfast", **options})
            stream.width, stream.height, stream.pix_fmt = WIDTH, HEIGHT, "yuv420p"
            for number in range(first, first + frames):
                shift = speed * number % 500
                picture = street[40 : 40 + HEIGHT, shift : shift + WIDTH].copy()
                if text:
                    drawn = letters(f"2026 11 23 08 15 {number // 8 % 60:02}")
                    area = picture[TOP : TOP + drawn.shape[0], LEFT : LEFT + drawn.shape[1]]
                    area[drawn] = 235
                frame = av.VideoFrame.from_ndarray(picture, "rgb24").reformat(format="yuv420p")
                frame.pts = number - first
                out.mux(stream.encode(frame))
            out.mux(stream.encode(None))
        return path

    return make


def test_all_of_the_text_is_found_and_little_else(film: Callable[..., Path]) -> None:
    mask = find_text(film(), SourceOptions())
    assert mask is not None
    assert mask.shape == (HEIGHT, WIDTH)
    drawn = letters("2026 11 23 08 15 88")
    text = np.zeros_like(mask)
    text[TOP : TOP + drawn.shape[0], LEFT : LEFT + drawn.shape[1]] = drawn
    assert mask[text].mean() > 0.99
    far = mask.copy()
    far[TOP - 16 : TOP + drawn.shape[0] + 16, : LEFT + drawn.shape[1] + 32] = False
    assert not far.any()


def test_the_same_input_gives_the_same_mask(film: Callable[..., Path]) -> None:
    path = film()
    first, second = find_text(path, SourceOptions()), find_text(path, SourceOptions())
    assert first is not None
    assert np.array_equal(first, second)


@pytest.mark.parametrize(
    "changes",
    [
        pytest.param({"text": False}, id="no text"),
        pytest.param({"speed": 0}, id="nothing moves"),
        pytest.param({"frames": 4}, id="too short"),
    ],
)
def test_no_mask_where_text_cant_be_told_from_the_scene(film: Callable[..., Path], changes: dict[str, Any]) -> None:
    assert find_text(film(**changes), SourceOptions()) is None


def test_real_footage_without_text_has_no_mask(shared_clip: Callable[[str], Path]) -> None:
    for name in ("road_lane_540p.mp4", "dashcam_day_640.mp4"):
        assert find_text(shared_clip(name), SourceOptions()) is None


def test_joined_files_are_looked_at_together(film: Callable[..., Path], tmp_path: Path) -> None:
    paths = [film(f"{number}.mp4", first=16 * number, frames=16) for number in range(4)]
    mask = find_text(paths[0], SourceOptions(continued=(*paths[1:], tmp_path / "missing.mp4")))
    assert mask is not None
    assert mask[TOP : TOP + 6 * SCALE, LEFT : LEFT + 8 * SCALE].mean() > 0.7
    with pytest.raises(InputError, match="does not exist"):
        find_text(tmp_path / "missing.mp4", SourceOptions(continued=tuple(paths)))


@pytest.mark.parametrize(
    "spec",
    [
        PlaneSpec(WIDTH, HEIGHT),
        PlaneSpec(WIDTH, HEIGHT, Layout.NV12),
        PlaneSpec(WIDTH - 1, HEIGHT - 1, Layout.YUV422P, 10),
        PlaneSpec(WIDTH, HEIGHT, Layout.YUV444P, matrix=Matrix.RGB),
        PlaneSpec(WIDTH, HEIGHT, Layout.GRAY),
    ],
    ids=lambda spec: f"{spec.layout}-{spec.depth}",
)
def test_samples_of_text_pass_and_all_others_come_from_the_engine(spec: PlaneSpec) -> None:
    rng = np.random.default_rng(0)
    mask = np.zeros((spec.height, spec.width), np.bool_)
    mask[100:121, 30:61] = True
    keeper = TextKeeper(load_engine(), mask)
    blurred, result = keeper.buffers(spec, 2), keeper.buffers(spec, 2)
    for plane in blurred.planes:
        plane[...] = rng.integers(0, 256, plane.shape)
    keeper.run(blurred, result)
    for source, target, (height, width, *_) in zip(blurred.planes, result.planes, spec.plane_shapes, strict=True):
        down, across = -(-spec.height // height), -(-spec.width // width)
        kept = np.zeros((height, width), np.bool_)
        kept[100 // down : -(-121 // down), 30 // across : -(-61 // across)] = True
        for before, after in zip(source, target, strict=True):
            assert np.array_equal(after[kept], before[kept])
            assert np.array_equal(after[~kept], np.invert(before)[~kept])


def test_text_of_the_present_frame_passes_where_an_engine_sees_others_too() -> None:
    spec, rng = PlaneSpec(WIDTH, HEIGHT), np.random.default_rng(0)
    mask = np.zeros((HEIGHT, WIDTH), np.bool_)
    mask[100:121, 30:61] = True
    plain, keeper = WindowEngine(), TextKeeper(WindowEngine(), mask)
    assert keeper.info.window == plain.info.window
    blurred, result, expected = keeper.buffers(spec, 4), keeper.buffers(spec, 2), keeper.buffers(spec, 2)
    for plane in blurred.planes:
        plane[...] = rng.integers(0, 256, plane.shape)
    windows = np.array([[3, 2, 0], [MISSING, 1, 3]])
    keeper.run(blurred, result, windows)
    plain.run(blurred, expected, windows)
    for row, frame in enumerate((2, 1)):
        kept, luma = result.planes[0][row], expected.planes[0][row]
        np.testing.assert_array_equal(kept[mask], blurred.planes[0][frame][mask])
        np.testing.assert_array_equal(kept[~mask], luma[~mask])


@pytest.mark.parametrize("start", [None, 1.3])
def test_segments_keep_text_and_neighbours_as_one_piece_does(
    film: Callable[..., Path], tmp_path: Path, start: float | None
) -> None:
    found = []
    for segments in (None, SegmentOptions(seconds=2.0)):
        output = tmp_path / "out.mkv"
        source = SourceOptions(start=start)
        job = VideoJob(film(g="8"), output, source, SinkOptions(codec="ffv1"), segments=segments, keep_text=True)
        report = deblur_video(job, lambda: WindowEngine(batch=2))
        assert NoteCode.TEXT_KEPT in codes(report.notes)
        found.append(content_of(output))
        output.unlink()
    assert found[0] == found[1]


@pytest.mark.parametrize("segments", [None, SegmentOptions(seconds=2.0)], ids=["one piece", "segments"])
def test_a_video_keeps_its_text_bit_for_bit(
    film: Callable[..., Path], tmp_path: Path, read_file: Any, segments: SegmentOptions | None
) -> None:
    path, output = film(g="8"), tmp_path / "out.mkv"
    job = VideoJob(path, output, sink=SinkOptions(codec="ffv1"), segments=segments, keep_text=True)
    report = deblur_video(job, load_engine)
    mask = find_text(path, SourceOptions())
    assert mask is not None
    share = f"{100 * mask.mean():.1f} %"
    assert f"burned-in text: {share} of the picture is left as it is" in map(str, report.notes)
    frames = read_file(path).frames, read_file(output).frames
    for before, after in zip(*frames, strict=True):
        one, other = (frame.to_ndarray()[:HEIGHT] for frame in (before, after))
        assert np.array_equal(one[mask], other[mask])
        assert np.array_equal(np.invert(one)[~mask], other[~mask])


def test_a_video_without_text_is_told_so_and_deblurred(
    film: Callable[..., Path], tmp_path: Path, read_file: Any
) -> None:
    path, output = film(text=False), tmp_path / "out.mkv"
    report = deblur_video(VideoJob(path, output, sink=SinkOptions(codec="ffv1"), keep_text=True), load_engine)
    assert NoteCode.TEXT_NOT_FOUND in codes(report.notes)
    first, result = read_file(path).frames[0], read_file(output).frames[0]
    assert np.array_equal(np.invert(first.to_ndarray()), result.to_ndarray())


def test_a_pipe_is_refused(film: Callable[..., Path], tmp_path: Path) -> None:
    with film().open("rb") as file, pytest.raises(UsageError, match="needs a file"):
        deblur_video(VideoJob(file, tmp_path / "out.mkv", keep_text=True), load_engine)
