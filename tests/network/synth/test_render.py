"""The physics of an exposure."""

from __future__ import annotations

import numpy as np
import pytest

from network.synth.motion import Motion, camera_motion, smooth_path, sub_frames
from network.synth.profile import PROFILES
from network.synth.render import MovingObject, expose, to_codes, to_linear, to_srgb_light

SIDE = 65


def _spot(x: float = 32, y: float = 32, width: float = 3) -> np.ndarray:
    rows, columns = np.mgrid[:SIDE, :SIDE]
    spot = np.exp(-((columns - x) ** 2 + (rows - y) ** 2) / (2 * width**2))
    return np.repeat(spot[..., None], 3, axis=2).astype(np.float32)


def _centre(picture: np.ndarray) -> tuple[float, float]:
    weight = picture[..., 0].astype(np.float64)
    rows, columns = np.mgrid[:SIDE, :SIDE]
    return float((weight * columns).sum() / weight.sum()), float((weight * rows).sum() / weight.sum())


def _shift(x: float, y: float, frames: int = 21) -> Motion:
    times = np.linspace(-0.5, 0.5, frames)[:, None]
    shift = (times * np.array([[x, y]])).astype(np.float32)
    return Motion(shift, np.zeros((frames, 4), np.float32), None, (32.0, 32.0))


def test_a_still_camera_returns_the_scene_exactly() -> None:
    codes = np.random.default_rng(0).integers(0, 256, (SIDE, SIDE, 3), dtype=np.uint8)
    blurred, sharp = expose(to_linear(codes), _shift(0, 0), [])
    assert np.array_equal(np.rint(to_codes(blurred)).astype(np.uint8), codes)
    assert np.array_equal(np.rint(to_codes(sharp)).astype(np.uint8), codes)


def test_the_sharp_side_is_the_middle_of_the_exposure() -> None:
    scene = _spot()
    blurred, sharp = expose(scene, _shift(9, -5), [])
    assert np.array_equal(sharp, scene)
    assert _centre(blurred) == pytest.approx(_centre(sharp), abs=0.05)
    np.testing.assert_allclose(blurred, blurred[::-1, ::-1], atol=1e-4)


def test_light_is_neither_won_nor_lost() -> None:
    scene = _spot()
    blurred, _ = expose(scene, _shift(12, 4), [])
    assert blurred.sum() == pytest.approx(scene.sum(), rel=1e-3)
    assert blurred.max() < 0.8 * scene.max()


def test_blur_is_as_long_as_the_path() -> None:
    scene = _spot(width=1.5)
    blurred, _ = expose(scene, _shift(16, 0, frames=33), [])
    weight = blurred[..., 0].sum(axis=0).astype(np.float64)
    columns = np.arange(SIDE)
    variance = (weight * (columns - 32) ** 2).sum() / weight.sum()
    # A spot of variance 1.5^2 spread evenly over 16 pixels, at 33 instants.
    assert variance == pytest.approx(1.5**2 + 16**2 / 12 * (34 / 32), rel=0.02)


def test_an_object_moves_on_its_own() -> None:
    scene = np.zeros((SIDE, SIDE, 3), np.float32)
    item = MovingObject(np.ones_like(scene), _spot(width=4)[..., 0], _shift(0, 14))
    blurred, sharp = expose(scene, _shift(0, 0), [item])
    np.testing.assert_allclose(sharp[..., 0], item.mask)
    rows, columns = np.ptp(np.argwhere(blurred[..., 0] > 0.2), axis=0)
    assert rows > columns + 4


def test_linear_light_and_codes_are_inverse() -> None:
    codes = np.arange(256, dtype=np.uint8)
    np.testing.assert_allclose(to_codes(to_linear(codes)), codes, atol=0.01)
    assert to_linear(np.array([188], np.uint8))[0] == pytest.approx(0.503, abs=0.001)


@pytest.mark.parametrize("steepness", [1.0, 1.5, 2.0])
def test_light_of_a_steeper_response_leads_back_to_the_codes(steepness: float) -> None:
    codes = np.arange(256, dtype=np.uint8)
    np.testing.assert_allclose(to_codes(to_srgb_light(to_linear(codes, steepness), steepness)), codes, atol=0.01)


def test_the_steeper_the_response_the_brighter_is_the_average_of_black_and_white() -> None:
    light = to_linear(np.array([0, 255], np.uint8), 2.0).mean(keepdims=True)
    # Half the light, and 0.5^(1/2) as sRGB counts it, which is code 219; sRGB itself gives 188.
    assert to_codes(to_srgb_light(light, 2.0))[0] == pytest.approx(218.9, abs=0.1)
    assert to_codes(to_linear(np.array([0, 255], np.uint8)).mean(keepdims=True))[0] == pytest.approx(187.5, abs=0.1)


def test_a_steady_hand_draws_straight_strokes_of_constant_speed_and_an_unsteady_one_dwells_and_darts() -> None:
    times = np.linspace(-0.5, 0.5, 41)

    def uneven(unsteadiness: float) -> float:
        rng, ratios = np.random.default_rng(8), []
        for _ in range(40):
            speed = np.linalg.norm(np.diff(smooth_path(rng, times, 0.0, unsteadiness), axis=0), axis=1)
            ratios.append(speed.max() / speed.mean())
        return float(np.median(ratios))

    assert uneven(0.0) == pytest.approx(1, abs=1e-9)
    assert 1.1 < uneven(0.3) < 0.9 * uneven(1.0) < 4


def test_paths_pass_through_the_middle_and_have_length_one() -> None:
    rng = np.random.default_rng(3)
    for frames in (5, 21, 41):
        path = smooth_path(rng, np.linspace(-0.5, 0.5, frames), 0.1, 0.7)
        np.testing.assert_allclose(path[frames // 2], 0, atol=1e-12)
        assert np.linalg.norm(np.diff(path, axis=0), axis=1).sum() == pytest.approx(1)


@pytest.mark.parametrize("profile", PROFILES)
def test_the_mean_pixel_moves_by_about_the_length_asked_for(profile: str) -> None:
    rng = np.random.default_rng(4)
    ratios = []
    for _ in range(40):
        motion = camera_motion(rng, PROFILES[profile], 12.0, 25, 96, 96)
        maps = np.stack([np.stack(motion.maps(index, 96, 96)) for index in range(25)])
        assert np.array_equal(maps[12, 0], np.tile(np.arange(96, dtype=np.float32), (96, 1)))
        paths = np.linalg.norm(np.diff(maps, axis=0), axis=1).sum(axis=0)
        ratios.append(paths.mean() / 12.0)
    assert 0.6 < np.mean(ratios) < 1.2
    assert max(ratios) < 2


@pytest.mark.parametrize(("length", "expected"), [(0.0, 5), (3.0, 7), (10.2, 21), (99.0, 41)])
def test_sub_frames_are_odd_and_bounded(length: float, expected: int) -> None:
    assert sub_frames(length) == expected
