"""Scores: conventions, files, and refusals."""

from __future__ import annotations

import csv
import json
from typing import TYPE_CHECKING

import cv2
import numpy as np
import pytest
from skimage.metrics import peak_signal_noise_ratio, structural_similarity

from network.datasets import find_pairs
from network.errors import DataError
from network.evaluate import deblur_picture, evaluate, markdown, mean, write_scores
from network.idc_rt import IDCRealTime
from network.identity import Identity
from network.metrics import psnr, ssim
from network.pairs import read_pair

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture
def data_set(tmp_path: Path) -> Path:
    rng = np.random.default_rng(0)
    for sequence in ("000", "001"):
        for frame in range(2):
            sharp = cv2.resize(rng.integers(0, 256, (8, 10, 3), dtype=np.uint8), (40, 32))
            for side, picture in (("sharp", sharp), ("blur", cv2.GaussianBlur(sharp, (0, 0), 2))):
                folder = tmp_path / sequence / side
                folder.mkdir(parents=True, exist_ok=True)
                cv2.imwrite(str(folder / f"{frame:04d}.png"), picture)
    return tmp_path


def test_psnr_and_ssim_agree_with_scikit_image() -> None:
    rng = np.random.default_rng(1)
    first = rng.integers(0, 256, (40, 50, 3), dtype=np.uint8)
    second = np.clip(first + rng.normal(0, 20, first.shape), 0, 255).astype(np.uint8)
    assert psnr(first, second) == pytest.approx(peak_signal_noise_ratio(first, second), abs=1e-4)
    expected = structural_similarity(
        first, second, channel_axis=2, gaussian_weights=True, sigma=1.5, use_sample_covariance=False, win_size=11
    )
    assert ssim(first, second) == pytest.approx(expected, abs=1e-4)
    assert psnr(first, first) == float("inf")


def test_a_network_that_does_nothing_gains_nothing(data_set: Path, tmp_path: Path) -> None:
    scores = list(evaluate(Identity(), find_pairs(data_set)))
    assert [score.name for score in scores] == [
        "000/0000", "000/0001", "001/0000", "001/0001",
    ]  # fmt: skip
    assert all(score.gain == 0 and score.psnr == score.blurred_psnr for score in scores)
    total = mean(scores)
    assert total.psnr == pytest.approx(np.mean([score.psnr for score in scores]))
    assert f"| {total.blurred_psnr:.2f} | {total.psnr:.2f} | +0.00 | +0.00 |" in markdown(scores, "set")
    out = tmp_path / "scores"
    write_scores(scores, out)
    with (out / "scores.csv").open(encoding="utf-8", newline="") as file:
        assert [float(row["psnr"]) for row in csv.DictReader(file)] == [score.psnr for score in scores]
    assert json.loads((out / "scores.json").read_text(encoding="utf-8"))["mean"]["psnr"] == pytest.approx(total.psnr)


def test_a_picture_is_rounded_not_truncated() -> None:
    picture = np.random.default_rng(2).integers(0, 256, (17, 19, 3), dtype=np.uint8)
    assert np.array_equal(deblur_picture(IDCRealTime().eval(), picture), picture)


def test_a_picture_without_partner_is_named(data_set: Path) -> None:
    (data_set / "001" / "sharp" / "0001.png").unlink()
    with pytest.raises(DataError, match=r"001.blur.0001 has no partner"):
        find_pairs(data_set)


def test_sides_of_different_size_are_named(data_set: Path) -> None:
    cv2.imwrite(str(data_set / "000" / "blur" / "0000.png"), np.zeros((8, 8, 3), np.uint8))
    with pytest.raises(DataError, match=r"000/0000: the blurred side is 8x8, the sharp side 40x32"):
        read_pair(find_pairs(data_set)[0])


def test_an_unreadable_picture_is_named(data_set: Path) -> None:
    (data_set / "000" / "blur" / "0000.png").write_bytes(b"no picture")
    with pytest.raises(DataError, match=r"0000\.png can't be read"):
        read_pair(find_pairs(data_set)[0])


def test_a_folder_without_pairs_is_refused(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="no folder 'blur'"):
        find_pairs(tmp_path)
