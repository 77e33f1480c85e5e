"""`deblur synth` and `deblur train`, one after the other as a newcomer types them."""

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
from network.data.windows import write_shard
from network.training.checkpoint import step_of
from network.training.loop import CHECKPOINT, WEIGHTS
from network.training.tensorboard import FOLDER
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


OPTIONS = {"widths": [8, 8, 8], "depth": 1, "motion": 4}
RECIPE = [
    text for change in ("patch=32", "batch=2", "widths=[8, 8, 8]", "depth=1", "motion=4") for text in ("--set", change)
]


def test_from_photographs_to_weights(photos: Path, tmp_path: Path) -> None:
    runner = CliRunner()
    pool, run = tmp_path / "pool", tmp_path / "run"
    arguments = [str(photos), str(pool), "--windows", "4", "--size", "48", "--longest", "6", "--workers", "1"]
    made = runner.invoke(synth, arguments, catch_exceptions=False)
    assert made.output.splitlines()[-1] == "4 of 4 windows"

    command = [str(pool), str(run), *RECIPE, "--until", "8"]
    trained = runner.invoke(train_command, command, catch_exceptions=False)
    file = run / "weights.safetensors"
    done, where = trained.stdout.splitlines()
    assert done.startswith("4 steps done, 8 patches over all runs; ")
    assert done.endswith("% of the time went into waiting for data")
    assert where == f"weights: {file}"
    # The same command again has nothing left to do.
    again = runner.invoke(train_command, command, catch_exceptions=False)
    assert again.stdout.splitlines() == [f"weights: {file}"]
    header = weights.load(file)[1]
    assert (header.network, header.options) == ("idc-video", OPTIONS)
    assert header.card["patches"] == 8
    # Another run goes on from them, and counts on.
    other = [str(pool), str(tmp_path / "other"), *RECIPE, "--until", "12", "--from", str(file)]
    further = runner.invoke(train_command, other, catch_exceptions=False)
    assert further.stdout.startswith("2 steps done, 12 patches over all runs; ")


def test_the_network_of_one_frame_is_an_option_away(pool: Path, tmp_path: Path) -> None:
    arguments = [str(pool), str(tmp_path / "run"), *RECIPE, "--set", "frames=1", "--until", "4", "--no-tensorboard"]
    assert CliRunner().invoke(train_command, arguments, catch_exceptions=False).exit_code == 0
    network, header = weights.load(tmp_path / "run" / WEIGHTS)
    assert header.options == OPTIONS | {"frames": 1}
    assert network.window.frames == 1  # type: ignore[union-attr]


def test_the_fall_of_the_rate_keeps_its_proportion_unless_it_is_given(pool: Path, tmp_path: Path) -> None:
    for name, more, fall in (("one", [], 7), ("two", ["--fall-from", "4"], 4)):
        arguments = [str(pool), str(tmp_path / name), *RECIPE, "--until", "10", *more, "--no-tensorboard"]
        CliRunner().invoke(train_command, arguments, catch_exceptions=False)
        recipe = weights.load(tmp_path / name / WEIGHTS)[1].card["recipe"]
        assert (recipe["until"], recipe["fall_from"]) == (10, fall)


@pytest.mark.parametrize(
    ("assignment", "message"),
    [
        ("until", "is not NAME=VALUE"),
        ("frames", "is not NAME=VALUE"),
        ("colour=1", "is not NAME=VALUE with a NAME of network, options, "),
        ("until=many", "until is a int"),
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
    rng = np.random.default_rng(0)
    windows = rng.integers(16, 236, (4, 4, 72, 48), dtype=np.uint8)
    write_shard(folder, "00000000", windows, np.zeros((4, 4, 12, 12), np.float16))
    return folder


@pytest.mark.timeout(120)
@pytest.mark.skipif(sys.platform == "win32", reason="a process can't be sent Ctrl-C alone")
@pytest.mark.parametrize("name", ["SIGINT", pytest.param("SIGTERM", marks=pytest.mark.slow)])
def test_an_interrupted_run_says_how_to_go_on_and_goes_on(
    name: str, pool: Path, tmp_path: Path, deblur: CommandLine
) -> None:
    run = tmp_path / "run"
    process = deblur.start(
        "train", pool, run, *RECIPE, "--until", "200000", "--checkpoint-minutes", "0", "--no-tensorboard"
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
        f"deblur: interrupted; {run} holds the state after {2 * done} of 200000 patches: "
        "run the same command again to go on"
    )
    assert errors.splitlines()[-1] == line
    assert "Traceback" not in errors

    arguments = [str(pool), str(run), *RECIPE, "--until", str(2 * done + 4), "--no-tensorboard"]
    resumed = CliRunner().invoke(train_command, arguments, catch_exceptions=False)
    assert resumed.exit_code == 0
    assert f"recipe.until: 200000 at the last start, {2 * done + 4} now" in resumed.stderr.splitlines()
    assert step_of(run / CHECKPOINT) == done + 2
    assert weights.load(run / WEIGHTS)[1].card["patches"] == 2 * done + 4


@pytest.mark.timeout(120)
def test_a_run_of_another_network_is_refused_in_one_line(pool: Path, tmp_path: Path, deblur: CommandLine) -> None:
    run = tmp_path / "run"
    first = CliRunner().invoke(train_command, [str(pool), str(run), *RECIPE, "--until", "2", "--no-tensorboard"])
    assert first.exit_code == 0
    second = deblur.run("train", pool, run, *RECIPE, "--set", "widths=[16, 8, 8]", "--no-tensorboard")
    assert second.code == 5
    assert "give another folder, or the same network and options" in second.error


def test_a_validation_pool_is_shown(pool: Path, tmp_path: Path) -> None:
    pytest.importorskip("tensorboard")
    run = tmp_path / "run"
    arguments = [str(pool), str(run), *RECIPE, "--until", "2", "--validation", str(pool)]
    assert CliRunner().invoke(train_command, arguments, catch_exceptions=False).exit_code == 0
    assert list((run / FOLDER).iterdir())
