"""The response by which pairs were made is found again."""

from __future__ import annotations

from typing import TYPE_CHECKING

import cv2
import numpy as np
import pytest
import response
from strokes import codes_of, light_of

if TYPE_CHECKING:
    from pathlib import Path


@pytest.mark.parametrize("steepness", [1.0, 1.7])
def test_the_response_of_averaged_pairs_is_found(steepness: float, tmp_path: Path) -> None:
    for folder in ("blur", "sharp"):
        (tmp_path / folder).mkdir()
    rng = np.random.default_rng(0)
    for name in ("0.png", "1.png"):
        coarse = rng.integers(0, 256, (60, 80, 3), dtype=np.uint8)
        # One half has little contrast, so that no response fits both by making everything brighter.
        coarse[:, 40:] = coarse[:, 40:] // 4 + 90
        sharp = cv2.resize(coarse, (320, 240), interpolation=cv2.INTER_NEAREST)
        light = cv2.blur(light_of(sharp) ** steepness, (15, 1))
        cv2.imwrite(str(tmp_path / "sharp" / name), sharp)
        cv2.imwrite(str(tmp_path / "blur" / name), codes_of(light ** (1 / steepness)))
    assert response.main([str(tmp_path)]) == pytest.approx(steepness, abs=0.11)
