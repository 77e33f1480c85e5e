"""A few steps of learning pairs by heart."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import overfit
import pytest

if TYPE_CHECKING:
    from pathlib import Path


@pytest.mark.slow
def test_a_few_steps_raise_psnr_and_a_goal_out_of_reach_is_a_failure(
    pairs: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    found = tmp_path / "found.json"
    options = ["--pairs", "1", "--steps", "6", "--every", "3", "--json", str(found)]
    with pytest.raises(SystemExit, match=r"dB after 6 steps; the goal is 38\.00"):
        overfit.main([str(pairs), *options])
    report = json.loads(found.read_text(encoding="utf-8"))
    assert [reading["step"] for reading in report["readings"]] == [1, 3, 6]
    psnrs = [reading["psnr"] for reading in report["readings"]]
    assert psnrs[0] + 2 < psnrs[-1]
    assert report["settings"]["crop"] == 48
    assert f"step 6: {psnrs[-1]:.2f} dB" in capsys.readouterr().out


def test_reaching_the_goal_is_a_success(pairs: Path, capsys: pytest.CaptureFixture[str]) -> None:
    overfit.main([str(pairs), "--pairs", "2", "--steps", "3", "--every", "1", "--goal", "1"])
    assert capsys.readouterr().out.splitlines()[-1] == "over 1.00 dB after 1 steps"


def test_a_crop_that_does_not_fit_is_refused(pairs: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        overfit.main([str(pairs), "--crop", "32"])
    assert "--crop must be at least 48" in capsys.readouterr().err
    with pytest.raises(SystemExit, match="pair 000/0000 is smaller than a crop of 96x96"):
        overfit.main([str(pairs), "--crop", "96"])
    with pytest.raises(SystemExit, match="holds 4 pairs; 5 are needed"):
        overfit.main([str(pairs), "--pairs", "5"])
