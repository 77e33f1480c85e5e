"""Light of a camera's codes, and codes of light: blur adds up light, and cameras bend it before they write codes."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    FloatArray = NDArray[np.float32]

CODES = 0.0
"""Steepness of a camera that averages its codes as they are, as some data sets were made."""

_ENTRIES = 4096
"""Entries of the table from light to codes, evenly spaced in the root of light: dark codes lie close together there."""


def to_linear(codes: NDArray[np.uint8], steepness: float = 1.0) -> FloatArray:
    """Linear light in [0, 1] of a camera's codes.

    Args:
        codes: Codes of the camera, of any shape.
        steepness: 1 takes the codes for sRGB (IEC 61966-2-1); more raises that light to this power: cameras lift
            shadows and hold back highlights by more than sRGB does, so that what they average over an exposure is
            brighter than the average of their codes. :data:`CODES` takes the codes themselves for light.
    """
    return np.take(_light_of_codes(steepness), codes)


def to_codes(linear: FloatArray, steepness: float = 1.0) -> FloatArray:
    """Codes in [0, 1], float32, not rounded; light beyond [0, 1] is clipped as a sensor does.

    Args:
        linear: Linear light, of any shape.
        steepness: The ``steepness`` by which codes were made light.
    """
    if steepness == CODES:
        return np.clip(linear, 0, 1)
    light = np.power(np.clip(linear, 0, 1), 1 / steepness, dtype=np.float32)
    low, high = light * 12.92, 1.055 * np.power(light, 1 / 2.4, dtype=np.float32) - 0.055
    return np.where(light <= 0.0031308, low, high).astype(np.float32)


def to_codes_quickly(linear: FloatArray, steepness: float) -> FloatArray:
    """As :func:`to_codes`, by a table; within half a code of 255."""
    table = to_codes(np.square(np.linspace(0, 1, _ENTRIES, dtype=np.float32)), steepness)
    index = np.sqrt(np.clip(linear, 0, 1)) * np.float32(_ENTRIES - 1) + np.float32(0.5)
    return np.take(table, index.astype(np.uint16))


def _light_of_codes(steepness: float) -> FloatArray:
    codes = np.arange(256, dtype=np.float64) / 255
    if steepness == CODES:
        return codes.astype(np.float32)
    light = np.where(codes <= 0.04045, codes / 12.92, ((codes + 0.055) / 1.055) ** 2.4)
    return np.power(light, steepness).astype(np.float32)
