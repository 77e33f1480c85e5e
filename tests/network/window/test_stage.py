"""What a network is given of windows."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest

from network.planes import Layout, Matrix, PlaneBatch, PlaneSpec
from network.window.stage import WindowStage
from network.window.windows import MISSING, Window
from network.window.working import working_spec
from tests.network.window.scenes import batch_of, scene
from tests.network.window.test_working import KINDS, random_batch, working_planes

if TYPE_CHECKING:
    from collections.abc import Sequence

BOTH = Window(1, 1)
SPEC = PlaneSpec(256, 192)


def moving(spec: PlaneSpec = SPEC) -> PlaneBatch:
    """Three frames, 8 pixels apart."""
    shifts = ((-8, 0), (0, 0), (8, 0))
    return batch_of([scene(spec.height, spec.width, shift) for shift in shifts], spec)


def filled(batch: PlaneBatch, window: Sequence[int]) -> WindowStage:
    stage = WindowStage(batch.spec, BOTH)
    stage.fill(batch, np.array([window]))
    return stage


def is_missing(stage: WindowStage, side: int) -> bool:
    """Whether a neighbour is told to be missing, and the present frame stands in for it."""
    told = bool(stage.motion[0, 4 + side].all())
    assert told == bool((stage.luma[0, 2 * side] == stage.luma[0, 1]).all())
    assert told == bool((stage.chroma[0, 4 * side : 4 * side + 2] == stage.chroma[0, 2:4]).all())
    return told


@pytest.mark.parametrize(("layout", "matrix"), KINDS, ids=str)
@pytest.mark.parametrize("depth", [8, 10, 16])
def test_neighbours_are_aligned_in_every_layout(layout: Layout, matrix: Matrix, depth: int) -> None:
    spec = PlaneSpec(254, 190, layout, depth, matrix)
    batch = moving(spec)
    stage = filled(batch, (0, 1, 2))
    luma = stage.luma[0].astype(float) / stage.working.luma_range
    inner = np.s_[24:-24, 24:-24]
    before = np.abs(working_planes(batch, 0)[0] / stage.working.luma_range - luma[1])[inner].mean()
    for neighbour in (0, 2):
        assert np.abs(luma[neighbour] - luma[1])[inner].mean() < before / 5
    middle = stage.motion[0, :, 8:-8, 8:-8]
    np.testing.assert_allclose(np.median(middle, axis=(1, 2)), [2, 0, -2, 0, 0, 0], atol=0.2)


def test_the_motion_is_the_same_whatever_the_depth() -> None:
    eight = filled(moving(), (0, 1, 2)).motion
    batch = moving()
    spec = PlaneSpec(256, 192, depth=12)
    deep = PlaneBatch(spec, tuple(plane.astype(np.uint16) << 4 for plane in batch.planes))
    np.testing.assert_array_equal(filled(deep, (0, 1, 2)).motion, eight)


def test_a_missing_neighbour_is_the_present_frame_and_marked() -> None:
    batch = moving()
    assert [is_missing(filled(batch, (0, 1, 2)), side) for side in (0, 1)] == [False, False]
    assert [is_missing(filled(batch, (MISSING, 1, 2)), side) for side in (0, 1)] == [True, False]
    assert [is_missing(filled(batch, (0, 1, MISSING)), side) for side in (0, 1)] == [False, True]
    assert [is_missing(filled(batch, (MISSING, 1, MISSING)), side) for side in (0, 1)] == [True, True]


def test_a_neighbour_that_repeats_the_present_frame_is_missing() -> None:
    batch = moving()
    for plane in batch.planes:
        plane[2] = plane[1]
    assert [is_missing(filled(batch, (0, 1, 2)), side) for side in (0, 1)] == [False, True]
    batch.planes[1][2, 5, 5] ^= 1  # one code of chroma makes it another frame
    assert not filled(batch, (0, 1, 2)).motion[0, 5].all()


def test_a_neighbour_behind_a_certain_cut_is_missing() -> None:
    pictures = [scene(192, 256, (-8, 0)) / 2, scene(192, 256) / 2, scene(192, 256, seed=9) / 2 + 0.5]
    stage = filled(batch_of(pictures, SPEC), (0, 1, 2))
    assert [is_missing(stage, side) for side in (0, 1)] == [False, True]


@pytest.mark.parametrize("size", [(2, 2), (30, 30), (400, 30)])
def test_frames_too_small_for_motion_stand_for_themselves(size: tuple[int, int]) -> None:
    batch = moving(PlaneSpec(*size))
    assert [is_missing(filled(batch, (0, 1, 2)), side) for side in (0, 1)] == [True, True]


@pytest.mark.parametrize("spec", [PlaneSpec(1918, 1078), PlaneSpec(318, 178, depth=16)], ids=str)
def test_sizes_that_are_no_multiple_are_padded(spec: PlaneSpec) -> None:
    stage = filled(moving(spec), (0, 1, 2))
    height, width = stage.luma.shape[-2:]
    assert (height % 16, width % 16) == (0, 0)
    assert stage.chroma.shape == (1, 6, height // 2, width // 2)
    assert stage.motion.shape == (1, 6, height // 8, width // 8)
    assert np.isfinite(stage.motion).all()


def test_a_window_is_the_same_wherever_it_lies_and_whatever_was_there_before() -> None:
    batch = moving()
    alone = filled(batch, (0, 1, 2))
    many = WindowStage(SPEC, BOTH, 3)
    many.fill(random_batch(SPEC), BOTH.alone(2))
    many.fill(batch, np.array([(MISSING, 0, 1), (0, 1, 2)]))
    for name in ("luma", "chroma", "motion"):
        for row in (1, 2):  # the last one is repeated to the end
            np.testing.assert_array_equal(getattr(many, name)[row], getattr(alone, name)[0])


def test_what_the_network_makes_is_put_where_it_belongs() -> None:
    for spec in (PlaneSpec(37, 21), PlaneSpec(37, 21, Layout.YUV422P)):
        batch, out = random_batch(spec), PlaneBatch.empty(spec, 3)
        stage = WindowStage(spec, BOTH)
        window = np.array([(MISSING, 1, MISSING)])
        stage.fill(batch, window)
        made = (stage.luma[:, 1:2], stage.chroma[:, 2:4])
        if not working_spec(spec).is_direct:
            made = tuple(np.zeros(plane.shape, np.float32) for plane in made)  # type: ignore[assignment]
        stage.put(batch, window, *made, out, first=2)
        for source, target in zip(batch.planes, out.planes, strict=True):
            np.testing.assert_array_equal(source[1], target[2])


def test_a_network_of_one_frame_is_given_one() -> None:
    stage = WindowStage(SPEC, Window())
    stage.fill(moving(), np.array([[1]]))
    assert (stage.luma.shape[1], stage.chroma.shape[1]) == (1, 2)
    assert [one is other for one, other in zip(stage.inputs, (stage.luma, stage.chroma), strict=True)] == [True] * 2
    assert WindowStage(SPEC, BOTH).inputs[2].shape == (1, 6, 24, 32)
    with pytest.raises(ValueError, match="one on either side"):
        WindowStage(SPEC, Window(2, 2))
