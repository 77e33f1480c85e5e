"""Pictures as planes, against FFmpeg's own conversion and back."""

from __future__ import annotations

import av
import numpy as np
import pytest

from network.data.planes import split, to_frame, to_picture
from network.planes import Matrix
from tests.support.scenes import natural_picture


@pytest.mark.parametrize("matrix", [Matrix.BT601, Matrix.BT709])
def test_planes_are_those_of_ffmpeg(matrix: Matrix) -> None:
    picture = natural_picture(1, 64)
    frame = to_frame(picture.astype(np.float32) / 255, matrix)
    assert frame.shape == (96, 64)
    colours = {Matrix.BT601: "ITU601", Matrix.BT709: "ITU709"}[matrix]
    converted = av.VideoFrame.from_ndarray(picture, format="rgb24").reformat(
        format="yuv420p", dst_colorspace=colours, interpolation="AREA"
    )
    theirs = converted.to_ndarray()
    assert np.abs(frame.astype(int) - theirs).max() <= 2
    assert np.abs(frame.astype(float) - theirs).mean() < 0.5


def test_primary_colours_by_hand() -> None:
    red = np.zeros((2, 2, 3), np.float32)
    red[..., 0] = 1
    luma, chroma = split(to_frame(red, Matrix.BT601))
    assert (luma == round(16 + 219 * 0.299)).all()
    assert chroma.ravel().tolist() == [round(128 - 224 * 0.299 / (2 * 0.886)), 240]
    white = np.ones((2, 2, 3), np.float32)
    assert to_frame(white).tolist() == [[235, 235], [235, 235], [128, 128]]


@pytest.mark.parametrize("matrix", [Matrix.BT601, Matrix.BT709])
def test_a_smooth_picture_comes_back(matrix: Matrix) -> None:
    rows, columns = np.mgrid[:32, :48] / 48
    picture = np.stack([rows, columns, 1 - rows], axis=2).astype(np.float32)
    back = to_picture(to_frame(picture, matrix), matrix)
    assert np.abs(back - 255 * picture)[2:-2, 2:-2].max() < 3
