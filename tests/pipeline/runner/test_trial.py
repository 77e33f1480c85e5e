"""An engine as it is measured: amid a video that moves."""

from __future__ import annotations

import numpy as np
import pytest

from network.planes import Layout, PlaneSpec
from network.window.windows import Window
from pipeline.runner.trial import Trial
from tests.support.engines import InvertingEngine, WindowEngine


@pytest.mark.parametrize("spec", [PlaneSpec(40, 24), PlaneSpec(38, 22, Layout.NV12, 10)], ids=str)
def test_every_frame_that_is_made_has_its_neighbours(spec: PlaneSpec) -> None:
    engine = WindowEngine(Window(1, 1))
    trial = Trial(engine, spec, 3)
    trial.fill()
    trial.run()
    assert engine.sizes == [(5, 3, 3)]
    for blurred, sharp in zip(trial.blurred.planes, trial.sharp.planes, strict=True):
        for n, found in enumerate(sharp):
            frames = [blurred[n + k] >> spec.code_shift for k in range(3)]
            np.testing.assert_array_equal(found, WindowEngine.mixed(frames, spec.depth) << spec.code_shift)


def test_the_picture_moves_by_the_same_in_every_plane() -> None:
    trial = Trial(WindowEngine(), PlaneSpec(40, 24), 1)
    trial.fill()
    luma, *chroma = trial.blurred.planes
    np.testing.assert_array_equal(luma[2], np.roll(luma[1], 2, axis=0))
    for plane in chroma:
        np.testing.assert_array_equal(plane[2], np.roll(plane[1], 1, axis=0))
    assert np.unique(luma).size > 100


def test_an_engine_without_a_window_gets_a_batch_of_its_frames() -> None:
    engine = InvertingEngine()
    trial = Trial(engine, PlaneSpec(40, 24), 2)
    trial.fill()
    trial.run()
    np.testing.assert_array_equal(trial.sharp.planes[0], np.invert(trial.blurred.planes[0]))
