"""Layouts, written and opened again: every part is where it belongs, in the codes of its own video."""

from __future__ import annotations

from fractions import Fraction
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from pipeline.compare.layouts import DIFFERENCE_GAIN, Layout
from pipeline.compare.run import CompareJob, compare
from pipeline.job import SinkOptions
from pipeline.media.frames import plane_rows
from pipeline.media.pyav18 import open_media
from tests.support.clips import read_file, write_clip

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

LOSSLESS = SinkOptions(codec="ffv1")
WITHOUT_NAME = slice(32, None)
"""Lines below the names that are written on the parts."""


def two_clips(folder: Path, **settings: Any) -> tuple[Path, Path]:
    """Two lossless clips of the same times whose pictures differ."""
    settings = {"codec": "ffv1", "size": (96, 64), "frames": 6, "audio": None} | settings
    before = write_clip(folder / "before.mkv", **settings)
    after = write_clip(folder / "after.mkv", shown=[10 + n for n in range(6)], **settings)
    return before, after


def planes(path: Path) -> list[list[np.ndarray]]:
    return [[plane_rows(frame, n).copy() for n in range(len(frame.planes))] for frame in read_file(path).frames]


def write(folder: Path, layout: Layout, *inputs: Path, truth: Path | None = None) -> list[list[np.ndarray]]:
    output = folder / f"{layout}.mkv"
    compare(CompareJob(*inputs, truth=truth, output=output, layout=layout, sink=LOSSLESS))
    return planes(output)


@pytest.mark.parametrize("pixel_format", ["yuv420p", "yuv422p", "yuv444p10le", "gray", "yuv420p16le"])
def test_side_by_side_has_every_code_of_both(tmp_path: Path, pixel_format: str) -> None:
    before, after = two_clips(tmp_path, pix_fmt=pixel_format)
    made = write(tmp_path, Layout.SIDE, before, after)
    assert len(made) == 6
    for frame, first, second in zip(made, planes(before), planes(after), strict=True):
        for plane, one, other in zip(frame, first, second, strict=True):
            assert plane.shape == (one.shape[0], 2 * one.shape[1])
            both = np.concatenate((one, other), 1)
            assert np.array_equal(plane[WITHOUT_NAME], both[WITHOUT_NAME])


@pytest.mark.parametrize("pixel_format", ["yuva420p", "bgra"])
def test_transparent_video_is_compared_as_if_it_were_opaque(tmp_path: Path, pixel_format: str) -> None:
    before, after = two_clips(tmp_path, pix_fmt=pixel_format)
    output = tmp_path / "side.mkv"
    compare(CompareJob(before, after, output=output, sink=LOSSLESS))
    both = [[frame.to_ndarray(format="bgr24") for frame in read_file(path).frames] for path in (before, after)]
    for frame, first, second in zip(read_file(output).frames, *both, strict=True):
        assert "a" not in frame.format.name
        difference = frame.to_ndarray(format="bgr24").astype(int) - np.concatenate((first, second), 1)
        assert np.abs(difference[WITHOUT_NAME]).max() <= 2


def test_names_are_written_on_the_parts(tmp_path: Path) -> None:
    before, after = two_clips(tmp_path, size=(192, 128))
    (frame, *_), (first, *_) = write(tmp_path, Layout.SIDE, before, after), planes(before)
    corner = frame[0][8:20, 8:40]
    assert not np.array_equal(corner, first[0][8:20, 8:40])
    assert {16, 235} >= set(np.unique(corner))


def test_split_shows_a_half_of_each_with_a_line_between(tmp_path: Path) -> None:
    before, after = two_clips(tmp_path)
    for frame, first, second in zip(
        write(tmp_path, Layout.SPLIT, before, after), planes(before), planes(after), strict=True
    ):
        for index, (plane, one, other) in enumerate(zip(frame, first, second, strict=True)):
            half, thick = one.shape[1] // 2, 1 if index else 2
            assert np.array_equal(plane[WITHOUT_NAME, :half], one[WITHOUT_NAME, :half])
            assert np.array_equal(plane[WITHOUT_NAME, half + thick :], other[WITHOUT_NAME, half + thick :])
            assert (plane[WITHOUT_NAME, half : half + thick] == (128 if index else 235)).all()


def test_wipe_moves_its_line_there_and_back(tmp_path: Path) -> None:
    settings = {"codec": "ffv1", "size": (96, 64), "audio": None, "rate": 4, "frames": 25, "time_base": Fraction(1, 4)}
    before = write_clip(tmp_path / "a.mkv", shown=[-1] * 25, **settings)
    after = write_clip(tmp_path / "b.mkv", **settings)
    edges = []
    for frame, first in zip(write(tmp_path, Layout.WIPE, before, after), planes(before), strict=True):
        same = (frame[0][WITHOUT_NAME] == first[0][WITHOUT_NAME]).all(0)
        edges.append(96 if same.all() else int(np.argmin(same)))
    assert edges[0] == 0
    assert edges[12] == 96
    assert edges[:13] == sorted(edges[:13])
    assert edges[12:] == sorted(edges[12:], reverse=True)


