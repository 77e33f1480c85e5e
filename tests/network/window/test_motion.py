"""Optical flow, and what is told of it."""

from __future__ import annotations

import threading

import cv2
import numpy as np
import pytest

from network.window.motion import (
    SMALLEST,
    averaged,
    can_find_motion,
    find_flow,
    halved_motion,
    is_cut,
    leaves_picture,
    motion_of,
    told_neighbours,
)
from tests.network.window.scenes import scene


def small(shift: tuple[float, float] = (0, 0), seed: int = 0, size: tuple[int, int] = (192, 256)) -> np.ndarray:
    luma = np.rint(scene(*size, shift, seed).mean(2) * 255).astype(np.uint8)
    return averaged(luma)


def test_the_flow_points_from_the_present_frame_to_the_neighbour() -> None:
    flow = find_flow(small(), small((8, -4)))  # seen 8 pixels further right, things lie 8 pixels further left
    inner = flow[8:-8, 8:-8]
    assert np.median(inner[..., 0]) == pytest.approx(-2, abs=0.15)
    assert np.median(inner[..., 1]) == pytest.approx(1, abs=0.15)


def test_the_flow_depends_on_the_two_frames_alone() -> None:
    first, second = small(), small((8, -4))
    expected = find_flow(first, second)
    find_flow(small(seed=3), small((30, 0), seed=3))
    cv2.setNumThreads(4)
    np.testing.assert_array_equal(find_flow(first, second), expected)
    found = []
    thread = threading.Thread(target=lambda: found.append(find_flow(first, second)))
    thread.start()
    thread.join()
    np.testing.assert_array_equal(found[0], expected)


def test_motion_is_looked_for_down_to_the_smallest_size_and_there_it_does_not_fail() -> None:
    random = np.random.default_rng(0)
    sizes = [(SMALLEST, SMALLEST), (SMALLEST, 3 * SMALLEST), (2 * SMALLEST, SMALLEST)]
    for size in sizes:
        assert can_find_motion(*size)
        flow = find_flow(*(random.integers(0, 256, size, np.uint8) for _ in range(2)))
        assert flow.shape == (*size, 2)
    assert not can_find_motion(SMALLEST - 1, 100)
    assert not can_find_motion(100, SMALLEST - 1)


def test_luma_is_averaged_and_rounded_to_8_bits_whatever_the_depth() -> None:
    luma = np.rint(scene(64, 96).mean(2) * 255).astype(np.uint8)
    expected = luma.reshape(16, 4, 24, 4).astype(float).mean((1, 3))
    assert np.abs(averaged(luma) - expected).max() <= 0.5
    for shift in (2, 8):
        deep = averaged((luma.astype(np.uint16) << shift), shift)
        assert deep.dtype == np.uint8
        assert np.abs(deep - expected).max() <= 0.5


def test_a_missing_neighbour_is_marked_and_told_by_the_other_one_backwards() -> None:
    flow = find_flow(small(), small((4, 0)))
    for side, (first, other, mark) in {"previous": (0, 2, 4), "following": (2, 0, 5)}.items():
        missing = "following" if side == "previous" else "previous"
        motion = motion_of(**{side: flow, missing: None}, shape=flow.shape[:2])
        np.testing.assert_array_equal(motion[first : first + 2], flow.transpose(2, 0, 1))
        np.testing.assert_array_equal(motion[other : other + 2], -flow.transpose(2, 0, 1))
        assert motion[9 - mark].all(), "the missing side"
        np.testing.assert_array_equal(motion[mark], leaves_picture(flow))
    alone = motion_of(None, None, (3, 4))
    assert not alone[:4].any()
    assert alone[4:].all()


def test_places_where_the_flow_leaves_the_picture_are_marked() -> None:
    flow = np.zeros((4, 6, 2), np.float32)
    flow[:, :, 0] = 1.6
    assert leaves_picture(flow).tolist() == [[False] * 4 + [True] * 2] * 4
    part = leaves_picture(flow[1:3, 2:5], 1, 2, (4, 6))
    np.testing.assert_array_equal(part, leaves_picture(flow)[1:3, 2:5])


def test_motion_is_averaged_by_2() -> None:
    motion = np.arange(2 * 4 * 6, dtype=np.float32).reshape(2, 4, 6)
    np.testing.assert_allclose(halved_motion(motion), motion.reshape(2, 2, 2, 3, 2).mean((2, 4)))


def test_neighbours_that_tell_nothing_are_found() -> None:
    present, moved, dark, bright = small(), small((2, -1)), *(np.full((48, 64), code, np.uint8) for code in (20, 220))

    def told(present: np.ndarray, *neighbours: np.ndarray | None, equal: bool = True) -> list[bool]:
        found = told_neighbours(present, neighbours, lambda _: equal)
        assert all(one is None or one is other for one, other in zip(found, neighbours, strict=True))
        return [each is not None for each in found]

    assert told(present, moved, moved) == [True, True]
    assert told(present, None, moved) == [False, True]
    assert told(present, present, moved) == [False, True], "a repetition"
    assert told(present, moved, present, equal=False) == [True, True], "equal in the averages alone"
    assert told(dark, bright, dark + 1) == [False, True], "a cut"
    assert told(dark, dark, bright) == [False, True], "beside a repetition, a cut is not certain"
    assert told(present[: SMALLEST - 1], moved[: SMALLEST - 1], None) == [False, False], "too small"


def test_frames_are_compared_only_where_their_averages_are_equal() -> None:
    asked: list[int] = []

    def repeats(side: int) -> bool:
        asked.append(side)
        return True

    assert told_neighbours(small(), (small((2, 0)), small()), repeats)[1] is None
    assert asked == [1]


def test_a_cut_is_told_from_fast_motion_and_from_a_flash() -> None:
    dark, bright = (np.full((20, 20), code, np.uint8) for code in (40, 120))
    assert is_cut(dark, bright, dark)
    assert not is_cut(dark, bright, None), "nothing to compare with"
    assert not is_cut(dark, bright, bright), "the present frame is the odd one out: a flash"
    assert not is_cut(dark, dark + 20, dark)
