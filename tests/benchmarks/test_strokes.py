"""Blur of a known length."""

from __future__ import annotations

from typing import TYPE_CHECKING

import cv2
import numpy as np
import pytest
from strokes import codes_of, kernel, light_of, photographs, stroked, strokes

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture
def photos(tmp_path: Path) -> Path:
    rng = np.random.default_rng(0)
    for number in range(2):
        cv2.imwrite(str(tmp_path / f"{number}.png"), rng.integers(0, 256, (60, 80, 3), dtype=np.uint8))
    return tmp_path


@pytest.mark.parametrize("length", [4, 9, 32])
@pytest.mark.parametrize("angle", [0.0, 0.7, np.pi / 2])
def test_a_stroke_has_its_length_and_direction(length: int, angle: float) -> None:
    weights = kernel(length, angle)
    assert weights.sum() == pytest.approx(1)
    reach = weights.shape[0] // 2
    places = np.arange(-reach, reach + 1)
    assert weights.sum(0) @ places == pytest.approx(0, abs=1e-4)
    assert weights.sum(1) @ places == pytest.approx(0, abs=1e-4)
    # A line of even weight varies by its squared length over 12; reading between pixels adds up to a quarter.
    along = np.add.outer(places * np.sin(angle), places * np.cos(angle))
    across = np.add.outer(places * np.cos(angle), -places * np.sin(angle))
    assert (weights * along**2).sum() == pytest.approx(length**2 / 12, abs=0.35)
    assert (weights * across**2).sum() < 0.26


def test_light_and_codes_are_each_others_inverse() -> None:
    codes = np.arange(256, dtype=np.uint8)
    assert np.array_equal(codes_of(light_of(codes)), codes)
    assert light_of(codes)[[0, 188, 255]] == pytest.approx([0, 0.5028, 1], abs=1e-3)


def test_light_is_averaged_and_not_codes() -> None:
    sharp = np.zeros((60, 200, 3), np.uint8)
    sharp[:, 100:] = 255
    sample = stroked("edge", light_of(sharp), 20, 0.0)
    assert sample.sharp.shape == sample.blurred.shape == (60 - 22, 200 - 22, 3)
    assert np.array_equal(sample.sharp, sharp[11:-11, 11:-11])
    middle = sample.blurred[10, 88:90, 0].mean()  # half of the light
    assert middle == pytest.approx(188, abs=8)
    assert np.count_nonzero((sample.blurred[10, :, 0] > 0) & (sample.blurred[10, :, 0] < 255)) == pytest.approx(
        20, abs=2
    )


def test_pairs_are_the_same_every_time_and_differ_in_angle(photos: Path) -> None:
    first, again, other = list(strokes(photos, 8)), list(strokes(photos, 8)), list(strokes(photos, 8, seed=2))
    assert [sample.name for sample in first] == ["0", "1"]
    for one, two, three in zip(first, again, other, strict=True):
        assert np.array_equal(one.blurred, two.blurred)
        assert not np.array_equal(one.blurred, three.blurred)
        assert np.array_equal(one.sharp, three.sharp)


def test_photographs_are_their_own_truth(photos: Path) -> None:
    for sample in photographs(photos):
        assert np.array_equal(sample.blurred, sample.sharp)
        assert sample.sequence == ""
