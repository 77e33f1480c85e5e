"""Upright is what a player shows; RGB has the colours of the video's own matrix and range."""

from __future__ import annotations

import av
import numpy as np
import pytest

from network.planes import Layout, Matrix, PlaneSpec
from pipeline.media.rgb import rgb_of, upright

CODED = np.arange(6).reshape(2, 3)
ONE = 1 << 16


@pytest.mark.parametrize(
    ("matrix", "shown"),
    [
        (None, CODED),
        ((ONE, 0, 0, 0, ONE, 0, 0, 0, 1 << 30), CODED),
        ((0, ONE, 0, -ONE, 0, 0, 2 * ONE, 0, 1 << 30), np.rot90(CODED, -1)),  # a phone held upright
        ((0, -ONE, 0, ONE, 0, 0, 0, 3 * ONE, 1 << 30), np.rot90(CODED, 1)),
        ((-ONE, 0, 0, 0, -ONE, 0, 3 * ONE, 2 * ONE, 1 << 30), np.rot90(CODED, 2)),
        ((-ONE, 0, 0, 0, ONE, 0, 3 * ONE, 0, 1 << 30), CODED[:, ::-1]),  # a selfie camera
        ((0, ONE, 0, ONE, 0, 0, 0, 0, 1 << 30), CODED.T),
    ],
)
def test_upright_is_a_view_turned_and_mirrored(matrix: tuple[int, ...] | None, shown: np.ndarray) -> None:
    samples = CODED.copy()
    seen = upright(samples, matrix)
    assert seen.tolist() == shown.tolist()
    seen[0, 0] = 77
    assert 77 in samples


@pytest.mark.parametrize("full_range", [False, True])
@pytest.mark.parametrize("matrix", [Matrix.BT601, Matrix.BT709])
def test_rgb_is_converted_by_the_matrix_and_range_of_the_video(matrix: Matrix, full_range: bool) -> None:
    frame = av.VideoFrame(16, 16, "yuv420p")
    for plane, code in zip(frame.planes, (120, 90, 200), strict=True):
        plane.update(bytes([code]) * plane.buffer_size)
    spec = PlaneSpec(16, 16, Layout.YUV420P, 8, matrix, full_range)
    red_weight, blue_weight = {Matrix.BT601: (0.299, 0.114), Matrix.BT709: (0.2126, 0.0722)}[matrix]
    luma, chroma = (1.0, 1.0) if full_range else (255 / 219, 255 / 224)
    y, cb, cr = luma * (120 - (0 if full_range else 16)), chroma * (90 - 128), chroma * (200 - 128)
    red, blue = y + 2 * (1 - red_weight) * cr, y + 2 * (1 - blue_weight) * cb
    green = (y - red_weight * red - blue_weight * blue) / (1 - red_weight - blue_weight)
    expected = np.clip([red, green, blue], 0, 255)
    for depth, scale in ((8, 1), (16, 257)):
        rgb = rgb_of(frame, spec, depth)
        assert rgb.dtype == (np.uint8 if depth == 8 else np.uint16)
        assert np.abs(rgb.reshape(-1, 3).mean(0) / scale - expected).max() < 1.5
