"""Sharp pictures pass; blurred, moved and enlarged ones do not, with noise or without."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import cv2
import numpy as np
import pytest

from network.data.pairs import read_picture
from network.synth.sharp_filter import is_sharp, sharpness

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    Picture = np.ndarray


def _moved(picture: Picture, angle: float, length: int = 5) -> Picture:
    impulse = np.zeros((2 * length + 5, 2 * length + 5), np.float32)
    impulse[length + 2, length + 2] = 1
    kernel = np.zeros_like(impulse)
    for place in np.linspace(-length / 2, length / 2, 41):
        shift = np.float32([[1, 0, place * np.cos(angle)], [0, 1, place * np.sin(angle)]])
        kernel += cv2.warpAffine(impulse, shift, impulse.shape, flags=cv2.INTER_CUBIC) / 41
    # One filter is what 41 shifted copies of the whole picture add up to.
    return cv2.filter2D(picture, -1, np.ascontiguousarray(kernel[::-1, ::-1]), borderType=cv2.BORDER_REFLECT)


def _enlarged(picture: Picture, interpolation: int = cv2.INTER_CUBIC) -> Picture:
    height, width = picture.shape[:2]
    small = cv2.resize(picture, (width // 2, height // 2), interpolation=cv2.INTER_AREA)
    return cv2.resize(small, (width, height), interpolation=interpolation)


def _noisy(picture: Picture, deviation: float) -> Picture:
    noise = np.random.default_rng(0).normal(0, deviation, picture.shape)
    return np.clip(np.rint(picture + noise), 0, 255).astype(np.uint8)


@pytest.mark.parametrize("noise", [0.0, 3.0, 8.0])
def test_blur_is_told_from_detail_under_noise(natural: Callable[[int], Picture], noise: float) -> None:
    for seed in range(3):
        picture = natural(seed)
        assert is_sharp(_noisy(picture, noise))
        assert not is_sharp(_noisy(cv2.GaussianBlur(picture, (0, 0), 1.5), noise))
        for angle in (0, 45, 100, 160):
            assert not is_sharp(_noisy(_moved(picture, math.radians(angle)), noise)), angle


@pytest.mark.parametrize("interpolation", [cv2.INTER_LINEAR, cv2.INTER_CUBIC, cv2.INTER_LANCZOS4])
def test_an_enlarged_picture_is_not_sharp(natural: Callable[[int], Picture], interpolation: int) -> None:
    picture = _enlarged(natural(0), interpolation)
    assert not is_sharp(picture)
    assert sharpness(picture) < sharpness(natural(0)) / 3


def test_a_background_out_of_focus_does_no_harm(natural: Callable[[int], Picture]) -> None:
    picture = natural(1)
    picture[:, 128:] = cv2.GaussianBlur(picture, (0, 0), 4)[:, 128:]
    assert is_sharp(picture)


def test_where_there_is_nothing_to_see_nothing_is_sharp() -> None:
    flat = np.full((200, 200, 3), 90, np.uint8)
    assert math.isnan(sharpness(flat))
    assert not is_sharp(flat)
    assert not is_sharp(_noisy(flat, 6))
    assert math.isnan(sharpness(np.zeros((63, 500, 3), np.uint8)))


def _shares(photos: list[Path]) -> dict[str, float]:
    passed = {"sharp": 0, "blurred": 0, "moved": 0, "enlarged": 0, "blurred and noisy": 0, "moved and noisy": 0}
    rng = np.random.default_rng(0)
    for path in photos:
        picture = read_picture(path)
        blurred, moved = cv2.GaussianBlur(picture, (0, 0), 1.5), _moved(picture, rng.uniform(0, np.pi))
        versions = (picture, blurred, moved, _enlarged(picture), _noisy(blurred, 8), _noisy(moved, 8))
        for name, version in zip(passed, versions, strict=True):
            passed[name] += is_sharp(version)
    return {name: count / len(photos) for name, count in passed.items()}


@pytest.mark.slow
def test_photographs_pass_and_their_blurred_copies_fail(photos_of_data: list[Path]) -> None:
    photos = photos_of_data[::40]
    shares = _shares(photos)
    assert shares.pop("sharp") >= 0.85  # at most one of eight
    assert max(shares.pop("moved"), shares.pop("moved and noisy")) <= 1 / len(photos)
    assert max(shares.values()) == 0, shares


@pytest.mark.slow
@pytest.mark.timeout(1800)
def test_the_shares_of_the_docstring_hold(photos_of_data: list[Path]) -> None:
    shares = _shares(photos_of_data)
    assert shares.pop("sharp") > 0.98
    assert shares.pop("enlarged") < 0.05
    assert max(shares.pop("moved"), shares.pop("moved and noisy")) < 0.09
    assert shares.keys() == {"blurred", "blurred and noisy"}
    assert max(shares.values()) < 0.01, shares
