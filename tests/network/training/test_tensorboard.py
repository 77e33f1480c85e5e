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

from network.data.windows import write_shard
from network.training.examples import Examples
from network.training.loop import train
from network.training.pool import Pool
from network.training.tensorboard import FOLDER, TensorBoardOptions
from network.training.windows import WindowPool

if TYPE_CHECKING:
    from pathlib import Path

    from network.training.recipes import Preset

SCALARS = {"loss", "learning rate", "gradient norm", "patches per second", "data wait share", "gain in dB"}
WITHOUT_TENSORBOARD = """
import logging, sys
logging.basicConfig(format="%(message)s", stream=sys.stdout)
sys.modules["tensorboard"] = None
from pathlib import Path
from network.training.windows import WindowPool
from network.training.recipes import Preset
from network.training.loop import train
from network.training.tensorboard import TensorBoardOptions
recipe = Preset(options={"widths": [8, 8, 8], "depth": 1}, batch=2, patch=32, until=4)
pool, options = WindowPool([Path(sys.argv[1])]), TensorBoardOptions()
steps = list(train(recipe, pool, Path(sys.argv[2]), tensorboard=options))
print(len(steps))
"""


def read(run: Path) -> Any:
    accumulator = pytest.importorskip("tensorboard.backend.event_processing.event_accumulator")
    events = accumulator.EventAccumulator(str(run / FOLDER), {"scalars": 0, "images": 0})
    events.Reload()
    return events


def test_curves_have_the_numbers_of_the_steps(tiny: Preset, pool: WindowPool, tmp_path: Path) -> None:
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
    assert all(event.value > 0 for event in events.Scalars("training/patches per second"))


def shown(run: Path, count: int) -> list[np.ndarray]:
    """The pictures of the last step, in three parts each: blurred, result, sharp."""
    events = read(run)
    tags = events.Tags()["images"]
    assert tags == [f"blurred, averaged network, sharp/{number}" for number in range(count)]
    pictures = [events.Images(tag)[-1] for tag in tags]
    return [np.asarray(Image.open(io.BytesIO(picture.encoded_image_string))) for picture in pictures]


def test_pictures_are_the_validation_windows_and_the_result(tiny: Preset, pool: WindowPool, tmp_path: Path) -> None:
    pytest.importorskip("tensorboard")
    held_out = tmp_path / "held_out"
    held_out.mkdir()
    window = np.full((1, 4, 72, 48), 128, np.uint8)
    window[0, :3, :48], window[0, 3, :48] = 71, 183  # codes of luma that are 64 and 194 of RGB
    write_shard(held_out, "0", window, np.full((1, 4, 12, 12), np.nan, np.float16))
    # A rate of zero leaves the network at its start, where it corrects nothing.
    recipe = replace(tiny, until=4, rate=0.0)
    options = TensorBoardOptions(validation=WindowPool([held_out]), images=2, image_minutes=0.0)
    for _ in train(recipe, pool, tmp_path / "run", tensorboard=options):
        pass
    for triple in shown(tmp_path / "run", 2):
        assert triple.shape == (32, 96, 3)
        assert [int(np.unique(part).item()) for part in np.split(triple, 3, axis=1)] == [64, 64, 194]
    assert [event.value for event in read(tmp_path / "run").Scalars("validation/gain in dB")] == [0, 0]


def test_pairs_are_shown_as_they_are(tiny_pairs: Preset, pair_pool: Pool, tmp_path: Path) -> None:
    pytest.importorskip("tensorboard")
    held_out = tmp_path / "held_out"
    held_out.mkdir()
    pair = np.full((1, 2, 32, 32, 3), 64, np.uint8)
    pair[:, 1] = 192
    np.save(held_out / "pairs_0000000.npy", pair)
    options = TensorBoardOptions(validation=Pool([held_out]), images=1, image_minutes=0.0)
    for _ in train(tiny_pairs, pair_pool, tmp_path / "run", tensorboard=options):
        pass
    (triple,) = shown(tmp_path / "run", 1)
    assert triple.shape == (16, 48, 3)
    assert [int(np.unique(triple[:, part]).item()) for part in (slice(16), slice(32, None))] == [64, 192]


def test_watching_does_not_change_the_training(tiny: Preset, pool: WindowPool, tmp_path: Path) -> None:
    pytest.importorskip("tensorboard")
    seen, unseen = (
        [step.loss for step in train(tiny, pool, tmp_path / str(options), tensorboard=options)]
        for options in (TensorBoardOptions(image_minutes=0.0), None)
    )
    assert seen == unseen
    assert not (tmp_path / "None" / FOLDER).exists()


@pytest.mark.timeout(90)
@pytest.mark.slow
def test_without_the_package_one_line_says_so_and_training_goes_on(
    root: Path, pool: WindowPool, tmp_path: Path
) -> None:
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
    examples = Examples((blurred,), blurred, sharp, 3, lambda pictures: pictures)
    assert examples.gain(result) == pytest.approx((20 * math.log10(2) + 0) / 2)
    assert math.isnan(Examples((sharp,), sharp, sharp, 3, lambda pictures: pictures).gain(sharp))
    result[:, 1:] = 9  # what is not scored does not count
    first = Examples((blurred,), blurred, sharp, 1, lambda pictures: pictures)
    assert first.gain(result) == pytest.approx((20 * math.log10(2) + 0) / 2)
