"""The scripts, and tiny data for them."""

from __future__ import annotations

import sys
from pathlib import Path

import cv2
import numpy as np
import pytest

# A script finds the ones beside it since Python puts its folder here; so it is for the tests.
sys.path.append(str(Path(__file__).resolve().parents[2] / "benchmarks"))


@pytest.fixture
def pairs(tmp_path: Path) -> Path:
    """Two sequences of two pairs of 80x64."""
    rng = np.random.default_rng(0)
    for sequence in ("000", "001"):
        for frame in range(2):
            coarse = rng.integers(0, 256, (8, 10, 3), dtype=np.uint8)
            sharp = cv2.resize(coarse, (80, 64), interpolation=cv2.INTER_CUBIC)
            for side, picture in (("sharp", sharp), ("blur", cv2.blur(sharp, (7, 1)))):
                folder = tmp_path / "pairs" / sequence / side
                folder.mkdir(parents=True, exist_ok=True)
                cv2.imwrite(str(folder / f"{frame:04d}.png"), picture)
    return tmp_path / "pairs"


@pytest.fixture
def pool(tmp_path: Path) -> Path:
    """Eight pairs of 48x48, blurred like those of ``pairs``."""
    rng = np.random.default_rng(1)
    shard = np.empty((8, 2, 48, 48, 3), np.uint8)
    for pair in shard:
        pair[1] = cv2.resize(rng.integers(0, 256, (6, 6, 3), dtype=np.uint8), (48, 48), interpolation=cv2.INTER_CUBIC)
        pair[0] = cv2.blur(pair[1], (7, 1))
    folder = tmp_path / "pool"
    folder.mkdir()
    np.save(folder / "pairs_0000000.npy", shard)
    return folder