def test_difference_is_grey_where_nothing_changed(tmp_path: Path) -> None:
    before, after = two_clips(tmp_path)
    for plane in (plane for frame in write(tmp_path, Layout.DIFFERENCE, before, before) for plane in frame):
        assert (plane[WITHOUT_NAME] == 128).all()
    (tmp_path / "difference.mkv").unlink()
    for frame, first, second in zip(
        write(tmp_path, Layout.DIFFERENCE, before, after), planes(before), planes(after), strict=True
    ):
        expected = (128 + DIFFERENCE_GAIN * (second[0].astype(int) - first[0])).clip(0, 255)
        assert np.array_equal(frame[0][WITHOUT_NAME], expected[WITHOUT_NAME])


def test_a_truth_stands_beside_both(tmp_path: Path) -> None:
    pytest.importorskip("pytorch_msssim")
    before, after = two_clips(tmp_path)
    (frame, *_), (first, *_), (second, *_) = (
        write(tmp_path, Layout.SIDE, before, after, truth=before),
        planes(before),
        planes(after),
    )
    expected = np.concatenate((first[0], second[0], first[0]), 1)
    assert np.array_equal(frame[0][WITHOUT_NAME], expected[WITHOUT_NAME])


@pytest.mark.parametrize("turned", ["before", "after", "both"])
def test_parts_stand_as_they_are_shown(tmp_path: Path, turned: str) -> None:
    """A phone's video lies on its side in the file, and what a program made of it may not."""
    upright = write_clip(tmp_path / "up.mkv", codec="ffv1", size=(48, 64), frames=3, audio=None, pix_fmt="yuv444p")
    lying = tmp_path / "lying.mp4"
    with open_media(str(lying), "w") as output:
        stream: Any = output.add_stream("libx264", rate=25, options={"qp": "0"})
        stream.width, stream.height, stream.pix_fmt = 64, 48, "yuv444p"
        stream.set_display_matrix((0, 1 << 16, 0, -1 << 16, 0, 0, 48 << 16, 0, 1 << 30))
        for frame in read_file(upright).frames:
            made: Any = type(frame)(64, 48, "yuv444p")
            for index in range(3):
                plane_rows(made, index)[...] = np.rot90(plane_rows(frame, index), 1)
            made.pts, made.time_base = frame.pts, frame.time_base
            output.mux(stream.encode(made))
        output.mux(stream.encode(None))
    inputs = {"before": (lying, upright), "after": (upright, lying), "both": (lying, lying)}[turned]
    output_path = tmp_path / "side.mp4"
    compare(CompareJob(*inputs, output=output_path, sink=SinkOptions(codec="h264", crf=0)))
    turn = -1 if inputs[0] == lying else 0
    for frame, original in zip(read_file(output_path).frames, read_file(upright).frames, strict=True):
        shown = np.rot90(plane_rows(frame, 0), turn)
        expected = np.concatenate([plane_rows(original, 0)] * 2, 1)
        assert shown.shape == (64, 96)
        assert np.array_equal(shown[WITHOUT_NAME], expected[WITHOUT_NAME])


def test_formats_that_differ_are_those_of_the_first(tmp_path: Path) -> None:
    settings: dict[str, Any] = {"codec": "ffv1", "frames": 3, "audio": None}
    before = write_clip(tmp_path / "a.mkv", size=(97, 65), pix_fmt="yuv420p10le", **settings)
    after = write_clip(tmp_path / "b.mkv", size=(192, 128), pix_fmt="bgr0", **settings)
    output = tmp_path / "out.mkv"
    done = compare(CompareJob(before, after, output=output, sink=LOSSLESS))
    written = read_file(output).video
    assert (written.width, written.height, written.pix_fmt) == (192, 64, "yuv420p10le")
    assert done.lines == ("after is 192x128; it was scaled to 97x65, that of before",)


def test_what_was_padded_to_an_even_size_is_cut(tmp_path: Path) -> None:
    settings: dict[str, Any] = {"codec": "ffv1", "frames": 3, "audio": None, "pix_fmt": "yuv444p"}
    before = write_clip(tmp_path / "a.mkv", size=(95, 63), **settings)
    after = write_clip(tmp_path / "b.mkv", size=(96, 64), **settings)
    output = tmp_path / "out.mkv"
    assert compare(CompareJob(before, after, output=output, sink=LOSSLESS)).lines == ()
    for frame, second in zip(planes(output), planes(after), strict=True):
        assert np.array_equal(frame[0][WITHOUT_NAME, 94:], second[0][:62, :94][WITHOUT_NAME])


def test_times_sound_and_tags_are_those_of_before(tmp_path: Path, read_file: Callable[..., Any]) -> None:
    times = [0, 40, 90, 200, 240, 260]
    settings: dict[str, Any] = {"frames": 6, "times": times, "time_base": Fraction(1, 1000), "size": (96, 64)}
    before = write_clip(tmp_path / "a.mkv", metadata={"title": "a walk"}, **settings)
    after = write_clip(tmp_path / "b.mkv", audio=None, **settings)
    output = tmp_path / "out.mkv"
    compare(CompareJob(before, after, output=output, layout=Layout.SPLIT))
    written, original = read_file(output), read_file(before)
    assert written.times == original.times == [Fraction(time, 1000) for time in times]
    assert written.packets[1] == original.packets[1]
    assert written.metadata["title"] == "a walk"
