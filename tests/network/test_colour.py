"""Colour coefficients: the numbers that the standards and every video tool agree on."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from network.colour import code_ranges, coefficients, forward_matrix, green_blue_red, luma_and_chroma
from network.planes import Layout, Matrix, PlaneSpec

# Codes of colour bars at 100 %, as ITU-R BT.601, BT.709 and BT.2020 list them (8 bits but for the last).
BARS = {
    (Matrix.BT601, 8, "white"): (235, 128, 128),
    (Matrix.BT601, 8, "yellow"): (210, 16, 146),
    (Matrix.BT601, 8, "red"): (81, 90, 240),
    (Matrix.BT601, 8, "blue"): (41, 240, 110),
    (Matrix.BT709, 8, "white"): (235, 128, 128),
    (Matrix.BT709, 8, "yellow"): (219, 16, 138),
    (Matrix.BT709, 8, "red"): (63, 102, 240),
    (Matrix.BT709, 8, "blue"): (32, 240, 118),
    (Matrix.BT2020, 10, "white"): (940, 512, 512),
    (Matrix.BT2020, 10, "red"): (294, 387, 960),
    (Matrix.BT2020, 10, "black"): (64, 512, 512),
}
COLOURS = {
    "black": (0, 0, 0),
    "white": (1, 1, 1),
    "yellow": (1, 1, 0),
    "red": (1, 0, 0),
    "blue": (0, 0, 1),
}


@pytest.mark.parametrize(("key", "codes"), BARS.items(), ids=str)
def test_bars_have_the_codes_of_the_standard(key: tuple[Matrix, int, str], codes: tuple[int, int, int]) -> None:
    matrix, depth, colour = key
    numbers = coefficients(PlaneSpec(2, 2, depth=depth, matrix=matrix))
    rgb = numbers.to_rgb @ np.array(codes, np.float32) + numbers.offset
    assert np.allclose(rgb, COLOURS[colour], atol=1.2 / (219 << (depth - 8)) * 2)
    black = coefficients(PlaneSpec(2, 2, depth=depth, matrix=matrix)).from_rgb @ np.array(COLOURS[colour])
    zero = np.array([16, 128, 128]) << (depth - 8)
    assert tuple(np.round(black + zero).astype(int)) == codes


@pytest.mark.parametrize("depth", [8, 9, 10, 12, 14, 16])
@pytest.mark.parametrize("matrix", [Matrix.BT601, Matrix.BT709, Matrix.BT2020])
def test_full_range_spans_every_code(matrix: Matrix, depth: int) -> None:
    numbers = coefficients(PlaneSpec(2, 2, depth=depth, matrix=matrix, full_range=True))
    top, middle = (1 << depth) - 1, 1 << (depth - 1)
    assert np.allclose(numbers.to_rgb @ [top, middle, middle] + numbers.offset, 1, atol=1e-5)
    assert np.allclose(numbers.to_rgb @ [0, middle, middle] + numbers.offset, 0, atol=1e-5)
    assert np.allclose(numbers.from_rgb @ [1, 1, 1], [top, 0, 0], atol=1e-2)
    assert numbers.maximum == top


def test_rgb_planes_are_green_blue_red() -> None:
    numbers = coefficients(PlaneSpec(2, 2, Layout.YUV444P, matrix=Matrix.RGB, full_range=True))
    assert np.allclose(numbers.to_rgb @ [10, 20, 30] * 255, [30, 10, 20], atol=1e-4)
    limited = coefficients(PlaneSpec(2, 2, Layout.YUV444P, matrix=Matrix.RGB))
    assert np.allclose(limited.to_rgb @ [235, 16, 16] + limited.offset, [0, 1, 0], atol=1e-6)


def test_p010_words_are_codes_in_the_high_bits() -> None:
    words = coefficients(PlaneSpec(2, 2, Layout.NV12, depth=10))
    codes = coefficients(PlaneSpec(2, 2, Layout.YUV420P, depth=10))
    assert np.allclose(words.to_rgb * 64, codes.to_rgb)
    assert (float(words.step), float(words.maximum)) == (64, 1023 * 64)
    assert (float(codes.step), float(codes.maximum)) == (1, 1023)


@pytest.mark.parametrize("matrix", [Matrix.BT601, Matrix.BT709, Matrix.BT2020])
def test_grey_is_luma(matrix: Matrix) -> None:
    numbers = coefficients(PlaneSpec(2, 2, Layout.GRAY, matrix=matrix))
    assert numbers.to_rgb.shape == (3, 1)
    assert np.allclose(numbers.to_rgb[:, 0] * 235 + numbers.offset, 1, atol=1e-6)
    assert np.allclose(numbers.from_rgb @ [1, 1, 1], [219])


def test_ranges_are_those_of_the_standard() -> None:
    limited, full = (code_ranges(10, full_range=full) for full in (False, True))
    assert (limited.luma_zero, limited.luma_zero + limited.luma_range) == (64, 940)
    assert (limited.chroma_zero, limited.chroma_range) == (512, 896)
    assert (full.luma_zero, full.luma_range, full.chroma_zero, full.chroma_range) == (0, 1023, 512, 1023)


def test_rgb_becomes_luma_and_chroma_by_the_matrix_and_comes_back() -> None:
    random = np.random.default_rng(0)
    green, blue, red = (random.random((4, 5), np.float32) for _ in range(3))
    wanted = np.einsum("cr,rhw->chw", forward_matrix(Matrix.BT709), np.stack((red, green, blue)))
    for make in (np.asarray, torch.from_numpy):
        components = luma_and_chroma(*(make(plane) for plane in (green, blue, red)))
        back = green_blue_red(*components)
        assert all(each.dtype in {np.dtype(np.float32), torch.float32} for each in (*components, *back))
        np.testing.assert_allclose(np.stack([np.asarray(each) for each in components]), wanted, atol=1e-6)
        np.testing.assert_allclose(np.stack([np.asarray(each) for each in back]), (green, blue, red), atol=1e-6)
