"""Working planes: every layout brought there, and corrections brought back."""

from __future__ import annotations

import itertools

import numpy as np
import pytest

from network.planes import Layout, Matrix, PlaneBatch, PlaneSpec
from network.window.working import (
    MULTIPLE,
    add_correction,
    own_planes,
    read_luma,
    read_working,
    working_spec,
    write_direct,
)
from tests.network.window.scenes import batch_of, scene

SIZES = [(48, 32), (37, 21), (2, 2), (1, 1), (1, 6), (7, 1), (30, 30)]
KINDS = [*((layout, Matrix.BT709) for layout in Layout), (Layout.YUV444P, Matrix.RGB)]


def working_planes(batch: PlaneBatch, index: int = 0) -> tuple[np.ndarray, ...]:
    working = working_spec(batch.spec)
    out = working.empty()
    read_working(batch, index, working, out)
    return out


def random_batch(spec: PlaneSpec) -> PlaneBatch:
    """Every code, those outside of the nominal range included."""
    random = np.random.default_rng(0)
    batch = PlaneBatch.empty(spec, 2)
    for plane in batch.planes:
        plane[...] = random.integers(0, 1 << spec.depth, plane.shape) << spec.code_shift
    return batch


@pytest.mark.parametrize(("layout", "matrix"), KINDS, ids=str)
def test_no_correction_gives_back_every_code(layout: Layout, matrix: Matrix) -> None:
    for depth, full, size in itertools.product((8, 10, 12, 16), (False, True), SIZES):
        spec = PlaneSpec(*size, layout, depth, matrix, full)
        batch, out = random_batch(spec), PlaneBatch.empty(spec, 2)
        planes = working_planes(batch, 1)
        if working_spec(spec).is_direct:
            write_direct(planes, out, 0)
        else:
            add_correction(batch, 1, tuple(np.zeros(plane.shape, np.float32) for plane in planes), out, 0)
        for before, after in zip(batch.planes, out.planes, strict=True):
            np.testing.assert_array_equal(before[1], after[0], err_msg=str(spec))


@pytest.mark.parametrize(("layout", "matrix"), KINDS, ids=str)
@pytest.mark.parametrize("depth", [8, 10])
def test_every_layout_becomes_the_same_planes(layout: Layout, matrix: Matrix, depth: int) -> None:
    picture = scene(48, 64)
    expected = working_planes(batch_of([picture], PlaneSpec(64, 48)))
    spec = PlaneSpec(64, 48, layout, depth, matrix)
    working = working_spec(spec)
    found = working_planes(batch_of([picture], spec))
    for number, (plane, reference) in enumerate(zip(found, expected, strict=True)):
        zero, scale = (
            (working.luma_zero, working.luma_range) if number == 0 else (working.chroma_zero, working.chroma_range)
        )
        nominal = (plane.astype(float) - zero) / scale
        if layout is Layout.GRAY and number:
            assert not nominal.any()
            continue
        wanted = (reference.astype(float) - (128 if number else 16)) / (224 if number else 219)
        assert np.abs(nominal - wanted).mean() < 0.004, f"plane {number}"


@pytest.mark.parametrize(("layout", "matrix"), KINDS, ids=str)
@pytest.mark.parametrize("depth", [8, 10])
def test_luma_can_be_had_alone(layout: Layout, matrix: Matrix, depth: int) -> None:
    batch = random_batch(PlaneSpec(37, 21, layout, depth, matrix))
    working = working_spec(batch.spec)
    luma = np.empty((32, 48), working.dtype)
    read_luma(batch, 1, working, luma)
    np.testing.assert_array_equal(luma, working_planes(batch, 1)[0])


def test_grey_has_no_colour() -> None:
    for chroma in working_planes(random_batch(PlaneSpec(37, 21, Layout.GRAY, 10)))[1:]:
        assert chroma.shape == (16, 24)
        assert (chroma == 512).all()


