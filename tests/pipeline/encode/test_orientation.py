"""A rotation that the container can't hold is applied to the picture."""

from __future__ import annotations

from fractions import Fraction
from typing import TYPE_CHECKING, Any

import av
import numpy as np
import pytest

from network.planes import Layout, PlaneSpec
from pipeline.encode.orientation import Turn, Turner, is_upright
from pipeline.job import SinkOptions
from pipeline.media.frames import plane_count, plane_rows, spec_of
from pipeline.notes import NoteCode
from tests.support.notes import codes

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from numpy.typing import NDArray

ONE = 1 << 16
UPRIGHT = (ONE, 0, 0, 0, ONE, 0, 0, 0, 1 << 30)


def matrix_of(a: int, b: int, c: int, d: int) -> list[int]:
    return [a * ONE, b * ONE, 0, c * ONE, d * ONE, 0, 0, 0, 1 << 30]


# What FFmpeg's documentation of the display matrix says: (x, y) goes to (a x + c y, b x + d y), y pointing down.
CASES: dict[tuple[int, int, int, int], Callable[[NDArray[Any]], NDArray[Any]]] = {
    (-1, 0, 0, 1): np.fliplr,
    (1, 0, 0, -1): np.flipud,
    (-1, 0, 0, -1): lambda picture: np.rot90(picture, 2),
    (0, 1, -1, 0): lambda picture: np.rot90(picture, -1),
    (0, -1, 1, 0): np.rot90,
    (0, 1, 1, 0): np.transpose,
    (0, -1, -1, 0): lambda picture: np.rot90(picture, 2).T,
}


@pytest.mark.parametrize("numbers", CASES)
@pytest.mark.parametrize("name", ["yuv420p", "yuv444p10le", "gbrp", "gray", "ya8", "yuva420p", "gbrap16le"])
def test_every_sample_moves_and_none_changes(numbers: tuple[int, int, int, int], name: str) -> None:
    frame = av.VideoFrame(8, 4, name)
    for index in range(plane_count(frame)):
        rows = plane_rows(frame, index)
        rows[...] = np.arange(rows.size).reshape(rows.shape) + 50 * index
    wanted = [CASES[numbers](plane_rows(frame, index)) for index in range(plane_count(frame))]
    frame.pts, frame.duration, frame.time_base = 7, 3, Fraction(1, 90000)
    frame.color_range = 1
    turn = Turn.of(matrix_of(*numbers))
    assert turn is not None
    turned = Turner(turn, spec_of(frame)[0]).turn(frame)
    assert (turned.pts, turned.duration, turned.time_base) == (7, 3, Fraction(1, 90000))
    assert turned.format.name == name
    for index, plane in enumerate(wanted):
        np.testing.assert_array_equal(plane_rows(turned, index), plane)


@pytest.mark.parametrize(
    ("spec", "numbers", "layout"),
    [
        (PlaneSpec(8, 4, Layout.YUV422P), (0, 1, -1, 0), Layout.YUV444P),
        (PlaneSpec(8, 4, Layout.YUV422P), (-1, 0, 0, -1), Layout.YUV422P),
        (PlaneSpec(7, 4), (-1, 0, 0, 1), Layout.YUV444P),
        (PlaneSpec(8, 5), (0, 1, -1, 0), Layout.YUV444P),
        (PlaneSpec(8, 4), (0, 1, -1, 0), Layout.YUV420P),
        (PlaneSpec(7, 5, Layout.GRAY), (0, 1, -1, 0), Layout.GRAY),
    ],
)
def test_halved_chroma_that_would_not_fit_becomes_full(
    spec: PlaneSpec, numbers: tuple[int, int, int, int], layout: Layout
) -> None:
    turn = Turn.of(matrix_of(*numbers))
    assert turn is not None
    assert turn.working_spec(spec).layout is layout


