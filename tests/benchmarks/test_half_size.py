"""Corrections at both scales, of strokes through drawn pictures."""

from __future__ import annotations

from typing import TYPE_CHECKING

import cv2
import half_size
import numpy as np
import pytest

from network.evaluation.runners import runner_for
from network.planes import SCALES, PlaneSpec
from pipeline.engines.load import load_engine

if TYPE_CHECKING:
    from pathlib import Path

    from network.evaluation.runners import Runner

pytestmark = pytest.mark.timeout(120)


@pytest.fixture
def photos(tmp_path: Path) -> Path:
    """Two pictures of rectangles, with room for strokes of 64 pixels."""
    rng = np.random.default_rng(0)
    for number in range(2):
        picture = np.full((320, 400, 3), 90, np.uint8)
        for _ in range(60):
            corner = rng.integers(0, (400, 320))
            opposite = corner + rng.integers(10, 120, 2)
            cv2.rectangle(picture, corner.tolist(), opposite.tolist(), rng.integers(0, 256, 3).tolist(), -1)
        cv2.imwrite(str(tmp_path / f"{number}.png"), picture)
    return tmp_path


def runners(strength: float = 1.0) -> list[Runner]:
    return [runner_for(load_engine("openvino", strength=strength, precision="fp32", scale=scale)) for scale in SCALES]


def test_no_correction_scores_what_the_blurred_picture_does(photos: Path) -> None:
    rows = half_size.scored(runners(strength=0.0), photos, 16)
    assert len(rows) == 2
    for blurred, whole, half in rows:
        assert 10 < blurred < 40
        assert whole == half == blurred


def test_half_the_size_is_better_for_long_strokes_and_worse_for_short_ones(photos: Path) -> None:
    both = runners()
    for blurred, whole, half in half_size.scored(both, photos, 16):
        assert whole > half > blurred
    for blurred, whole, half in half_size.scored(both, photos, 64):
        assert half > whole
        assert half > blurred


def test_the_waves_move_from_frame_to_frame() -> None:
    batch = load_engine("openvino", "identity").buffers(PlaneSpec(96, 64), 2)
    half_size.fill(batch)
    first, second = batch.planes[0]
    assert (first != second).any()
    np.testing.assert_array_equal(second[2:, :-3], first[:-2, 3:])


def test_a_report_has_a_row_for_each_length_size_and_precision(
    photos: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    half_size.report(photos, lengths=(16, 64), sizes=((96, 64),))
    rows = [line.strip("|").split("|") for line in capsys.readouterr().out.splitlines() if line.startswith("|")]
    names = [row[0].strip() for row in rows]
    assert names[2:4] == ["16 pixels", "64 pixels"]
    assert [row[-1].strip() for row in rows[2:4]] == ["0", "2"]
    assert names[6:] == ["96x64, fp32", "96x64, auto"]
    for row in rows[6:]:
        assert all(cell.strip().endswith(" ms") for cell in row[1:])
