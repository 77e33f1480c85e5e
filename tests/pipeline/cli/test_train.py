"""`deblur synth`, `deblur train` and `deblur evaluate`, one after the other as a newcomer types them."""

from __future__ import annotations

import signal
import sys
import time
from typing import TYPE_CHECKING

import cv2
import numpy as np
import pytest
from click.testing import CliRunner

from network import weights
from network.training.checkpoint import step_of
from network.training.loop import CHECKPOINT, WEIGHTS
from network.training.tensorboard import FOLDER
from pipeline.cli.evaluate import evaluate_command
from pipeline.cli.synth import synth
from pipeline.cli.train import train_command

if TYPE_CHECKING:
    from pathlib import Path

    from tests.support.commands import CommandLine


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
    done, where = trained.stdout.splitlines()
    assert done.startswith("4 steps done; ")
    assert done.endswith("% of the time went into waiting for data")
    assert where == f"weights: {file}"
    # The same command again has nothing left to do.
    again = runner.invoke(train_command, [str(pool), str(run), *changes], catch_exceptions=False)
    assert again.stdout.splitlines() == [f"weights: {file}"]
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
    [
        ("steps", "is not NAME=VALUE"),
        ("colour=1", "is not NAME=VALUE"),
        ("steps=many", "steps is a int"),
        ("precision=fp8", "precision is one of"),
    ],
)
def test_a_change_that_makes_no_sense_is_refused(assignment: str, message: str, tmp_path: Path) -> None:
    result = CliRunner().invoke(train_command, [str(tmp_path), str(tmp_path / "run"), "--set", assignment])
    assert result.exit_code == 2
    assert message in " ".join(result.output.split())


@pytest.fixture
def pool(tmp_path: Path) -> Path:
    folder = tmp_path / "pool"
    folder.mkdir()
    pairs = np.random.default_rng(0).integers(0, 256, (4, 2, 32, 32, 3), dtype=np.uint8)
    np.save(folder / "pairs_0000000.npy", pairs)
    return folder


RECIPE = [
    text
    for change in ("patch=32", "batch=2", "options={'widths': [8, 8, 8], 'depth': 1}")
    for text in ("--set", change)
]


@pytest.mark.timeout(120)
@pytest.mark.skipif(sys.platform == "win32", reason="a process can't be sent Ctrl-C alone")
@pytest.mark.parametrize("name", ["SIGINT", pytest.param("SIGTERM", marks=pytest.mark.slow)])
def test_an_interrupted_run_says_how_to_go_on_and_goes_on(
    name: str, pool: Path, tmp_path: Path, deblur: CommandLine
) -> None:
    run = tmp_path / "run"
    process = deblur.start(
        "train", pool, run, *RECIPE, "--set", "steps=100000", "--checkpoint-minutes", "0", "--no-tensorboard"
    )
    try:
        while step_of(run / CHECKPOINT) < 3:
            assert process.poll() is None, process.stderr.read().decode()
            time.sleep(0.01)
        process.send_signal(getattr(signal, name))
        errors = process.communicate(timeout=60)[1].decode()
    finally:
        process.kill()
        process.wait()
    assert process.returncode == 130
    done = step_of(run / CHECKPOINT)
    line = (
        f"deblur: interrupted; {run} holds the state after step {done} of 100000: run the same command again to go on"
    )
    assert errors.splitlines()[-1] == line
    assert "Traceback" not in errors

    arguments = [str(pool), str(run), *RECIPE, "--set", f"steps={done + 2}", "--no-tensorboard"]
    resumed = CliRunner().invoke(train_command, arguments, catch_exceptions=False)
    assert resumed.exit_code == 0
    assert f"recipe.steps: 100000 at the last start, {done + 2} now" in resumed.stderr.splitlines()
    assert step_of(run / CHECKPOINT) == done + 2
    assert weights.load(run / WEIGHTS)[1].card["steps"] == done + 2


@pytest.mark.timeout(120)
def test_a_run_of_another_network_is_refused_in_one_line(pool: Path, tmp_path: Path, deblur: CommandLine) -> None:
    run = tmp_path / "run"
    first = CliRunner().invoke(train_command, [str(pool), str(run), *RECIPE, "--set", "steps=1", "--no-tensorboard"])
    assert first.exit_code == 0
    second = deblur.run("train", pool, run, *RECIPE, "--set", "options={'widths': [16, 8, 8]}", "--no-tensorboard")
    assert second.code == 5
    assert "give another folder, or the same network and options" in second.error


def test_a_validation_pool_is_shown(pool: Path, tmp_path: Path) -> None:
    pytest.importorskip("tensorboard")
    run = tmp_path / "run"
    arguments = [str(pool), str(run), *RECIPE, "--set", "steps=1", "--validation", str(pool)]
    assert CliRunner().invoke(train_command, arguments, catch_exceptions=False).exit_code == 0
    assert list((run / FOLDER).iterdir())
