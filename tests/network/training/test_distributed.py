"""Two real processes train as one does with the whole batch."""

from __future__ import annotations

import importlib.util
import os
import signal
import socket
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from safetensors.torch import load_file

from network.data.windows import write_shard
from network.errors import TrainingError
from network.training.checkpoint import step_of
from network.training.distributed import ALONE, Processes, joined
from network.training.loop import CHECKPOINT, WEIGHTS, train
from network.training.run_log import RunRecord
from network.training.windows import WindowPool

HERE = Path(__file__).resolve().parent
ROOT = HERE.parents[2]
pytestmark = [
    pytest.mark.timeout(150),
    pytest.mark.skipif(not torch.distributed.is_available(), reason="this PyTorch has no torch.distributed"),
]


def load_script() -> Any:
    spec = importlib.util.spec_from_file_location("together", HERE / "together.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


together = load_script()


def free_port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return int(listener.getsockname()[1])


@pytest.fixture(scope="module")
def results(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What two processes left, after both ended well."""
    out = tmp_path_factory.mktemp("together")
    folder = out / "pool"
    folder.mkdir()
    rng = np.random.default_rng(0)
    windows = rng.integers(16, 236, (6, 4, 72, 48), dtype=np.uint8)
    write_shard(folder, "00000000", windows, rng.normal(0, 1, (6, 4, 12, 12)).astype(np.float16))
    environment = {
        **os.environ,
        "PYTHONPATH": str(ROOT),
        "MASTER_ADDR": "127.0.0.1",
        "MASTER_PORT": str(free_port()),
        "WORLD_SIZE": "2",
    }
    processes = [
        subprocess.Popen(  # noqa: S603
            [sys.executable, "-W", "error", str(HERE / "together.py"), str(folder), str(out)],
            env={**environment, "RANK": str(rank), "LOCAL_RANK": str(rank)},
            stderr=subprocess.PIPE,
            text=True,
        )
        for rank in (0, 1)
    ]
    try:
        errors = [process.communicate(timeout=120)[1] for process in processes]
    finally:
        for process in processes:
            process.kill()
            process.wait()
    assert [process.returncode for process in processes] == [0, 0], "\n".join(errors)
    return out


@pytest.mark.slow
@pytest.mark.parametrize("case", together.CASES)
def test_two_processes_have_the_gradient_of_one_with_the_whole_batch(case: str, results: Path) -> None:
    whole = together.gradients(case, ALONE)
    shares = [load_file(results / f"process_{rank}" / f"{case}.safetensors") for rank in (0, 1)]
    assert whole.keys() == shares[0].keys() == shares[1].keys()
    for name, expected in whole.items():
        assert torch.equal(shares[0][name], shares[1][name]), name
        error = (shares[0][name] - expected).norm() / expected.norm()
        assert error < 1e-4, f"{name} is off by {error:.1e} of its size"


@pytest.mark.slow
def test_two_processes_have_the_losses_of_one(results: Path, tmp_path: Path) -> None:
    whole = [progress.loss for progress in train(together.RECIPE, WindowPool([results / "pool"]), tmp_path / "run")]
    shares = [load_file(results / f"process_{rank}" / "training.safetensors")["losses"] for rank in (0, 1)]
    assert torch.equal(*shares)
    assert shares[0].tolist() == pytest.approx(whole, rel=1e-3)
    record = RunRecord(results / "run")
    assert record.last is not None
    assert (record.last["processes"], record.last["steps"]) == (2, 6)
    assert step_of(results / "run" / CHECKPOINT) == 6
    assert (results / "run" / WEIGHTS).exists()


@pytest.mark.slow
def test_all_processes_stop_at_the_same_step_when_one_is_interrupted(results: Path) -> None:
    done = [load_file(results / f"process_{rank}" / "training.safetensors")["interrupted"].item() for rank in (0, 1)]
    assert done[0] == done[1] == step_of(results / "interrupted" / CHECKPOINT)
    assert 3 <= done[0] <= 5


def test_a_batch_that_can_not_be_shared_evenly_is_refused(pool: WindowPool, tmp_path: Path) -> None:
    with pytest.raises(TrainingError, match="a batch of 4 can't be shared evenly by 3 processes"):
        next(train(together.RECIPE, pool, tmp_path / "run", processes=Processes(0, 3)))


def test_a_process_that_nobody_started_with_others_is_alone() -> None:
    with joined("cpu") as (processes, device):
        assert processes is ALONE
        assert device == "cpu"


@pytest.mark.slow
@pytest.mark.timeout(600)
@pytest.mark.skipif(sys.platform == "win32", reason="a process can't be sent Ctrl-C alone")
def test_torchrun_trains_and_is_interrupted(pool: WindowPool, tmp_path: Path) -> None:
    assert len(pool) == 8
    run = tmp_path / "run"
    changes = {"patch": 32, "batch": 4, "warmup": 1, "options": {"widths": [8, 8, 8], "depth": 1}}
    command = [
        *(sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2"),
        *("-m", "pipeline.cli", "train", str(tmp_path / "pool"), str(run), "--no-tensorboard"),
        *(text for name, value in changes.items() for text in ("--set", f"{name}={value}")),
    ]
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    whole = subprocess.run(  # noqa: S603
        [*command, "--until", "16"], env=environment, capture_output=True, text=True, timeout=300, check=False
    )
    assert whole.returncode == 0, whole.stderr
    assert whole.stdout.splitlines()[0].startswith("4 steps done by 2 processes, 16 patches over all runs")
    assert whole.stdout.splitlines()[1:] == [f"weights: {run / WEIGHTS}"]

    # Both processes and torchrun get Ctrl-C, as from a terminal; torchrun passes it on a second time.
    process = subprocess.Popen(  # noqa: S603
        [*command, "--until", "400000", "--checkpoint-minutes", "0"],
        env=environment,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    try:
        while step_of(run / CHECKPOINT) < 8:
            assert process.poll() is None
        os.killpg(process.pid, signal.SIGINT)
        errors = process.communicate(timeout=300)[1]
    finally:
        process.kill()
        process.wait()
    assert process.returncode != 0
    done = step_of(run / CHECKPOINT)
    assert f"holds the state after {4 * done} of 400000 patches" in " ".join(errors.split())
