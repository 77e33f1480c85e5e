"""What is said of good weights."""

from __future__ import annotations

import numpy as np
import pytest
import quality


def test_brightness_and_sharpness_are_told_apart() -> None:
    rng = np.random.default_rng(0)
    sharp = rng.integers(100, 140, (128, 256, 3)).astype(np.uint8)
    detail = rng.choice(np.array([-10, 10]), sharp.shape)
    blurred = np.clip(sharp + detail + 30, 0, 255).astype(np.uint8)
    darker = np.clip(sharp + detail, 0, 255).astype(np.uint8)
    crisper = np.clip(sharp + 30, 0, 255).astype(np.uint8)
    before, after = quality.errors_by_size(blurred, darker, sharp)
    assert before.sum() == pytest.approx(np.square(blurred.astype(float) - sharp).sum() * 128 * 256, rel=1e-5)
    assert after[0] < 0.01 * before[0]
    assert after[1] == pytest.approx(before[1], rel=0.01)
    before, after = quality.errors_by_size(blurred, crisper, sharp)
    assert after[0] == pytest.approx(before[0], rel=0.01)
    assert after[1] < 0.01 * before[1]
