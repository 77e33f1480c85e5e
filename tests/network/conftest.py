"""What tests of the training share."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from network.data.windows import write_shard
from network.training.pool import Pool
from network.training.recipes import Preset
from network.training.windows import WindowPool

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture
def root() -> Path:
    """Of the repository: what a process of its own has to find the packages in."""
    return ROOT


@pytest.fixture
def tiny() -> Preset:
    """A recipe of seconds: eight steps."""
    return Preset(
        options={"widths": [8, 8, 8], "depth": 1, "motion": 4},
        batch=2,
        patch=32,
        until=16,
        fall_from=10,
        warmup=2,
        rate=3e-3,
        precision="fp32",  # on every machine
    )


@pytest.fixture
def tiny_pairs() -> Preset:
    """A recipe for pairs: the smallest form of the paper's network."""
    return Preset(
        network="idc",
        options={"scales": 1, "texture": False},
        loss="mixed",
        optimiser="adam",
        weight_decay=0.0,
        batch=2,
        patch=16,
        until=4,
        fall_from=4,
        warmup=0,
        rate=1e-3,
        noise=2.0,
        precision="fp32",
    )


@pytest.fixture
def pool(tmp_path: Path) -> WindowPool:
    """Eight windows of noise in two shards; the first one has no neighbours."""
    folder = tmp_path / "pool"
    folder.mkdir()
    rng = np.random.default_rng(0)
    for start, count in ((0, 5), (5, 3)):
        windows = rng.integers(16, 236, (count, 4, 72, 48), dtype=np.uint8)
        flows = rng.normal(0, 1, (count, 4, 12, 12)).astype(np.float16)
        if start == 0:
            windows[0, :3], flows[0] = windows[0, 1], np.nan
        write_shard(folder, f"{start:08d}", windows, flows)
    return WindowPool([folder])


@pytest.fixture
def pair_pool(tmp_path: Path) -> Pool:
    """Eight pairs of noise in two shards."""
    folder = tmp_path / "pairs"
    folder.mkdir()
    rng = np.random.default_rng(0)
    np.save(folder / "pairs_0000000.npy", rng.integers(0, 256, (5, 2, 40, 40, 3), dtype=np.uint8))
    np.save(folder / "pairs_0000005.npy", rng.integers(0, 256, (3, 2, 40, 40, 3), dtype=np.uint8))
    return Pool([folder])