def test_padding_repeats_the_border() -> None:
    batch = random_batch(PlaneSpec(37, 21))
    luma, chroma, _ = working_planes(batch)
    assert luma.shape == (32, 48)
    assert all(length % MULTIPLE == 0 for length in luma.shape)
    np.testing.assert_array_equal(luma[:21, :37], batch.planes[0][0])
    assert (luma[:21, 37:] == luma[:21, 36:37]).all()
    assert (luma[21:] == luma[20]).all()
    np.testing.assert_array_equal(chroma[:11, :19], batch.planes[1][0])
    assert (chroma[11:] == chroma[10]).all()


@pytest.mark.parametrize(("layout", "matrix"), KINDS, ids=str)
@pytest.mark.parametrize("full", [False, True])
def test_a_correction_of_luma_brightens_every_layout_alike(layout: Layout, matrix: Matrix, full: bool) -> None:
    spec = PlaneSpec(36, 20, layout, 10, matrix, full)
    batch, out = batch_of([scene(20, 36) / 2 + 0.2], spec), PlaneBatch.empty(spec, 1)
    shape = (32, 48)
    none = np.zeros((16, 24), np.float32)
    add_correction(batch, 0, (np.full(shape, 0.1, np.float32), none, none), out, 0)
    scale = 1023 if full else 876
    change = (out.planes[0].astype(int) - batch.planes[0].astype(int)) >> spec.code_shift
    assert np.abs(change - 0.1 * scale).max() <= 1
    for before, after in zip(batch.planes[1:], out.planes[1:], strict=True):
        change = (after.astype(int) - before.astype(int)) >> spec.code_shift
        assert np.abs(change - (0.1 * scale if matrix is Matrix.RGB else 0)).max() <= 1


def test_a_correction_of_chroma_is_the_colour_that_was_meant() -> None:
    rgb, yuv = PlaneSpec(32, 32, Layout.YUV444P, 8, Matrix.RGB, full_range=True), PlaneSpec(32, 32)
    for spec in (rgb, yuv):
        batch, out = PlaneBatch.empty(spec, 1), PlaneBatch.empty(spec, 1)
        for plane in batch.planes:
            plane[...] = 128
        blue = np.full((16, 16), 0.1, np.float32)
        add_correction(batch, 0, (np.zeros((32, 32), np.float32), blue, 0 * blue), out, 0)
        if spec is yuv:
            assert [int(plane[0, 5, 5]) - 128 for plane in out.planes] == [0, round(22.4), 0]
        else:  # green, blue, red by BT.709
            wanted = [round(-255 * 0.1 * 1.8556 * 0.0722 / 0.7152), round(255 * 0.1 * 1.8556), 0]
            assert [int(plane[0, 5, 5]) - 128 for plane in out.planes] == wanted


def test_codes_stay_in_their_range() -> None:
    spec = PlaneSpec(16, 16, Layout.NV12, 10)
    batch, out = random_batch(spec), PlaneBatch.empty(spec, 2)
    add_correction(batch, 0, tuple(np.full(s, 2.0, np.float32) for s in ((16, 16), (8, 8), (8, 8))), out, 0)
    assert all((plane[0] == 1023 << 6).all() for plane in out.planes)
    add_correction(batch, 0, tuple(np.full(s, -2.0, np.float32) for s in ((16, 16), (8, 8), (8, 8))), out, 0)
    assert all((plane[0] == 0).all() for plane in out.planes)


def test_frames_that_are_working_planes_are_not_copied() -> None:
    for spec in (PlaneSpec(64, 48), PlaneSpec(64, 48, depth=10)):
        batch = random_batch(spec)
        planes = own_planes(batch, 1, working_spec(spec))
        assert planes is not None
        for own, plane, read in zip(planes, batch.planes, working_planes(batch, 1), strict=True):
            assert np.shares_memory(own, plane)
            np.testing.assert_array_equal(own, read)
    for spec in (PlaneSpec(62, 48), PlaneSpec(64, 46), PlaneSpec(64, 48, Layout.NV12), PlaneSpec(64, 48, Layout.GRAY)):
        assert own_planes(random_batch(spec), 1, working_spec(spec)) is None
