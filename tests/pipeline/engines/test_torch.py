"""The PyTorch engine on windows: as the processor aligns them, and as a device does."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest
import torch

from network import catalogue, weights
from network.models.layers import fold_for_inference
from network.planes import Layout, Matrix, PlaneBatch, PlaneSpec
from network.window.planar import WindowPlanes
from network.window.stage import WindowStage
from network.window.windows import Window
from pipeline.engines.torch import TorchEngine, TorchOptions
from pipeline.errors import EngineError
from tests.support.networks import rgb_network, video_network
from tests.support.windows import moving_frames

if TYPE_CHECKING:
    from network.window.windows import Windows

WINDOW = Window(1, 1)
KINDS = [
    PlaneSpec(95, 61),
    PlaneSpec(95, 61, Layout.NV12, 10),
    PlaneSpec(95, 61, Layout.YUV444P, 8, Matrix.RGB, full_range=True),
]


def engine(**options: object) -> TorchEngine:
    return TorchEngine(video_network(), name="small", options=TorchOptions(device="cpu", **options))  # type: ignore[arg-type]


def made(by: TorchEngine, frames: PlaneBatch, windows: Windows | None) -> PlaneBatch:
    out = by.buffers(frames.spec, frames.size if windows is None else len(windows))
    by.run(frames, out, windows)
    return out


def off_by(one: PlaneBatch, other: PlaneBatch) -> int:
    shift = one.spec.code_shift
    pairs = zip(one.planes, other.planes, strict=True)
    return max(int(np.abs((a >> shift).astype(int) - (b >> shift).astype(int)).max()) for a, b in pairs)


@pytest.mark.parametrize("spec", KINDS, ids=str)
def test_windows_are_made_of_stage_and_network(spec: PlaneSpec) -> None:
    frames, windows = moving_frames(spec, 4), WINDOW.consecutive(4, 1, 2)
    by = engine(strength=0.75)
    assert by.info.window == WINDOW
    stage = WindowStage(spec, WINDOW, 2)
    stage.fill(frames, windows)
    module = WindowPlanes(fold_for_inference(video_network()), stage.working, 0.75)
    with torch.no_grad():
        results = module(*(torch.from_numpy(each.astype(np.float32)) for each in stage.inputs))
    expected = PlaneBatch.empty(spec, 2)
    stage.put(frames, windows, *(result.numpy() for result in results), expected)
    found = made(by, frames, windows)
    assert off_by(found, expected) <= 1
    assert off_by(found, PlaneBatch(spec, tuple(plane[1:3] for plane in frames.planes))) > 5


@pytest.mark.parametrize("spec", KINDS, ids=str)
def test_a_device_makes_what_the_processor_makes(spec: PlaneSpec, monkeypatch: pytest.MonkeyPatch) -> None:
    frames, windows = moving_frames(spec, 4), WINDOW.consecutive(4)
    expected = made(engine(), frames, windows)
    monkeypatch.setattr(TorchEngine, "_run_on_host", TorchEngine._run_on_device)
    assert off_by(made(engine(), frames, windows), expected) <= 2


def test_frames_without_windows_stand_for_themselves() -> None:
    frames = moving_frames(KINDS[0], 3)
    assert off_by(made(engine(), frames, None), made(engine(), frames, WINDOW.alone(3))) == 0


def test_more_frames_than_windows_and_windows_in_any_order() -> None:
    frames, by = moving_frames(KINDS[0], 4), engine()
    out = by.buffers(KINDS[0], 3)
    for plane in out.planes:
        plane[...] = 7
    by.run(frames, out, WINDOW.consecutive(4)[[2, 1]])
    for index, place in enumerate((2, 1)):
        alone = made(by, frames, WINDOW.consecutive(4)[place : place + 1])
        for plane, expected in zip(out.planes, alone.planes, strict=True):
            np.testing.assert_array_equal(plane[index], expected[0])
    assert all((plane[2] == 7).all() for plane in out.planes)


def test_half_precision_keeps_the_spectrum_and_the_picture() -> None:
    frames, windows = moving_frames(KINDS[0], 3), WINDOW.consecutive(3)
    by = engine(half=True)
    assert by.info.precision == "fp16"
    assert off_by(made(by, frames, windows), made(engine(), frames, windows)) <= 2


def test_the_present_frame_alone_has_no_neighbours() -> None:
    by = TorchEngine(video_network(frames=1), name="one", options=TorchOptions(device="cpu"))
    assert by.info.window == Window()
    frames = moving_frames(KINDS[0], 2)
    assert off_by(made(by, frames, None), frames) > 5


def test_a_network_for_rgb_has_no_window() -> None:
    by = TorchEngine(rgb_network(), name="rgb", options=TorchOptions(device="cpu"))
    assert by.info.window == Window()
    frames = moving_frames(KINDS[0], 2)
    assert off_by(made(by, frames, None), frames) > 5


def test_windows_that_do_not_fit_are_refused() -> None:
    frames, by = moving_frames(KINDS[0], 3), engine()
    with pytest.raises(EngineError, match="windows of 3 frames"):
        made(by, frames, np.array([[0, 1]]))


def test_the_shipped_network_runs() -> None:
    path = catalogue.weights_file(catalogue.DEFAULT)
    assert path is not None
    by = TorchEngine.from_weights(path, TorchOptions(device="cpu"))
    assert (by.info.network, by.info.digest) == (catalogue.DEFAULT, weights.load(path)[1].digest)
    frames = moving_frames(KINDS[0], 3)
    assert off_by(made(by, frames, WINDOW.consecutive(3)), frames) > 2
