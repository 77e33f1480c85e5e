"""The calibration of --skip-sharp: its arithmetic by hand, and one whole run on tiny data."""

from __future__ import annotations

import json
import math
from typing import TYPE_CHECKING
from xml.etree import ElementTree as ET

import cv2
import numpy as np
import pytest
import skip_sharp
from skip_sharp import Judged, curve_of, luma_of, recommend

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = pytest.mark.timeout(120)


def at(points: list[skip_sharp.Point], threshold: float) -> skip_sharp.Point:
    return next(point for point in points if point.threshold == threshold)


def test_the_curve_is_that_of_the_pictures_that_pass() -> None:
    points = curve_of([Judged(0.2, 30.0, 31.0), Judged(0.5, 28.0, 32.0)])
    assert (at(points, 0.1).share, at(points, 0.1).loss) == (0.0, 0.0)
    assert (at(points, 0.2).share, at(points, 0.2).psnr, at(points, 0.2).loss) == (0.5, 31.0, 0.5)
    assert (at(points, 0.5).share, at(points, 0.5).loss) == (1.0, 2.5)
    harmless = curve_of([Judged(0.3, math.inf, 50.0)])
    assert at(harmless, 0.3).loss == -math.inf


def test_the_worst_set_decides_and_a_dip_behind_a_loss_does_not_count() -> None:
    mild = curve_of([Judged(0.6, 30.0, 30.5)])
    harsh = curve_of([Judged(0.3, 30.0, 31.0), Judged(0.4, 33.0, 30.0)])
    assert recommend([mild], 0.1) == 0.59
    assert recommend([mild, harsh], 0.1) == 0.29
    assert recommend([mild, harsh], 0.6) == 1.0
    assert recommend([curve_of([Judged(0.0, 30.0, 31.0)])], 0.1) == 0.0


def test_luma_of_grey_is_its_code() -> None:
    picture = np.random.default_rng(0).integers(0, 256, (24, 40, 3), dtype=np.uint8)
    assert np.array_equal(luma_of(np.repeat(picture[..., :1], 3, axis=2)), picture[..., 0])


def test_a_run_writes_curves_and_a_threshold(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder = tmp_path / "eval"
    rng = np.random.default_rng(2)
    for name in ("photos", "reds/000/sharp", "reds/000/blur", "reds_small/000/sharp", "reds_small/000/blur"):
        (folder / name).mkdir(parents=True)
    for number in range(2):
        steps = np.kron(rng.integers(20, 236, (15, 20, 3), dtype=np.uint8), np.ones((8, 8, 1), np.uint8))
        cv2.imwrite(str(folder / "photos" / f"{number}.png"), steps)
        for name in ("reds", "reds_small"):
            cv2.imwrite(str(folder / name / "000" / "sharp" / f"{number}.png"), steps)
            cv2.imwrite(str(folder / name / "000" / "blur" / f"{number}.png"), cv2.blur(steps, (9, 1)))
    found, drawn = tmp_path / "found.json", tmp_path / "found.svg"
    small = ["--threads", "1", "--frame", "96x64", "--seconds", "0.1"]
    skip_sharp.main([str(folder), *small, "--json", str(found), "--plot", str(drawn)])
    report = json.loads(found.read_text(encoding="utf-8"))
    assert {name: len(each["pictures"]) for name, each in report["sets"].items()} == {
        "REDS, blurred": 2, "photos, blurred": 6, "REDS, sharp": 2, "photos, sharp": 2,
        "REDS, small, blurred": 2, "REDS, small, sharp": 2,
    }  # fmt: skip
    assert 0 <= report["threshold"] <= 1
    blurred = [each["estimate"] for each in report["sets"]["REDS, blurred"]["pictures"]]
    sharp = [each["estimate"] for each in report["sets"]["REDS, sharp"]["pictures"]]
    assert min(blurred) > max(sharp)
    assert report["sets"]["photos, sharp"]["pictures"][0]["before"] is None  # infinite
    assert report["cost"]["share"] > 0
    assert ET.parse(drawn).getroot().tag.endswith("svg")  # noqa: S314 - our own file
    assert "recommended threshold" in capsys.readouterr().out
