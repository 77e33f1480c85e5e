"""The flow-warping error on motion that is known, and flicker."""

from __future__ import annotations

import cv2
import numpy as np
import pytest

from network.errors import DataError
from network.evaluation.temporal import Motion, Steadiness, SteadinessMeter, motion_between, warped, warping_error

Picture = np.ndarray


def scene(height: int = 96, width: int = 160) -> Picture:
    coarse = np.random.default_rng(0).integers(0, 256, (height // 6, width // 6, 3), dtype=np.uint8)
    return cv2.resize(coarse, (width, height), interpolation=cv2.INTER_CUBIC)


def panned(count: int, step: int = 3) -> list[Picture]:
    """Frames of a camera that moves to the right: the picture moves to the left."""
    wide = scene(width=160 + step * count)
    return [np.ascontiguousarray(wide[:, step * index : step * index + 160]) for index in range(count)]


def test_flow_of_a_pan_is_found_and_what_leaves_the_picture_is_not_seen() -> None:
    first, second = panned(2, step=6)
    motion = motion_between(first, second)
    inner = motion.flow[16:-16, 24:-24]
    assert np.median(inner[..., 0]) == pytest.approx(-6, abs=0.1)
    assert np.median(inner[..., 1]) == pytest.approx(0, abs=0.1)
    assert motion.seen[16:-16, 24:-24].mean() > 0.95
    assert not motion.seen[:, :5].any()  # these columns lie outside the second frame


def test_what_an_object_covers_is_not_seen() -> None:
    background = scene(192, 320)
    coarse = np.random.default_rng(5).integers(0, 256, (8, 8, 3), dtype=np.uint8)
    thing = cv2.resize(coarse, (96, 96), interpolation=cv2.INTER_CUBIC)
    frames = []
    for left in (112, 128):
        frame = background.copy()
        frame[48:144, left : left + 96] = thing
        frames.append(frame)
    motion = motion_between(*frames)
    assert np.median(motion.flow[56:136, 120:200, 0]) == pytest.approx(16, abs=0.1)
    assert motion.seen[56:136, 120:200].mean() > 0.8  # the object
    assert motion.seen[56:136, 209:223].mean() < 0.25  # background that the object hides in the second frame
    assert motion.seen[:40].mean() > 0.95


def test_the_mask_is_the_formula() -> None:
    first, second = panned(2, step=6)
    motion, back = motion_between(first, second), motion_between(second, first)
    height, width = first.shape[:2]
    rng = np.random.default_rng(0)
    for y, x in zip(rng.integers(1, height - 1, 200), rng.integers(1, width - 1, 200), strict=True):
        u, v = (float(value) for value in motion.flow[y, x])
        across, down = x + u, y + v
        if not (0 <= across <= width - 1 and 0 <= down <= height - 1):
            assert not motion.seen[y, x]
            continue
        left, top = min(int(across), width - 2), min(int(down), height - 2)
        right_share, down_share = across - left, down - top
        corners = back.flow[top : top + 2, left : left + 2].astype(float)
        returned = np.einsum("i,j,ijc->c", [1 - down_share, down_share], [1 - right_share, right_share], corners)
        gap = (u + returned[0]) ** 2 + (v + returned[1]) ** 2
        bound = 0.01 * (u**2 + v**2 + float((returned**2).sum())) + 0.5
        if abs(gap - bound) > 0.1:  # OpenCV interpolates in steps of 1/32 pixel
            assert motion.seen[y, x] == (gap <= bound)


def test_a_steady_sequence_has_next_to_no_error_and_flicker_has_its_own() -> None:
    frames = panned(4)
    meter = SteadinessMeter(1)
    for index, frame in enumerate(frames):
        brightness = 10 if index % 2 else 0
        meter.add("pan", frame, [np.clip(frame.astype(int) // 2 + 60 + brightness, 0, 255).astype(np.uint8)])
    sharp, flickering = meter.mean
    assert sharp.warping_error < 5e-4
    # Half the contrast: a quarter of the ground truth's error, and the square of the flicker.
    assert flickering.warping_error == pytest.approx((10 / 255) ** 2 + sharp.warping_error / 4, rel=0.05)
    assert sharp.flicker < 1
    assert flickering.flicker == pytest.approx(10, abs=1)
    assert meter.by_sequence == {"pan": (sharp, flickering)}


def test_the_error_is_the_mean_square_over_what_is_seen() -> None:
    first = np.full((20, 30, 3), 100, np.uint8)
    second = first.copy()
    second[:, :15, 0] = 151  # 0.2 of full scale, one colour of three
    seen = np.ones((20, 30), bool)
    still = np.zeros((20, 30, 2), np.float32)
    assert warping_error(first, second, Motion(still, seen)) == pytest.approx(0.04 / 3 / 2, rel=1e-5)
    seen[:, 15:] = False
    assert warping_error(first, second, Motion(still, seen)) == pytest.approx(0.04 / 3, rel=1e-5)
    assert np.isnan(warping_error(first, second, Motion(still, np.zeros_like(seen))))


def test_warping_reads_between_pixels() -> None:
    ramp = np.broadcast_to(np.arange(20, dtype=np.float32)[:, None], (12, 20, 1)).copy()
    flow = np.full((12, 20, 2), (0.5, 0), np.float32)
    values, inside = warped(ramp, flow)
    np.testing.assert_allclose(values[:, :-1, 0], ramp[:, :-1, 0] + 0.5, atol=1e-5)
    assert inside[:, :-1].all()
    assert not inside[:, -1].any()


def test_sequences_are_kept_apart_and_weigh_the_same() -> None:
    meter = SteadinessMeter(1)
    frames = panned(5)
    for frame in frames[:3]:
        meter.add("first", frame, [frame])
    for frame in frames[:2]:
        meter.add("", frame, [frame])
    meter.add("alone", frames[0], [frames[0]])
    for frame in frames:
        meter.add("second", frame, [np.full_like(frame, 9)])
    found = meter.by_sequence
    assert list(found) == ["first", "second"]
    assert found["first"][0] == found["first"][1]
    assert found["first"][0].warping_error > 0
    assert found["second"][1] == Steadiness(0, 0)
    for version, mean in enumerate(meter.mean):
        both = [found[name][version] for name in ("first", "second")]
        assert mean.warping_error == pytest.approx(np.mean([each.warping_error for each in both]))
        assert mean.flicker == pytest.approx(np.mean([each.flicker for each in both]))


def test_without_sequences_there_is_no_mean() -> None:
    meter = SteadinessMeter(1)
    assert meter.mean == ()
    with pytest.raises(ValueError, match="1 versions were announced, 2 came"):
        meter.add("s", scene(), [scene(), scene()])


@pytest.mark.parametrize("sizes", [((96, 160), (96, 166)), ((11, 40), (11, 40))])
def test_frames_that_no_flow_can_join_are_refused(sizes: tuple[tuple[int, int], tuple[int, int]]) -> None:
    first, second = (np.zeros((*size, 3), np.uint8) for size in sizes)
    with pytest.raises(DataError, match="a sequence needs frames of one size, at least 12x12"):
        motion_between(first, second)
    assert motion_between(np.zeros((12, 12, 3), np.uint8), np.zeros((12, 12, 3), np.uint8)).seen.all()
