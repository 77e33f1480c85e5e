"""What a run was made with."""

from __future__ import annotations

import json
import platform
import shutil
import subprocess
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pytest
import torch

from network import weights
from network.errors import TrainingError
from network.training.checkpoint import TrainingState
from network.training.optimisers import make_scaler
from network.training.run_log import STARTS, RunRecord, checkout_of, describe, differences
from network.training.start import running_average

if TYPE_CHECKING:
    from network.training.recipes import Preset
    from network.training.windows import WindowPool

START_FROM = (Path("somewhere") / "first.safetensors", weights.Header("idc-video", {}, "abc", {}))


def _state(step: int, patches: int) -> TrainingState:
    network = torch.nn.Linear(1, 1)
    scaler = make_scaler(torch.float32, torch.device("cpu"))
    return TrainingState(network, running_average(network, 0.9), [], scaler, step, patches)


def test_a_start_is_described_whole(tiny: Preset, pool: WindowPool) -> None:
    cpu = torch.device("cpu")
    start = describe(
        tiny, pool, state=_state(3, 48), dtype=torch.bfloat16, device=cpu, processes=2, start_from=START_FROM
    )
    assert json.loads(json.dumps(start)) == start
    assert start["recipe"] == asdict(tiny)
    assert start["pool"] == {"size": 8, "digest": pool.digest}
    assert (start["step"], start["patches"], start["arithmetic"], start["processes"]) == (3, 48, "bfloat16", 2)
    assert start["start_from"] == {"file": "first.safetensors", "digest": "abc"}
    versions = start["versions"]
    assert (versions["python"], versions["torch"], versions["numpy"]) == (
        platform.python_version(),
        torch.__version__,
        np.__version__,
    )
    assert "deblur-stream" in versions
    assert start["machine"]["processor"]
    assert (start["machine"]["threads"], start["machine"]["device"]) == (torch.get_num_threads(), "cpu")


def test_the_commit_is_that_of_the_checkout(root: Path) -> None:
    git = shutil.which("git")
    if git is None or not (root / ".git").exists():
        pytest.skip("needs git and a checkout")
    commit = subprocess.run(  # noqa: S603
        [git, "-C", str(root), "log", "-5", "--format=%H"], capture_output=True, text=True, check=False
    ).stdout.split()
    if not commit:
        pytest.skip("git does not read this checkout")
    found = checkout_of(root / "network")
    assert found is not None
    assert found["commit"] in commit  # someone may commit meanwhile
    assert isinstance(found["changed"], bool)


def test_an_installed_package_has_no_commit(tmp_path: Path) -> None:
    assert checkout_of(tmp_path) is None


def test_a_run_from_nothing_says_so(tiny: Preset, pool: WindowPool) -> None:
    cpu = torch.device("cpu")
    start = describe(tiny, pool, state=_state(0, 0), dtype=torch.float32, device=cpu, processes=1, start_from=None)
    assert start["start_from"] is None


def test_starts_follow_each_other_and_count_their_work(tmp_path: Path) -> None:
    record = RunRecord(tmp_path)
    assert record.last is None
    record.begin({"step": 0, "steps": 0, "seconds": 0.0})
    record.spent(7, 1.25)
    record.spent(9, 2.04)
    again = RunRecord(tmp_path)
    assert again.last == {"step": 0, "steps": 9, "seconds": 2.0}
    again.begin({"step": 9, "steps": 0, "seconds": 0.0})
    lines = (tmp_path / STARTS).read_text(encoding="utf-8").splitlines()
    assert [json.loads(line)["step"] for line in lines] == [0, 9]


def test_a_damaged_record_is_named(tmp_path: Path) -> None:
    (tmp_path / STARTS).write_text('{"step": 0}\n{"step":', encoding="utf-8")
    with pytest.raises(TrainingError, match="damaged at line 2"):
        RunRecord(tmp_path)


def test_differences_name_each_field_that_both_know() -> None:
    before = {"step": 0, "recipe": {"rate": 1, "options": {"depth": 1}, "gone": 1}, "torch": "2.0", "processes": 1}
    now = {"step": 5, "recipe": {"rate": 2, "options": {"depth": 2}, "new": 1}, "processes": 1}
    assert differences(before, now) == [
        "recipe.rate: 1 at the last start, 2 now",
        "recipe.options: {'depth': 1} at the last start, {'depth': 2} now",
    ]
    assert differences(now, now) == []
