"""Metrics against scikit-image, and against their formulas written out."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.lib.stride_tricks import sliding_window_view
from skimage.metrics import peak_signal_noise_ratio, structural_similarity

from network.evaluation.metrics import brightness, detail_psnr, mean_luma, psnr, ssim

Picture = np.ndarray


def pictures(noise: float = 20.0, shape: tuple[int, int, int] = (40, 50, 3)) -> tuple[Picture, Picture]:
    """A smooth picture and a noisy one: SSIM must be neither close to 0 nor to 1."""
    rng = np.random.default_rng(1)
    height, width, colours = shape
    first = 128 + 90 * np.sin(np.arange(height)[:, None, None] / 5 + np.arange(colours)) * np.cos(
        np.arange(width)[:, None] / 7
    )
    second = np.clip(first + rng.normal(0, noise, shape), 0, 255)
    return first.round().astype(np.uint8), second.round().astype(np.uint8)


def ssim_of_one_channel(first: Picture, second: Picture) -> float:
    """Equation 13 of Wang et al. 2004 over every 11x11 window that lies in the picture."""
    axis = np.arange(-5, 6)
    kernel = np.exp(-(axis[:, None] ** 2 + axis**2) / (2 * 1.5**2))
    kernel /= kernel.sum()
    x, y = (sliding_window_view(side.astype(np.float64), (11, 11)) for side in (first, second))

    def average(windows: Picture) -> Picture:
        return np.einsum("hwij,ij->hw", windows, kernel)

    mean_x, mean_y = average(x), average(y)
    variance_x, variance_y = average(x**2) - mean_x**2, average(y**2) - mean_y**2
    covariance = average(x * y) - mean_x * mean_y
    c1, c2 = (0.01 * 255) ** 2, (0.03 * 255) ** 2
    similarity = ((2 * mean_x * mean_y + c1) * (2 * covariance + c2)) / (
        (mean_x**2 + mean_y**2 + c1) * (variance_x + variance_y + c2)
    )
    return float(similarity.mean())


@pytest.mark.parametrize("noise", [1.0, 20.0, 80.0])
def test_psnr_agrees_with_scikit_image(noise: float) -> None:
    first, second = pictures(noise)
    assert psnr(first, second) == pytest.approx(peak_signal_noise_ratio(first, second), abs=1e-4)


def test_psnr_of_a_known_error() -> None:
    black = np.zeros((12, 12, 3), np.uint8)
    off = black.copy()
    off[..., 0] = 30  # a mean squared error of 300, which 8-bit arithmetic would get wrong
    assert psnr(black, off) == pytest.approx(10 * np.log10(255**2 / 300), abs=1e-9)
    assert psnr(off, black) == psnr(black, off)
    assert psnr(black, black) == float("inf")


@pytest.mark.parametrize("noise", [1.0, 20.0, 80.0])
def test_ssim_agrees_with_its_formula_and_with_scikit_image(noise: float) -> None:
    first, second = pictures(noise)
    by_formula = np.mean([ssim_of_one_channel(first[..., channel], second[..., channel]) for channel in range(3)])
    assert ssim(first, second) == pytest.approx(by_formula, abs=1e-4)
    by_library = structural_similarity(
        first, second, channel_axis=2, gaussian_weights=True, sigma=1.5, use_sample_covariance=False, win_size=11
    )
    assert ssim(first, second) == pytest.approx(by_library, abs=1e-4)
    assert 0.02 < ssim(first, second) < 0.999


def test_ssim_with_other_settings_would_be_noticed() -> None:
    first, second = pictures()
    uniform = structural_similarity(first, second, channel_axis=2)
    sample = structural_similarity(first, second, channel_axis=2, gaussian_weights=True, sigma=1.5)
    grey = ssim_of_one_channel(first.mean(axis=2), second.mean(axis=2))
    assert all(abs(ssim(first, second) - other) > 1e-4 for other in (uniform, sample, grey))


def test_detail_counts_no_brightness() -> None:
    sharp, noisy = pictures(noise=6.0, shape=(200, 240, 3))
    noisy = np.clip(noisy, 0, 235)
    brighter = noisy + np.uint8(20)
    tinted = noisy.copy()
    tinted[..., 2] += np.uint8(20)
    expected = detail_psnr(noisy, sharp)
    assert expected == pytest.approx(psnr(noisy, sharp), abs=0.1)
    assert psnr(brighter, sharp) < expected - 8
    for changed in (brighter, tinted):
        assert detail_psnr(changed, sharp) == pytest.approx(expected, abs=0.05)
    assert detail_psnr(sharp, sharp) == float("inf")


def test_detail_counts_what_is_about_as_small_as_blur() -> None:
    grey = np.full((128, 256, 3), 128, np.uint8)

    def wave(length: int) -> Picture:
        across = 40 * np.sin(2 * np.pi * np.arange(256) / length)
        return np.broadcast_to((128 + across).round().astype(np.uint8)[:, None], grey.shape)

    assert detail_psnr(wave(16), grey) == pytest.approx(psnr(wave(16), grey), abs=0.2)
    assert detail_psnr(wave(256), grey) > psnr(wave(256), grey) + 15


def test_brightness_is_signed_and_in_codes() -> None:
    sharp, _ = pictures()
    assert brightness(np.minimum(sharp, 200) + np.uint8(7), np.minimum(sharp, 200)) == pytest.approx(7)
    assert brightness(sharp, sharp) == 0
    assert brightness(np.zeros_like(sharp), sharp) == pytest.approx(-sharp.mean())


def test_mean_luma_weighs_colours_as_bt709_does() -> None:
    for channel, weight in enumerate((0.2126, 0.7152, 0.0722)):
        picture = np.zeros((3, 5, 3), np.uint8)
        picture[..., channel] = 200
        assert mean_luma(picture) == pytest.approx(200 * weight)
