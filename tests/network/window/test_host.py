"""Windows in host memory go through the stage, one after the other."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from network.planes import PlaneBatch, PlaneSpec
from network.window.host import HostWindows
from network.window.windows import MISSING, Window
from tests.support.windows import SPECS, moving_frames

FRAMES = 4


class Neighbour(nn.Module):
    """Turns each frame into what its previous one looks like, aligned or standing in."""

    window = Window(1, 1)

    def forward(self, luma: Tensor, chroma: Tensor, motion: Tensor) -> tuple[Tensor, Tensor]:
        assert luma.dtype == chroma.dtype == motion.dtype == torch.float32
        assert not torch.is_grad_enabled()
        return luma[:, :1] - luma[:, 1:2], chroma[:, :2] - chroma[:, 2:4]


@pytest.mark.parametrize("spec", SPECS, ids=str)
def test_each_window_is_put_in_its_place(spec: PlaneSpec) -> None:
    batch, windows = moving_frames(spec, FRAMES), np.array([(1, 2, 3), (MISSING, 1, 2)])
    made = PlaneBatch.empty(spec, 3)
    for plane in made.planes:
        plane[...] = 7
    by = HostWindows(spec, Neighbour(), Neighbour.window)
    for _ in range(2):  # memory is used again
        by.run(batch, windows, made)
        for plane, source in zip(made.planes, batch.planes, strict=True):
            assert (plane[0] != source[2]).any()
            np.testing.assert_array_equal(plane[1], source[1], "without a previous frame, nothing changes")
            assert (plane[2] == 7).all()


def test_strength_scales_the_change() -> None:
    spec = PlaneSpec(96, 64)
    batch, made = moving_frames(spec, FRAMES), PlaneBatch.empty(spec, 1)
    HostWindows(spec, Neighbour(), Neighbour.window, strength=0).run(batch, Window(1, 1).consecutive(4, 1, 1), made)
    for plane, source in zip(made.planes, batch.planes, strict=True):
        np.testing.assert_array_equal(plane[0], source[1])
