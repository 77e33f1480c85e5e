"""The blur estimate on pictures whose blur is known."""

from __future__ import annotations

import numpy as np
import pytest

from pipeline.runner.sharpness import blur_estimate


def texture(height: int = 360, width: int = 640, seed: int = 0) -> np.ndarray:
    """Patches with hard edges, of many sizes: a sharp picture."""
    rng = np.random.default_rng(seed)
    picture = np.zeros((height, width))
    for _ in range(900):
        top, left = rng.integers(0, height), rng.integers(0, width)
        picture[top : top + rng.integers(4, 60), left : left + rng.integers(4, 60)] = rng.uniform(20, 235)
    return picture


def moved(picture: np.ndarray, pixels: int, axis: int) -> np.ndarray:
    """Blurred by a motion along an axis."""
    return np.mean([np.roll(picture, shift, axis) for shift in range(pixels)], axis=0)


def codes(picture: np.ndarray, depth: int = 8) -> np.ndarray:
    return np.rint(picture * (1 << (depth - 8))).astype(np.uint8 if depth == 8 else np.uint16)


@pytest.mark.parametrize("axis", [0, 1])
def test_the_longer_the_motion_the_higher_the_estimate(axis: int) -> None:
    picture = texture()
    found = [blur_estimate(codes(moved(picture, pixels, axis))) for pixels in (1, 2, 4, 8)]
    assert found == sorted(found)
    assert found[0] < 0.2
    assert found[2] > 0.6
    assert all(0 <= value <= 1 for value in found)


def test_blur_in_a_part_of_the_picture_counts() -> None:
    sharp = texture()
    partly = sharp.copy()
    partly[:, :320] = moved(sharp, 8, 1)[:, :320]
    assert blur_estimate(codes(partly)) > blur_estimate(codes(sharp)) + 0.3


def test_diagonal_motion_is_seen() -> None:
    picture = texture()
    blurred = np.mean([np.roll(picture, (shift, -shift), (0, 1)) for shift in range(7)], axis=0)
    assert blur_estimate(codes(blurred)) > 0.6


def test_depth_does_not_matter() -> None:
    picture = moved(texture(), 3, 1)
    eight, ten = blur_estimate(codes(picture)), blur_estimate(codes(picture, 10), 10)
    assert ten == pytest.approx(eight, abs=0.02)


@pytest.mark.parametrize("size", [(1, 1), (2, 3), (7, 7), (31, 500), (33, 33), (720, 9)])
def test_any_size_is_taken(size: tuple[int, int]) -> None:
    rng = np.random.default_rng(1)
    assert 0 <= blur_estimate(rng.integers(0, 256, size, dtype=np.uint8)) <= 1


def test_a_picture_without_detail_may_be_blurred_beyond_it() -> None:
    rng = np.random.default_rng(2)
    assert blur_estimate(np.full((90, 160), 77, np.uint8)) == 1
    assert blur_estimate(rng.integers(100, 103, (90, 160), dtype=np.uint8)) == 1  # noise alone


def test_only_a_part_of_the_samples_is_read() -> None:
    """What lies between the blocks changes nothing, which is what makes the estimate cheap."""
    picture = codes(texture(720, 1280))
    altered, found = picture.copy(), blur_estimate(picture)
    unread = np.zeros(picture.shape, bool)
    for row in range(0, 720, 16):
        trial = picture.copy()
        trial[row : row + 16] = 255 * (np.arange(1280) % 2)
        unread[row : row + 16] = blur_estimate(trial) == found
    altered[unread] = 0
    assert unread.mean() > 0.3
    assert blur_estimate(altered) == found
