"""Tables and files of scores."""

from __future__ import annotations

import csv
import json
from typing import TYPE_CHECKING

import cv2
import numpy as np
import pytest
from torch import Tensor, nn

from network.evaluation.evaluate import CONVENTION, Candidate, Deblurred, Sample
from network.evaluation.metrics import brightness, detail_psnr, psnr, ssim
from network.evaluation.scoreboard import SEEN, TIMING, WARPING, Scoreboard, markdown, write_scores
from network.models.identity import Identity

if TYPE_CHECKING:
    from pathlib import Path


def soft(picture: np.ndarray, sigma: float) -> np.ndarray:
    return np.asarray(cv2.GaussianBlur(picture, (0, 0), sigma), np.uint8)


class Small(nn.Module):
    """108 weights and 3 biases."""

    def __init__(self) -> None:
        super().__init__()
        self.convolution = nn.Conv2d(3, 3, 3, padding=1)
        self.narrow = nn.Conv2d(3, 3, 3, padding=1, bias=False)

    def forward(self, image: Tensor) -> Tensor:
        return self.narrow(self.convolution(image))


CANDIDATES = (Candidate("better", Small()), Candidate("mixed", Identity()))


def results(sizes: tuple[tuple[int, int], ...] = ((40, 60), (40, 60), (40, 60))) -> list[Deblurred]:
    """A pan of three frames, blurred ever more; the first candidate gains, the second loses on one frame."""
    coarse = np.random.default_rng(0).integers(0, 256, (20, 30, 3), dtype=np.uint8)
    wide = cv2.resize(coarse, (120, 80), interpolation=cv2.INTER_CUBIC)
    found = []
    for index, (height, width) in enumerate(sizes):
        sharp = np.ascontiguousarray(wide[10 : 10 + height, 2 * index : 2 * index + width])
        blurred = soft(sharp, 2 + index)
        outputs = (soft(sharp, 1), soft(sharp, 9) if index == 1 else blurred)
        found.append(Deblurred(Sample(f"pan/{index}", blurred, sharp, "pan"), outputs, (10.0 / 10**index, 0.5), (1, 3)))
    return found


def board(shots: list[Deblurred], *, video: bool = False) -> Scoreboard:
    made = Scoreboard(CANDIDATES, video=video)
    for shot in shots:
        made.add(shot)
    return made


def test_rows_are_means_over_images() -> None:
    shots = results()
    blurred, better, mixed = board(shots).rows()
    assert [row.method for row in (blurred, better, mixed)] == ["blurred input", "better", "mixed"]
    before = [psnr(shot.sample.blurred, shot.sample.sharp) for shot in shots]
    after = [[psnr(shot.outputs[index], shot.sample.sharp) for shot in shots] for index in (0, 1)]
    gains = np.subtract(after, before)
    assert blurred.psnr == pytest.approx(np.mean(before))
    assert blurred.ssim == pytest.approx(np.mean([ssim(shot.sample.blurred, shot.sample.sharp) for shot in shots]))
    assert (blurred.gain, blurred.seconds_mean, blurred.parameters, blurred.gmac) == (None, None, None, None)
    for row, values, won in ((better, after[0], gains[0]), (mixed, after[1], gains[1])):
        assert row.psnr == pytest.approx(np.mean(values))
        assert row.gain == pytest.approx(np.mean(won))
        assert row.least_gain == pytest.approx(np.min(won))
    details = [
        [detail_psnr(side, shot.sample.sharp) for side in (shot.sample.blurred, *shot.outputs)] for shot in shots
    ]
    shades = [[brightness(side, shot.sample.sharp) for side in (shot.sample.blurred, *shot.outputs)] for shot in shots]
    for index, row in enumerate((blurred, better, mixed)):
        assert row.detail == pytest.approx(np.mean([found[index] for found in details]))
        assert row.brightness == pytest.approx(np.mean([found[index] for found in shades]))
    assert better.detail_gain == pytest.approx(better.detail - blurred.detail)
    assert (blurred.frames, better.frames, mixed.frames) == (None, 1, 3)
    assert better.ssim == pytest.approx(np.mean([ssim(shot.outputs[0], shot.sample.sharp) for shot in shots]))
    assert (better.made_worse, mixed.made_worse) == (0, 1)
    assert better.least_gain is not None
    assert mixed.least_gain is not None
    assert better.least_gain > 0 > mixed.least_gain


def test_an_image_counts_as_worse_from_a_tenth_of_a_decibel_on() -> None:
    sharp = np.full((40, 60, 3), 100, np.uint8)
    blurred = sharp.copy()
    blurred[:20] += 4
    made = Scoreboard(CANDIDATES)
    for rows in (20, 21):  # 0, and 0.21 dB
        output = sharp.copy()
        output[:rows] += 4
        made.add(Deblurred(Sample("a", blurred, sharp), (output, blurred), (1.0, 1.0), (1, 1)))
    slightly = blurred.copy()
    slightly[20, :20] += 4  # 0.07 dB
    made.add(Deblurred(Sample("b", blurred, sharp), (slightly, blurred), (1.0, 1.0), (1, 1)))
    _, first, second = made.rows()
    assert (first.made_worse, second.made_worse) == (1, 0)
    assert [score.gain < 0 for score in made.scores[::2]] == [False, True, True]


