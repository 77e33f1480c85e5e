"""`deblur synth`, `deblur train` and `deblur evaluate`, one after the other as a newcomer types them."""

from __future__ import annotations

from typing import TYPE_CHECKING

import cv2
import numpy as np
import pytest
from click.testing import CliRunner

from network import weights
from pipeline.cli.evaluate import evaluate_command
from pipeline.cli.synth import synth
from pipeline.cli.train import train_command

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture
def photos(tmp_path: Path) -> Path:
    folder = tmp_path / "photos"
    folder.mkdir()
    coarse = np.random.default_rng(0).integers(0, 256, (20, 25, 3), dtype=np.uint8)
    cv2.imwrite(str(folder / "photo.png"), cv2.resize(coarse, (200, 160), interpolation=cv2.INTER_NEAREST))
    return folder


def test_from_photographs_to_scored_weights(photos: Path, tmp_path: Path) -> None:
    runner = CliRunner()
    pool, run, data_set = tmp_path / "pool", tmp_path / "run", tmp_path / "set"
    arguments = [str(photos), str(pool), "--pairs", "4", "--size", "48", "--longest", "6", "--workers", "1"]
    made = runner.invoke(synth, arguments, catch_exceptions=False)
    assert made.output.splitlines()[-1] == "4 of 4 pairs"

    recipe = {"steps": 4, "patch": 32, "batch": 2, "options": {"widths": [8, 8, 8], "depth": 1}}
    changes = [text for name, value in recipe.items() for text in ("--set", f"{name}={value}")]
    trained = runner.invoke(train_command, [str(pool), str(run), *changes], catch_exceptions=False)
    file = run / "weights.safetensors"
    assert trained.stdout.splitlines()[-1] == f"weights: {file}"
    header = weights.load(file)[1]
    assert header.card["steps"] == 4
    assert header.options == recipe["options"]

    blurred, sharp = np.load(pool / "pairs_0000000.npy")[0]
    for side, picture in (("blur", blurred), ("sharp", sharp)):
        (data_set / side).mkdir(parents=True)
        cv2.imwrite(str(data_set / side / "0.png"), picture)
    scored = runner.invoke(evaluate_command, [str(data_set), "--weights", str(file)], catch_exceptions=False)
    assert scored.output.startswith("0: ")
    assert header.digest[:12] in scored.output


@pytest.mark.parametrize(
    ("assignment", "message"),
    [("steps", "is not NAME=VALUE"), ("colour=1", "is not NAME=VALUE"), ("steps=many", "steps is a int")],
)
def test_a_change_that_makes_no_sense_is_refused(assignment: str, message: str, tmp_path: Path) -> None:
    result = CliRunner().invoke(train_command, [str(tmp_path), str(tmp_path / "run"), "--set", assignment])
    assert result.exit_code == 2
    assert message in result.output
