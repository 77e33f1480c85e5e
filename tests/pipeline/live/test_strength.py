"""The strength of the correction, at every depth."""

from __future__ import annotations

from itertools import product

import numpy as np
import pytest

from network.planes import Layout, PlaneBatch, PlaneSpec
from pipeline.live.processor import apply_strength


@pytest.mark.parametrize(
    ("layout", "depth", "strength"),
    list(product([Layout.YUV420P, Layout.NV12, Layout.GRAY], [8, 10, 16], [0.0, 0.25, 1.0, 1.25, 1.5])),
)
def test_the_difference_is_scaled_rounded_and_clamped(layout: Layout, depth: int, strength: float) -> None:
    spec = PlaneSpec(33, 17, layout, depth)
    rng = np.random.default_rng(depth)
    before, after = PlaneBatch.empty(spec, 1), PlaneBatch.empty(spec, 1)
    for plane in (*before.planes, *after.planes):
        plane[...] = rng.integers(0, 2**depth, plane.shape) << spec.code_shift
    untouched = [plane.copy() for plane in before.planes]
    expected = [
        np.clip(
            np.floor(
                (a >> spec.code_shift)
                + strength * ((b >> spec.code_shift) - (a >> spec.code_shift).astype(float))
                + 0.5
            ),
            0,
            2**depth - 1,
        )
        for a, b in zip(before.planes, after.planes, strict=True)
    ]
    apply_strength(before, after, strength)
    for got, want, source, copy in zip(after.planes, expected, before.planes, untouched, strict=True):
        np.testing.assert_array_equal(got >> spec.code_shift, want)
        assert not (got & ((1 << spec.code_shift) - 1)).any()
        np.testing.assert_array_equal(source, copy)


@pytest.mark.parametrize("strength", [-0.01, 1.51])
def test_a_strength_out_of_range_is_refused(strength: float) -> None:
    batch = PlaneBatch.empty(PlaneSpec(4, 4), 1)
    with pytest.raises(ValueError, match=r"0 to 1\.5"):
        apply_strength(batch, batch, strength)
