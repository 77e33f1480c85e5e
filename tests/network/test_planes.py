"""Batches of planes."""

from __future__ import annotations

import numpy as np

from network.planes import Layout, PlaneBatch, PlaneSpec


def test_frames_are_equal_if_every_sample_of_every_plane_is() -> None:
    for layout in Layout:
        batch = PlaneBatch.empty(PlaneSpec(7, 5, layout, 10), 3)
        random = np.random.default_rng(0)
        for plane in batch.planes:
            plane[0] = random.integers(0, 1 << 10, plane.shape[1:])
            plane[1:] = plane[0]
        assert batch.has_equal(0, 2)
        for plane in batch.planes:
            plane[1].flat[-1] ^= 1
            assert not batch.has_equal(0, 1), layout
            plane[1].flat[-1] ^= 1
        assert batch.has_equal(0, 1)
