"""Codes and light."""

from __future__ import annotations

import numpy as np
import pytest

from network.synth.light import CODES, to_codes, to_codes_quickly, to_linear

ALL = np.arange(256, dtype=np.uint8)


@pytest.mark.parametrize("steepness", [CODES, 1.0, 1.5, 2.0])
def test_light_leads_back_to_the_codes(steepness: float) -> None:
    light = to_linear(ALL, steepness)
    np.testing.assert_allclose(255 * to_codes(light, steepness), ALL, atol=0.01)
    assert np.abs(255 * to_codes_quickly(light, steepness) - ALL).max() < 0.5


def test_half_the_light_of_srgb_is_code_188() -> None:
    assert to_linear(np.array([188], np.uint8))[0] == pytest.approx(0.503, abs=0.001)


def test_the_steeper_the_response_the_brighter_is_the_average_of_black_and_white() -> None:
    averages = [
        255 * float(to_codes(to_linear(np.array([0, 255], np.uint8), steepness).mean(keepdims=True), steepness)[0])
        for steepness in (CODES, 1.0, 2.0)
    ]
    # Half the light, and 0.5^(1/2) as sRGB counts it, which is code 219; sRGB itself gives 188, codes 127.5.
    assert averages == pytest.approx([127.5, 187.5, 218.9], abs=0.1)
