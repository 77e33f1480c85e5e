"""Checkpoints: whole whatever happens."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
import torch
from torch import nn

from network.errors import TrainingError
from network.files import discard_partials
from network.training.checkpoint import TrainingState, load_checkpoint, patches_of, save_checkpoint, step_of
from network.training.optimisers import make_optimisers, make_scaler
from network.training.start import running_average

if TYPE_CHECKING:
    from network.training.recipes import Preset

SAVE_FOR_EVER = """
import itertools, sys
from pathlib import Path
import torch
from network.training.checkpoint import TrainingState, save_checkpoint
from network.training.optimisers import make_scaler
from network.training.start import running_average
network = torch.nn.Linear(2000, 4000)
state = TrainingState(network, running_average(network, 0.9), [], make_scaler(torch.float32, torch.device("cpu")))
for state.step in itertools.count(1):
    torch.nn.init.constant_(network.weight, state.step)
    save_checkpoint(Path(sys.argv[1]), state)
"""


def new_state(recipe: Preset, kind: torch.dtype = torch.float32) -> TrainingState:
    torch.manual_seed(1)
    network = nn.Sequential(nn.Conv2d(3, 8, 3), nn.BatchNorm2d(8), nn.Conv2d(8, 3, 3))
    average = running_average(nn.Sequential(nn.Conv2d(3, 8, 3), nn.BatchNorm2d(8), nn.Conv2d(8, 3, 3)), recipe.ema)
    return TrainingState(network, average, make_optimisers(network, recipe), make_scaler(kind, torch.device("cpu")))


def move(state: TrainingState) -> None:
    state.network(torch.rand(2, 3, 8, 8)).square().mean().backward()
    for optimiser in state.optimisers:
        optimiser.step()
    state.step += 1


@pytest.mark.parametrize("optimiser", ["adam", "adamw", "muon"])
def test_a_state_comes_back_whole(optimiser: str, tiny: Preset, tmp_path: Path) -> None:
    recipe = replace(tiny, optimiser=optimiser)
    state, restored = new_state(recipe, torch.float16), new_state(recipe, torch.float16)
    move(state)
    state.patches, state.seconds = 7, 12.5
    state.average.n_averaged.fill_(40)
    state.scaler.load_state_dict(state.scaler.state_dict() | {"scale": 1024.0, "_growth_tracker": 3})
    save_checkpoint(tmp_path / "state", state)
    load_checkpoint(tmp_path / "state", restored)

    assert (restored.step, restored.patches, restored.seconds) == (1, 7, 12.5)
    assert restored.average.n_averaged == 40
    assert restored.scaler.state_dict() == state.scaler.state_dict()
    assert restored.scaler.get_scale() == 1024
    for before, after in ((state.network, restored.network), (state.average.module, restored.average.module)):
        assert all(
            torch.equal(*pair) for pair in zip(before.state_dict().values(), after.state_dict().values(), strict=True)
        )
    for before, after in zip(state.optimisers, restored.optimisers, strict=True):
        first, second = before.state_dict()["state"], after.state_dict()["state"]
        assert first.keys() == second.keys() != set()
        for index, values in first.items():
            assert values.keys() == second[index].keys()
            assert all(torch.equal(value, second[index][name]) for name, value in values.items())


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="what is mapped is read from Linux's /proc")
def test_nothing_of_the_file_stays_mapped(tiny: Preset, tmp_path: Path) -> None:
    """Windows replaces no file of which a part is mapped, so that a resumed run could write no checkpoint."""
    path, state = tmp_path / "checkpoint.safetensors", new_state(tiny)
    move(state)
    save_checkpoint(path, state)
    resumed = new_state(tiny)
    load_checkpoint(path, resumed)
    assert str(path) not in Path("/proc/self/maps").read_text(encoding="utf-8")
    assert resumed.step == state.step


def test_moments_of_other_optimisers_are_refused(tiny: Preset, tmp_path: Path) -> None:
    state = new_state(replace(tiny, optimiser="adamw"))
    move(state)
    save_checkpoint(tmp_path / "state", state)
    with pytest.raises(TrainingError, match="not by Muon and AdamW"):
        load_checkpoint(tmp_path / "state", new_state(replace(tiny, optimiser="muon")))


def test_counts_are_read_without_the_rest(tiny: Preset, tmp_path: Path) -> None:
    state = new_state(tiny)
    state.step, state.patches = 6, 96
    save_checkpoint(tmp_path / "state", state)
    (tmp_path / "damaged").write_bytes(b"no tensors")
    read = [(step_of(tmp_path / name), patches_of(tmp_path / name)) for name in ("state", "absent", "damaged")]
    assert read == [(6, 96), (0, 0), (0, 0)]


@pytest.mark.timeout(120)
@pytest.mark.slow
def test_a_kill_during_the_write_leaves_the_state_before(root: Path, tmp_path: Path) -> None:
    path = tmp_path / "state"
    killed_in_the_write = False
    while not killed_in_the_write:
        path.unlink(missing_ok=True)
        discard_partials(tmp_path)
        process = subprocess.Popen(  # noqa: S603
            [sys.executable, "-c", SAVE_FOR_EVER, str(path)], env={**os.environ, "PYTHONPATH": str(root)}
        )
        try:
            while not (path.exists() and partials(tmp_path)):
                assert process.poll() is None
                time.sleep(0.0005)
        finally:
            process.kill()
            process.wait()
        killed_in_the_write = bool(partials(tmp_path))

    network = nn.Linear(2000, 4000)
    state = TrainingState(network, running_average(network, 0.9), [], make_scaler(torch.float32, torch.device("cpu")))
    load_checkpoint(path, state)
    assert state.step >= 1
    assert torch.equal(network.weight, torch.full_like(network.weight, state.step))
    save_checkpoint(path, state)  # what was left lying does no harm
    discard_partials(tmp_path)
    assert list(tmp_path.iterdir()) == [path]


def partials(folder: Path) -> list[Path]:
    return list(folder.glob("*.partial"))