def test_what_moves_no_whole_samples_is_no_turn() -> None:
    assert Turn.of([46341, 46341, 0, -46341, 46341, 0, 0, 0, 1 << 30]) is None
    assert Turn.of([2 * ONE, 0, 0, 0, ONE, 0, 0, 0, 1 << 30]) is None
    assert is_upright(UPRIGHT)
    assert not is_upright(matrix_of(-1, 0, 0, 1))


def make_turned(make_clip: Any, path: Path, matrix: list[int], **settings: Any) -> Path:
    made: Path = make_clip(
        path,
        audio=None,
        frames=3,
        configure=lambda stream: stream.set_display_matrix(matrix),
        **settings,
    )
    return made


@pytest.mark.parametrize("numbers", [(0, 1, -1, 0), (-1, 0, 0, 1), (0, -1, -1, 0)])
@pytest.mark.parametrize("suffix", ["avi", "nut"])
def test_the_picture_is_turned_where_the_container_can_not_say_it(
    numbers: tuple[int, int, int, int], suffix: str, tmp_path: Path, make_clip: Any, convert: Any, read_file: Any
) -> None:
    source = make_turned(make_clip, tmp_path / "in.mp4", matrix_of(*numbers))
    done = convert(source, tmp_path / f"out.{suffix}", None, SinkOptions(codec="ffv1"))
    assert NoteCode.PICTURE_TURNED in codes(done.sink_notes)
    for found, given in zip(read_file(done.path).frames, read_file(source).frames, strict=True):
        assert found.rotation == 0
        for index in range(3):
            np.testing.assert_array_equal(plane_rows(found, index), CASES[numbers](plane_rows(given, index)))


@pytest.mark.parametrize("suffix", ["ts", "flv", "wmv", "mpg"])
def test_no_container_loses_it(suffix: str, tmp_path: Path, make_clip: Any, convert: Any) -> None:
    source = make_turned(make_clip, tmp_path / "in.mp4", matrix_of(0, 1, -1, 0))
    done = convert(source, tmp_path / f"out.{suffix}")
    assert NoteCode.PICTURE_TURNED in codes(done.sink_notes)
    with av.open(str(done.path)) as file:
        frame = next(file.decode(video=0))
    assert (frame.width, frame.height) == (done.plan.width, done.plan.height) == (48, 64)


@pytest.mark.parametrize("suffix", ["mp4", "mov", "mkv"])
def test_it_stays_a_note_for_the_player_where_that_is_kept(
    suffix: str, tmp_path: Path, make_clip: Any, convert: Any, read_file: Any
) -> None:
    source = make_turned(make_clip, tmp_path / "in.mp4", matrix_of(0, 1, -1, 0))
    done = convert(source, tmp_path / f"out.{suffix}")
    assert NoteCode.PICTURE_TURNED not in codes(done.sink_notes)
    frame = read_file(done.path).frames[0]
    assert (frame.width, frame.height, frame.rotation) == (64, 48, -90)


def test_what_can_neither_be_said_nor_done_is_named(tmp_path: Path, make_clip: Any, convert: Any) -> None:
    source = make_turned(make_clip, tmp_path / "in.mp4", [46341, 46341, 0, -46341, 46341, 0, 0, 0, 1 << 30])
    done = convert(source, tmp_path / "out.ts")
    assert NoteCode.SIDE_DATA_DROPPED in codes(done.sink_notes)


def test_the_shape_of_the_pixels_turns_too(tmp_path: Path, make_clip: Any, convert: Any, read_file: Any) -> None:
    def configure(stream: Any) -> None:
        stream.set_display_matrix(matrix_of(0, 1, -1, 0))
        stream.codec_context.sample_aspect_ratio = Fraction(4, 3)

    source = make_clip(tmp_path / "in.mp4", audio=None, frames=3, configure=configure)
    done = convert(source, tmp_path / "out.ts")
    assert Fraction(read_file(done.path).video.sample_aspect_ratio) == Fraction(3, 4)
