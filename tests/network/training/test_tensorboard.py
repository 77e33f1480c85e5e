"""What TensorBoard is given, read back from the files by TensorBoard's own reader."""

from __future__ import annotations

import io
import math
import os
import subprocess
import sys
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
import torch
from PIL import Image

from network.training.loop import train
from network.training.pool import Pool
from network.training.step import gain_of
from network.training.tensorboard import FOLDER, TensorBoardOptions

if TYPE_CHECKING:
    from pathlib import Path

    from network.training.recipes import Preset

SCALARS = {"loss", "learning rate", "gradient norm", "images per second", "data wait share", "gain in dB"}
WITHOUT_TENSORBOARD = """
import logging, sys
logging.basicConfig(format="%(message)s", stream=sys.stdout)
sys.modules["tensorboard"] = None
from pathlib import Path
from network.training.pool import Pool
from network.training.recipes import Preset
from network.training.loop import train
from network.training.tensorboard import TensorBoardOptions
recipe = Preset(options={"widths": [8, 8, 8], "depth": 1}, batch=2, patch=32, steps=2)
pool, options = Pool([Path(sys.argv[1])]), TensorBoardOptions()
steps = list(train(recipe, pool, Path(sys.argv[2]), tensorboard=options))
print(len(steps))
"""


def read(run: Path) -> Any:
    accumulator = pytest.importorskip("tensorboard.backend.event_processing.event_accumulator")
    events = accumulator.EventAccumulator(str(run / FOLDER), {"scalars": 0, "images": 0})
    events.Reload()
    return events


def test_curves_have_the_numbers_of_the_steps(tiny: Preset, pool: Pool, tmp_path: Path) -> None:
    pytest.importorskip("tensorboard")
    run = tmp_path / "run"
    steps = list(train(tiny, pool, run, tensorboard=TensorBoardOptions(every=4)))
    events = read(run)
    assert {name for name in events.Tags()["scalars"] if name.startswith("training/")} == {
        f"training/{name}" for name in SCALARS
    }
    loss, rate, norm, gain = (
        [(event.step, event.value) for event in events.Scalars(f"training/{name}")]
        for name in ("loss", "learning rate", "gradient norm", "gain in dB")
    )
    halves = steps[:4], steps[4:]
    for number, half in enumerate(halves):
        assert loss[number] == (4 * number + 4, pytest.approx(np.mean([step.loss for step in half])))
        assert rate[number] == (4 * number + 4, pytest.approx(half[-1].rate))
        assert norm[number] == (4 * number + 4, pytest.approx(np.mean([step.gradient_norm for step in half])))
        assert gain[number] == (4 * number + 4, pytest.approx(np.mean([step.gain for step in half]), abs=1e-6))
    assert len(loss) == 2
    shares = [event.value for event in events.Scalars("training/data wait share")]
    assert all(0 <= share <= 1 for share in shares)
    assert all(event.value > 0 for event in events.Scalars("training/images per second"))


def test_pictures_are_the_validation_pairs_and_the_result(tiny: Preset, pool: Pool, tmp_path: Path) -> None:
    pytest.importorskip("tensorboard")
    run = tmp_path / "run"
    held_out = tmp_path / "held_out"
    held_out.mkdir()
    pair = np.full((1, 2, 32, 32, 3), 64, np.uint8)
    pair[:, 1] = 192
    np.save(held_out / "pairs_0000000.npy", pair)
    # A rate of zero leaves the network at its start, where it returns its input.
    recipe = replace(tiny, steps=2, rate=0.0, final_rate=0.0, weight_decay=0.0)
    options = TensorBoardOptions(validation=Pool([held_out]), images=2, image_minutes=0.0)
    for _ in train(recipe, pool, run, tensorboard=options):
        pass
    events = read(run)
    tags = events.Tags()["images"]
    assert tags == [f"blurred, averaged network, sharp/{number}" for number in (0, 1)]
    pictures = events.Images(tags[0])
    assert [picture.step for picture in pictures] == [1, 2]
    triple = np.asarray(Image.open(io.BytesIO(pictures[0].encoded_image_string)))
    assert triple.shape == (32, 96, 3)
    assert [int(np.unique(part).item()) for part in np.split(triple, 3, axis=1)] == [64, 64, 192]
    assert [event.value for event in events.Scalars("validation/gain in dB")] == [0, 0]


def test_watching_does_not_change_the_training(tiny: Preset, pool: Pool, tmp_path: Path) -> None:
    pytest.importorskip("tensorboard")
    seen, unseen = (
        [step.loss for step in train(tiny, pool, tmp_path / str(options), tensorboard=options)]
        for options in (TensorBoardOptions(image_minutes=0.0), None)
    )
    assert seen == unseen
    assert not (tmp_path / "None" / FOLDER).exists()


@pytest.mark.timeout(90)
@pytest.mark.slow
def test_without_the_package_one_line_says_so_and_training_goes_on(root: Path, pool: Pool, tmp_path: Path) -> None:
    assert len(pool) == 8
    done = subprocess.run(  # noqa: S603
        [sys.executable, "-c", WITHOUT_TENSORBOARD, str(tmp_path / "pool"), str(tmp_path / "run")],
        env={**os.environ, "PYTHONPATH": str(root)},
        capture_output=True,
        text=True,
        timeout=80,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    line, steps = done.stdout.splitlines()
    assert steps == "2"
    assert line.startswith("nothing goes to TensorBoard")
    assert line.endswith("pip install tensorboard")


def test_gain_by_hand() -> None:
    sharp = torch.zeros(3, 3, 4, 4)
    blurred, result = sharp.clone(), sharp.clone()
    blurred[0], result[0] = 0.2, 0.1  # half the error: 6.02 dB
    blurred[1], result[1] = 0.1, 0.1  # nothing gained
    blurred[2], result[2] = 0.001, 0.5  # all but sharp: left out
    assert gain_of(result, blurred, sharp) == pytest.approx((20 * math.log10(2) + 0) / 2)
    assert math.isnan(gain_of(sharp, sharp, sharp))
