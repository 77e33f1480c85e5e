"""The record of a run's settings and training time: one line for each start in ``starts.jsonl``."""

from __future__ import annotations

import importlib.metadata
import json
import os
import platform
import shutil
import subprocess
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import torch

from network.errors import TrainingError
from network.files import write_text
from network.processor import processor_name

if TYPE_CHECKING:
    from network.training.checkpoint import TrainingState
    from network.training.examples import TrainingPool
    from network.training.recipes import Preset
    from network.weights import Header

STARTS = "starts.jsonl"
PACKAGE = "deblur-stream"
_OF_ONE_START = ("step", "patches", "steps", "seconds", "start_from")


class RunRecord:
    """The starts of a run.

    Args:
        run: Folder of the run, which exists.

    Raises:
        TrainingError: If the record is damaged.
    """

    def __init__(self, run: Path) -> None:
        self._path = run / STARTS
        self._starts: list[dict[str, Any]] = []
        lines = self._path.read_text(encoding="utf-8").splitlines() if self._path.exists() else []
        for number, line in enumerate(lines, 1):
            try:
                self._starts.append(dict(json.loads(line)))
            except ValueError as error:
                raise TrainingError(f"{self._path} is damaged at line {number} ({error}); delete that line") from error

    @property
    def last(self) -> dict[str, Any] | None:
        """The newest start; None before the first."""
        return self._starts[-1] if self._starts else None

    def begin(self, start: dict[str, Any]) -> None:
        """Adds a start.

        Args:
            start: Facts of the start, from :func:`describe`.
        """
        self._starts.append(start)
        self._write()

    def spent(self, steps: int, seconds: float) -> None:
        """Records the work that the newest start has done so far."""
        self._starts[-1] |= {"steps": steps, "seconds": round(seconds, 1)}
        self._write()

    def _write(self) -> None:
        write_text(self._path, "".join(json.dumps(start) + "\n" for start in self._starts))


def describe(
    preset: Preset,
    pool: TrainingPool,
    *,
    state: TrainingState,
    dtype: torch.dtype,
    device: torch.device,
    processes: int,
    start_from: tuple[Path, Header] | None,
) -> dict[str, Any]:
    """Facts of a start; JSON-serialisable.

    Args:
        preset: The recipe.
        pool: Pool of windows or pairs; its digest is computed, which may read all of it.
        state: State from which the run begins or goes on.
        dtype: Type in which the network computes.
        device: Device to train on.
        processes: Number of processes that train together.
        start_from: The weights' file that the run began with, and its header.
    """
    return {
        "step": state.step,
        "patches": state.patches,
        "steps": 0,
        "seconds": 0.0,
        "recipe": asdict(preset),
        "arithmetic": str(dtype).removeprefix("torch."),
        "processes": processes,
        "pool": {"size": None if pool.is_ring else len(pool), "digest": pool.digest},
        "start_from": {"file": start_from[0].name, "digest": start_from[1].digest} if start_from else None,
        "versions": {
            PACKAGE: _own_version(),
            "python": platform.python_version(),
            "torch": torch.__version__,
            "numpy": np.__version__,
        },
        "git": checkout_of(Path(__file__).parent),
        "machine": {
            "processor": processor_name(),
            "threads": torch.get_num_threads(),
            "device": torch.cuda.get_device_name(device) if device.type == "cuda" else str(device),
        },
    }


def differences(before: dict[str, Any], now: dict[str, Any]) -> list[str]:
    """One line for each field that two starts of a run don't share.

    Args:
        before: Facts of the earlier start.
        now: Facts of the later start. Fields that only one of them knows, and the work done, are left out.
    """
    first, second = _flat(before), _flat(now)
    return [
        f"{name}: {first[name]} at the last start, {second[name]} now"
        for name in first
        if name in second and first[name] != second[name]
    ]


def _flat(start: dict[str, Any]) -> dict[str, Any]:
    """``{"recipe": {"rate": 1}}`` becomes ``{"recipe.rate": 1}``; one level, so that options stay together."""
    fields: dict[str, Any] = {}
    for name, value in start.items():
        if name in _OF_ONE_START:
            continue
        if isinstance(value, dict):
            fields |= {f"{name}.{key}": inner for key, inner in value.items()}
        else:
            fields[name] = value
    return fields


def _own_version() -> str | None:
    try:
        return importlib.metadata.version(PACKAGE)
    except importlib.metadata.PackageNotFoundError:
        return None


def checkout_of(package: Path) -> dict[str, Any] | None:
    """The git commit that a package runs from, and whether tracked files were changed; None if it is installed."""
    git = shutil.which("git")
    if git is None:
        return None

    def ask(*arguments: str) -> str | None:
        done = subprocess.run(  # noqa: S603 - fixed arguments
            [git, "-C", str(package), *arguments],
            capture_output=True,
            text=True,
            encoding="utf-8",
            check=False,
            env={**os.environ, "GIT_OPTIONAL_LOCKS": "0"},
        )
        return done.stdout.strip() if done.returncode == 0 else None

    # An installation may lie within a checkout of something else, which says nothing of this package.
    if ask("ls-files", "--error-unmatch", "__init__.py") is None:
        return None
    commit, changes = ask("rev-parse", "HEAD"), ask("status", "--porcelain", "--untracked-files=no")
    return None if commit is None else {"commit": commit, "changed": bool(changes)}
