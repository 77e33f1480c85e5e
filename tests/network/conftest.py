"""What tests of the training share."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from network.training.pool import Pool
from network.training.recipes import Preset

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture
def root() -> Path:
    """Of the repository: what a process of its own has to find the packages in."""
    return ROOT


@pytest.fixture
def tiny() -> Preset:
    """A recipe of seconds."""
    return Preset(
        options={"widths": [8, 8, 8], "depth": 1},
        batch=2,
        patch=32,
        steps=8,
        warmup=2,
        decay=3,
        rate=3e-3,
        noise=2.0,
        precision="fp32",  # on every machine
    )


@pytest.fixture
def pool(tmp_path: Path) -> Pool:
    """Eight pairs of noise in two shards."""
    folder = tmp_path / "pool"
    folder.mkdir()
    rng = np.random.default_rng(0)
    np.save(folder / "pairs_0000000.npy", rng.integers(0, 256, (5, 2, 40, 40, 3), dtype=np.uint8))
    np.save(folder / "pairs_0000005.npy", rng.integers(0, 256, (3, 2, 40, 40, 3), dtype=np.uint8))
    return Pool([folder])
