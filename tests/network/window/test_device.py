"""Windows on a device are those of the processor: working planes, motion and alignment, within one code."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from network.planes import Layout, Matrix, PlaneBatch, PlaneSpec
from network.window.device import DeviceWindows
from network.window.found import DeviceFrames, HostFrames, find_motion
from network.window.planar import align_on_device
from network.window.stage import WindowStage
from network.window.tensors import (
    add_correction_tensors,
    averaged_tensor,
    read_luma_tensor,
    read_tensors,
    write_tensors,
)
from network.window.windows import MISSING, Window
from network.window.working import add_correction, read_working, working_spec, write_direct
from tests.support.windows import SPECS, moving_frames

WINDOW = Window(1, 1)


def words(batch: PlaneBatch) -> list[torch.Tensor]:
    return [torch.from_numpy(plane).to(torch.float32) for plane in batch.planes]


def noise(spec: PlaneSpec, frames: int = 2) -> PlaneBatch:
    batch, random = PlaneBatch.empty(spec, frames), np.random.default_rng(1)
    for plane in batch.planes:
        plane[...] = random.integers(0, 1 << spec.depth, plane.shape) << spec.code_shift
    return batch


@pytest.mark.parametrize("spec", SPECS, ids=str)
def test_working_planes_are_those_of_the_processor(spec: PlaneSpec) -> None:
    batch, working = noise(spec), working_spec(spec)
    luma, chroma = read_tensors(words(batch), spec, working)
    assert torch.equal(read_luma_tensor(words(batch), spec, working), luma)
    for index in range(2):
        expected = working.empty()
        read_working(batch, index, working, expected)
        for found, plane in zip((luma[index, 0], *chroma[index]), expected, strict=True):
            assert np.abs(found.numpy() - plane).max() <= 1


@pytest.mark.parametrize("spec", SPECS, ids=str)
def test_results_are_packed_as_by_the_processor(spec: PlaneSpec) -> None:
    batch, working = noise(spec), working_spec(spec)
    random = np.random.default_rng(2)
    height, width = working.height, working.width
    shapes = ((2, 1, height, width), (2, 2, height // 2, width // 2))
    out = PlaneBatch.empty(spec, 2)
    if working.is_direct:
        made = [random.integers(0, working.maximum + 1, shape).astype(np.float32) for shape in shapes]
        for index in range(2):
            write_direct((made[0][index, 0], *made[1][index]), out, index)
        found = write_tensors(torch.from_numpy(made[0]), torch.from_numpy(made[1]), spec)
    else:
        made = [random.normal(0, 0.3, shape).astype(np.float32) for shape in shapes]
        for index in range(2):
            add_correction(batch, index, (made[0][index, 0], *made[1][index]), out, index)
        found = add_correction_tensors(words(batch), torch.from_numpy(made[0]), torch.from_numpy(made[1]), spec)
    for plane, expected in zip(found, out.planes, strict=True):
        assert np.abs(plane.numpy() - expected).max() <= 1 << spec.code_shift


@pytest.mark.parametrize("spec", SPECS, ids=str)
def test_motion_is_found_as_the_stage_finds_it(spec: PlaneSpec) -> None:
    batch = moving_frames(spec, 4)
    windows = np.concatenate((WINDOW.consecutive(4), [[0, 1, 1], [MISSING, 2, 3], [3, 0, 2]]))
    found = find_motion(HostFrames(batch), windows, spec)
    stage = WindowStage(spec, WINDOW, len(windows))
    stage.fill(batch, windows)
    np.testing.assert_array_equal(found.motion, stage.motion)
    there = [[False, True], [True, True], [True, True], [True, False], [True, False], [False, True]]
    assert found.is_there[:6].tolist() == there
    assert found.places[0].tolist() == [0, 0, 1]
    assert found.flow[1].any()
    assert not found.flow[0, :2].any()


def test_motion_of_frames_on_a_device_is_that_of_the_host() -> None:
    spec = PlaneSpec(190, 130, Layout.NV12, 10)
    batch = moving_frames(spec, 3)
    windows = np.concatenate((WINDOW.consecutive(3), [[1, 1, 1]]))
    on_host = find_motion(HostFrames(batch), windows, spec)
    on_device = find_motion(DeviceFrames([torch.from_numpy(plane) for plane in batch.planes], spec), windows, spec)
    np.testing.assert_array_equal(on_device.is_there, on_host.is_there)
    np.testing.assert_allclose(on_device.motion, on_host.motion, atol=1e-3)


def test_frames_too_small_for_motion_have_no_neighbours() -> None:
    spec = PlaneSpec(30, 30)
    found = find_motion(HostFrames(moving_frames(spec, 3)), WINDOW.consecutive(3), spec)
    assert not found.is_there.any()
    assert (found.motion[:, 4:] == 1).all()


def test_averages_are_those_of_the_processor() -> None:
    from network.window.motion import averaged

    for depth in (8, 10, 16):
        spec = PlaneSpec(64, 48, depth=depth)
        working = working_spec(spec)
        luma = noise(spec).planes[0]
        found = averaged_tensor(torch.from_numpy(luma).to(torch.float32).unsqueeze(1), working)
        for index in range(2):
            expected = averaged(luma[index], working.extra_bits)
            assert np.abs(found[index].numpy().astype(int) - expected.astype(int)).max() <= 1


@pytest.mark.parametrize("spec", SPECS, ids=str)
def test_windows_on_a_device_are_those_of_the_stage(spec: PlaneSpec) -> None:
    """A core that tells what it was given: the two must have seen the same, within one code."""
    batch, windows = moving_frames(spec, 3), WINDOW.consecutive(3)
    stage = WindowStage(spec, WINDOW, 3)
    stage.fill(batch, windows)
    seen: list[torch.Tensor] = []

    def core(*inputs: torch.Tensor) -> tuple[torch.Tensor, ...]:
        seen.extend(inputs)
        changes = inputs[0][:, 1:2], inputs[1][:, 2:4]
        return changes if stage.working.is_direct else tuple(torch.zeros_like(change) for change in changes)

    found = find_motion(HostFrames(batch), windows, spec)
    facts = [torch.from_numpy(value) for value in (found.places, found.is_there, found.flow, found.motion)]
    planes = [torch.from_numpy(plane) for plane in batch.planes]
    results = DeviceWindows(spec, core)(planes, *facts)
    for result, plane in zip(results, planes, strict=True):
        assert torch.equal(result, plane), "nothing was changed, so every word comes back"
    code = 1 if spec.depth < 16 else 2  # of 65,536: places in the picture are no finer in float32
    for one, other in zip(seen, (stage.luma, stage.chroma, stage.motion), strict=True):
        assert np.abs(one.numpy() - other).max() <= (code if other is not stage.motion else 0)


@pytest.mark.parametrize(("dtype", "highest"), [(np.uint8, 255), (np.uint16, 1023), (np.uint16, 65535)])
def test_alignment_is_that_of_opencv(dtype: type[np.generic], highest: int) -> None:
    from network.window.alignment import align

    random = np.random.default_rng(0)
    shapes = [(96, 160), (48, 80), (48, 80)]
    planes = tuple(random.integers(0, highest + 1, shape).astype(dtype) for shape in shapes)
    flow = random.normal(0, 6, (24, 40, 2)).astype(np.float32)
    flow[:4] = 300  # far outside, where the border goes on
    expected = tuple(np.empty_like(plane) for plane in planes)
    align(planes, flow, expected)
    there = torch.from_numpy(flow).permute(2, 0, 1)[None]
    for plane, aligned in zip(planes, expected, strict=True):
        found = align_on_device(torch.from_numpy(plane.astype(np.float32))[None, None], there)[0, 0].numpy()
        code = 2 if highest == 65535 else 1  # places in the picture are no finer in float32
        assert np.abs(found - aligned).max() <= code
        assert (found != aligned).mean() < 0.05


def test_a_network_without_neighbours_sees_the_frame_alone() -> None:
    spec = PlaneSpec(50, 34)
    batch = noise(spec, 3)
    shapes: list[torch.Size] = []

    def core(*inputs: torch.Tensor) -> tuple[torch.Tensor, ...]:
        shapes.extend(one.shape for one in inputs)
        return inputs

    planes = [torch.from_numpy(plane) for plane in batch.planes]
    results = DeviceWindows(spec, core)(planes, torch.tensor([[2], [0]]))
    assert [tuple(shape) for shape in shapes] == [(2, 1, 48, 64), (2, 2, 24, 32)]
    for result, plane in zip(results, planes, strict=True):
        assert torch.equal(result, plane[[2, 0]])


def test_rgb_goes_through_bt709() -> None:
    spec = PlaneSpec(16, 16, Layout.YUV444P, 8, Matrix.RGB, full_range=True)
    white = [torch.full((1, 16, 16), 255.0)] * 3
    luma, chroma = read_tensors(white, spec, working_spec(spec))
    working = working_spec(spec)
    assert (luma == working.luma_zero + working.luma_range).all()
    assert (chroma == working.chroma_zero).all()
