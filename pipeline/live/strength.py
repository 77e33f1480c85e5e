"""How much of the correction is applied: between the picture as it came and beyond what the network made of it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from network.planes import MAX_STRENGTH

if TYPE_CHECKING:
    from network.planes import PlaneBatch

_ONE = 256
"""The strength 1 as a fixed-point number: 8-bit differences times strength stay within 32 bits with room to spare."""


def apply_strength(blurred: PlaneBatch, deblurred: PlaneBatch, strength: float) -> None:
    """Scales the correction: ``deblurred`` becomes ``blurred + strength * (deblurred - blurred)``, clamped.

    Args:
        blurred: What the engine got; left as it is.
        deblurred: What the engine made of it, of the same spec and size; overwritten.
        strength: 0 to :data:`network.planes.MAX_STRENGTH`; in steps of 1/256.

    Raises:
        ValueError: If the strength is out of range.
    """
    check_strength(strength)
    factor = round(strength * _ONE)
    if factor == _ONE:
        return
    shift = blurred.spec.code_shift
    top = 2**blurred.spec.depth - 1
    for before, after in zip(blurred.planes, deblurred.planes, strict=True):
        code = (before >> shift).astype(np.int32)
        change = (after >> shift).astype(np.int32)
        change -= code
        change *= factor
        change += _ONE // 2
        change >>= 8  # rounds halves up, negative ones too
        change += code
        np.clip(change, 0, top, out=change)
        after[...] = change << shift if shift else change


def check_strength(strength: float) -> float:
    """The strength itself if it is in range.

    Raises:
        ValueError: If it is not.
    """
    if not 0 <= strength <= MAX_STRENGTH:
        raise ValueError(f"the strength must be from 0 to {MAX_STRENGTH}, not {strength}")
    return strength
