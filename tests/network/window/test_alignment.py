"""Neighbours as they would look from the present frame, on the processor and on a device."""

from __future__ import annotations

import cv2
import numpy as np
import pytest
import torch

from network.window.alignment import align
from network.window.motion import averaged, find_flow
from network.window.planar import align_on_device
from tests.network.window.scenes import scene


def luma(shift: tuple[float, float] = (0, 0)) -> np.ndarray:
    return np.rint(scene(192, 256, shift).mean(2) * 219 + 16).astype(np.uint8)


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
def test_a_moved_neighbour_comes_to_lie_on_the_present_frame(dtype: type) -> None:
    scale = 1 if dtype is np.uint8 else 4
    present, neighbour = luma(), luma((8, 5))
    flow = find_flow(averaged(present), averaged(neighbour))
    planes = tuple((plane.astype(dtype) * scale) for plane in (neighbour, neighbour[::2, ::2], neighbour[::2, ::2]))
    aligned = tuple(np.empty_like(plane) for plane in planes)
    align(planes, flow, aligned)  # type: ignore[arg-type]
    inner = np.s_[16:-16, 16:-16]
    before = np.abs(neighbour[inner].astype(float) - present[inner]).mean()
    after = np.abs(aligned[0][inner] / scale - present[inner]).mean()
    assert after < before / 5
    chroma = present[::2, ::2]
    assert np.abs(aligned[1][8:-8, 8:-8] / scale - chroma[8:-8, 8:-8]).mean() < before / 4


def test_no_motion_leaves_every_code() -> None:
    planes = tuple(np.random.default_rng(0).integers(0, 256, shape, np.uint8) for shape in ((32, 48), (16, 24)))
    out = tuple(np.empty_like(plane) for plane in planes)
    align(planes, np.zeros((8, 12, 2), np.float32), out)
    for plane, aligned in zip(planes, out, strict=True):
        np.testing.assert_array_equal(plane, aligned)


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16, np.float32])
def test_samples_come_from_where_the_flow_leads(dtype: type) -> None:
    random = np.random.default_rng(2)
    flow = cv2.GaussianBlur(random.normal(0, 30, (48, 64, 2)).astype(np.float32), (0, 0), 3)
    planes = tuple(random.integers(0, 256, shape).astype(dtype) for shape in ((192, 256), (96, 128)))
    aligned = tuple(np.empty_like(plane) for plane in planes)
    align(planes, flow, aligned)
    for plane, found in zip(planes, aligned, strict=True):
        height, width = plane.shape
        down, across = np.indices(plane.shape, np.float32)
        shift = cv2.resize(flow, (width, height)) * np.float32(height / 48)
        expected = cv2.remap(
            plane, across + shift[..., 0], down + shift[..., 1], cv2.INTER_LINEAR, None, cv2.BORDER_REPLICATE
        )
        # Places are rounded in another order: that shows in a hundredth of a code, or in one where it is rounded.
        differences = np.abs(found.astype(np.float64) - expected)
        assert differences.max() <= (0.01 if dtype is np.float32 else 1)
        assert (differences > 0.01).mean() < 0.001


def test_a_device_aligns_within_one_code_of_the_processor() -> None:
    random = np.random.default_rng(1)
    plane = luma()
    flow = (random.normal(0, 3, (48, 64, 2)) + 2).astype(np.float32)  # out of the picture, too
    expected = np.empty_like(plane)
    align((plane,), flow, (expected,))
    found = align_on_device(
        torch.from_numpy(plane).float()[None, None], torch.from_numpy(flow.transpose(2, 0, 1).copy())[None]
    )[0, 0].numpy()
    differences = np.abs(found - expected)
    # OpenCV places pixels on a grid of 1/32; beside an edge of 200 codes that is worth up to 3.
    assert np.mean(differences > 1) < 0.01
    assert differences.max() <= 4
