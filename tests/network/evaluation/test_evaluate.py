"""What networks make of pairs, and its scores."""

from __future__ import annotations

from typing import TYPE_CHECKING

import cv2
import numpy as np
import pytest
import torch
from torch import Tensor, nn

from network.data.datasets import find_pairs
from network.data.pairs import read_picture
from network.errors import DataError
from network.evaluation.evaluate import Candidate, Sample, deblur_picture, deblur_samples, read_samples, score
from network.evaluation.metrics import brightness, detail_psnr, psnr, ssim
from network.models.idc_video import IDCVideo
from network.models.identity import Identity

if TYPE_CHECKING:
    from pathlib import Path


SMALL = (8, 8, 8)


class Darker(nn.Module):
    """Takes three codes off, as far as the deviation asks for."""

    def __init__(self, codes: float = 3.0) -> None:
        super().__init__()
        self.codes = codes

    def forward(self, image: Tensor) -> Tensor:
        return image - self.codes / 255


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


def test_pairs_are_read_with_their_sequences(data_set: Path) -> None:
    samples = list(read_samples(find_pairs(data_set)))
    assert [(sample.name, sample.sequence) for sample in samples] == [
        ("000/0000", "000"), ("000/0001", "000"), ("001/0000", "001"), ("001/0001", "001"),
    ]  # fmt: skip
    assert np.array_equal(samples[3].sharp, read_picture(data_set / "001" / "sharp" / "0001.png"))
    assert np.array_equal(samples[3].blurred, read_picture(data_set / "001" / "blur" / "0001.png"))


def test_every_candidate_is_scored_on_every_pair(data_set: Path) -> None:
    candidates = [Candidate("nothing", Identity()), Candidate("darker", Darker())]
    results = list(deblur_samples(candidates, read_samples(find_pairs(data_set))))
    assert len(results) == 4
    for result in results:
        nothing, darker = score(result, candidates)
        sample = result.sample
        assert (nothing.candidate, darker.candidate) == ("nothing", "darker")
        assert nothing.gain == 0
        assert nothing.psnr == nothing.blurred_psnr == darker.blurred_psnr == psnr(sample.blurred, sample.sharp)
        assert nothing.ssim == nothing.blurred_ssim == darker.blurred_ssim == ssim(sample.blurred, sample.sharp)
        expected = np.clip(sample.blurred.astype(int) - 3, 0, 255).astype(np.uint8)
        assert np.array_equal(result.outputs[1], expected)
        assert darker.psnr == psnr(expected, sample.sharp)
        assert darker.ssim == ssim(expected, sample.sharp)
        assert darker.gain == darker.psnr - darker.blurred_psnr
        assert darker.blurred_detail == nothing.detail == detail_psnr(sample.blurred, sample.sharp)
        assert darker.detail == detail_psnr(expected, sample.sharp)
        assert darker.detail_gain == darker.detail - darker.blurred_detail
        assert darker.brightness == brightness(expected, sample.sharp)
        assert darker.blurred_brightness == brightness(sample.blurred, sample.sharp)
        assert darker.frames == nothing.frames == 1
        assert min(result.seconds) > 0
        assert (nothing.seconds, darker.seconds) == result.seconds


def test_a_picture_is_rounded_not_truncated() -> None:
    picture = np.random.default_rng(2).integers(0, 256, (17, 19, 3), dtype=np.uint8)
    assert np.array_equal(deblur_picture(IDCVideo(SMALL, 1).eval(), picture), picture)
    assert np.array_equal(deblur_picture(Darker(0.4), picture), picture)
    assert np.array_equal(deblur_picture(Darker(0.6), picture), np.maximum(picture, 1) - 1)


def test_what_is_out_of_range_is_clamped() -> None:
    picture = np.array([0, 128, 255], np.uint8).reshape(1, 1, 3).repeat(12, 0)
    assert deblur_picture(Darker(200), picture)[0, 0].tolist() == [0, 0, 55]
    assert deblur_picture(Darker(-200), picture)[0, 0].tolist() == [200, 255, 255]


def test_a_sharp_input_that_stays_sharp_gains_nothing_rather_than_nonsense() -> None:
    picture = np.random.default_rng(2).integers(3, 256, (17, 19, 3), dtype=np.uint8)
    candidates = [Candidate("nothing", Identity()), Candidate("darker", Darker())]
    (result,) = deblur_samples(candidates, [Sample("sharp", picture, picture)])
    nothing, darker = score(result, candidates)
    assert nothing.psnr == float("inf")
    assert nothing.gain == 0
    assert darker.gain == -float("inf")


def test_a_pair_too_small_for_ssim_is_named(tmp_path: Path) -> None:
    for side in ("blur", "sharp"):
        (tmp_path / side).mkdir()
        cv2.imwrite(str(tmp_path / side / "a.png"), np.zeros((10, 40, 3), np.uint8))
    with pytest.raises(DataError, match="pair a is 40x10; SSIM needs at least 11x11"):
        list(read_samples(find_pairs(tmp_path)))


@pytest.mark.gpu
def test_a_cuda_device_gives_what_the_processor_gives() -> None:
    torch.manual_seed(0)
    network = IDCVideo(SMALL, 1).eval()
    with torch.no_grad():
        nn.init.normal_(network.exit.weight, 0, 0.5)
    rng = np.random.default_rng(2)
    pictures = [rng.integers(0, 256, (61, 70, 3), dtype=np.uint8) for _ in range(3)]
    samples = [Sample(f"{index}", picture, picture, "one") for index, picture in enumerate(pictures)]
    candidates = [Candidate("idc-video", network)]
    expected = [result.outputs[0].astype(int) for result in deblur_samples(candidates, samples)]
    network.to("cuda")
    for result, wanted in zip(deblur_samples(candidates, samples, "cuda"), expected, strict=True):
        assert np.abs(result.outputs[0] - wanted).max() <= 1
        assert result.seconds[0] > 0