def test_the_first_image_is_left_out_of_times_as_warm_up() -> None:
    row = board(results()).rows()[1]
    assert row.seconds_mean == pytest.approx((1.0 + 0.1) / 2)
    assert row.seconds_median == pytest.approx((1.0 + 0.1) / 2)
    shots = [*results(), *results()]
    row = board(shots).rows()[1]
    assert row.seconds_median == pytest.approx(1.0)
    assert row.seconds_mean == pytest.approx((1.0 + 0.1 + 10.0 + 1.0 + 0.1) / 5)


def test_the_time_of_an_only_image_is_told() -> None:
    row = board(results()[:1]).rows()[1]
    assert (row.seconds_median, row.seconds_mean) == (10.0, 10.0)


def test_costs_are_those_of_the_images_scored() -> None:
    better, mixed = board(results(((40, 60), (20, 30), (40, 60)))).rows()[1:]
    assert (better.parameters, mixed.parameters) == (81 + 3 + 81, 0)
    a_pixel = 2 * 3 * 3 * 9
    assert better.gmac == pytest.approx(a_pixel * (40 * 60 * 2 + 20 * 30) / 3 / 1e9)
    assert mixed.gmac == 0


def test_the_table_has_a_row_a_method() -> None:
    made = board(results())
    lines = markdown(made.rows(), "pan: 3 images, cpu").splitlines()
    assert lines[0] == "pan: 3 images, cpu"
    table = [[cell.strip() for cell in line.strip("|").split("|")] for line in lines if line.startswith("|")]
    assert table[0] == [
        "method", "frames", "PSNR", "gain", "least gain", "worse by 0.1 dB", "detail", "detail gain", "SSIM",
        "brightness", "s/image", "parameters", "GMAC/image",
    ]  # fmt: skip
    assert {len(row) for row in table} == {13}
    blurred, better, _ = made.rows()
    assert table[2] == [
        "blurred input", "", f"{blurred.psnr:.2f}", "", "", "", f"{blurred.detail:.2f}", "", f"{blurred.ssim:.4f}",
        f"{blurred.brightness:+.2f}", "", "", "",
    ]  # fmt: skip
    assert table[3] == [
        "better", "1.00", f"{better.psnr:.2f}", f"{better.gain:+.2f}", f"{better.least_gain:+.2f}", "0",
        f"{better.detail:.2f}", f"{better.detail_gain:+.2f}", f"{better.ssim:.4f}", f"{better.brightness:+.2f}",
        "0.550", "165", "0.0",
    ]  # fmt: skip
    assert table[4][5] == "1"
    assert SEEN in lines[-1]
    assert CONVENTION in lines[-1]
    assert TIMING in lines[-1]
    assert WARPING not in lines[-1]


def test_sequences_add_the_ground_truth_and_how_steady_each_version_is() -> None:
    made = board(results(), video=True)
    rows = {row.method: row for row in made.rows()}
    assert list(rows) == ["blurred input", "better", "mixed", "ground truth"]
    found = made.steadiness["pan"]
    sharp = found["ground truth"].warping_error
    for name, row in rows.items():
        assert row.warping_error == found[name].warping_error
        assert row.warping_excess == (None if name == "ground truth" else found[name].warping_error - sharp)
        assert row.flicker == found[name].flicker
    assert sharp < found["mixed"].warping_error  # its middle frame is blurred out of all likeness
    text = markdown(made.rows(), "pan")
    assert "| warping error | excess | flicker |" in text
    assert f"| {sharp:.2e} |  | {rows['ground truth'].flicker:.2f} |" in text
    assert WARPING in text


def test_pictures_without_order_have_no_warping_error() -> None:
    shots = [
        Deblurred(Sample(shot.sample.name, shot.sample.blurred, shot.sample.sharp), shot.outputs, shot.seconds, (1, 1))
        for shot in results()
    ]
    made = board(shots, video=True)
    assert made.steadiness == {}
    assert [row.method for row in made.rows()] == ["blurred input", "better", "mixed"]


def test_files_hold_a_row_an_image_and_network(tmp_path: Path) -> None:
    made = board(results(), video=True)
    write_scores(made, tmp_path / "scores", {"device": "cpu"})
    with (tmp_path / "scores" / "scores.csv").open(encoding="utf-8", newline="") as file:
        read = list(csv.DictReader(file))
    assert [(row["name"], row["sequence"], row["candidate"]) for row in read] == [
        (f"pan/{index}", "pan", name) for index in range(3) for name in ("better", "mixed")
    ]
    assert [float(row["psnr"]) for row in read] == [score.psnr for score in made.scores]
    assert [float(row["gain"]) for row in read] == [score.gain for score in made.scores]
    assert [float(row["detail_gain"]) for row in read] == [score.detail_gain for score in made.scores]
    summary = json.loads((tmp_path / "scores" / "scores.json").read_text(encoding="utf-8"))
    assert summary["device"] == "cpu"
    assert [row["method"] for row in summary["rows"]] == ["blurred input", "better", "mixed", "ground truth"]
    assert summary["rows"][1]["gain"] == made.rows()[1].gain
    assert [image["ssim"] for image in summary["images"]] == [score.ssim for score in made.scores]
    steadiness = summary["sequences"]["pan"]["better"]
    assert steadiness["warping_error"] == made.steadiness["pan"]["better"].warping_error
    assert steadiness["flicker"] == made.steadiness["pan"]["better"].flicker


def test_no_table_without_images() -> None:
    with pytest.raises(ValueError, match="at least one sample"):
        Scoreboard(CANDIDATES).rows()
