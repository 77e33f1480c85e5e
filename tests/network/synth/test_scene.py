"""The physics of an exposure."""

from __future__ import annotations

import numpy as np
import pytest

from network.synth.scene import CameraMotion, MovingObject, Scene
from network.synth.trajectory import GRID, STILL, Trajectory

SIDE, BORDER = 65, 40


def _spot(x: float = 32, y: float = 32, width: float = 3) -> np.ndarray:
    """A spot of light in a scene with a border; places are those of the picture."""
    rows, columns = np.mgrid[: SIDE + 2 * BORDER, : SIDE + 2 * BORDER] - BORDER
    spot = np.exp(-((columns - x) ** 2 + (rows - y) ** 2) / (2 * width**2))
    return np.repeat(spot[..., None], 3, axis=2).astype(np.float32)


def _centre(picture: np.ndarray) -> tuple[float, float]:
    weight = picture[..., 0].astype(np.float64)
    rows, columns = np.mgrid[:SIDE, :SIDE]
    return float((weight * columns).sum() / weight.sum()), float((weight * rows).sum() / weight.sum())


def _steady(x: float, y: float) -> Trajectory:
    """A path of constant speed, in pixels a frame interval."""
    return Trajectory(np.stack((x * GRID, y * GRID), axis=1))


def _moving(x: float, y: float, **spot: float) -> Scene:
    return Scene(_spot(**spot), BORDER, CameraMotion(_steady(x, y)))


def test_a_still_camera_returns_the_scene_exactly() -> None:
    light = np.random.default_rng(0).random((SIDE + 2 * BORDER,) * 2 + (3,)).astype(np.float32)
    scene = Scene(light, BORDER)
    inner = light[BORDER:-BORDER, BORDER:-BORDER]
    for middle in (-1, 0, 1):
        assert np.array_equal(scene.exposed(middle, 1.0), inner)


def test_the_middle_of_the_present_exposure_is_the_scene_itself() -> None:
    scene = _moving(9, -5)
    assert np.array_equal(scene.at(0), scene.light[BORDER:-BORDER, BORDER:-BORDER])
    blurred = scene.exposed(0, 1.0)
    assert _centre(blurred) == pytest.approx((32, 32), abs=0.05)
    np.testing.assert_allclose(blurred, blurred[::-1, ::-1], atol=1e-4)


def test_neighbours_are_one_frame_interval_away() -> None:
    scene = _moving(9, -5)
    for middle in (-1, 1):
        # What the camera points at moves right: content moves left.
        assert _centre(scene.exposed(middle, 0.5)) == pytest.approx((32 - 9 * middle, 32 + 5 * middle), abs=0.05)


def test_light_is_neither_won_nor_lost() -> None:
    scene = _moving(12, 4)
    blurred = scene.exposed(0, 1.0)
    assert blurred.sum() == pytest.approx(scene.at(0).sum(), rel=1e-3)
    assert blurred.max() < 0.8 * scene.at(0).max()


@pytest.mark.parametrize("duration", [0.5, 1.0])
def test_blur_is_as_long_as_the_path_during_the_exposure(duration: float) -> None:
    blurred = _moving(16, 0, width=2).exposed(0, duration)
    weight = blurred[..., 0].sum(axis=0).astype(np.float64)
    variance = (weight * (np.arange(SIDE) - 32) ** 2).sum() / weight.sum()
    assert variance == pytest.approx(2**2 + (16 * duration) ** 2 / 12, rel=0.06)  # bilinear reading adds a little


def test_an_object_moves_on_its_own() -> None:
    dark = np.zeros((SIDE + 2 * BORDER,) * 2 + (3,), np.float32)
    spot = _spot(width=4)[BORDER:-BORDER, BORDER:-BORDER, :1]
    item = MovingObject(np.concatenate((spot, spot, spot, spot), axis=2), _steady(0, 14), (0.0, 0.0))
    scene = Scene(dark, BORDER, CameraMotion(), (item,))
    np.testing.assert_allclose(scene.at(0)[..., 0], spot[..., 0], atol=1e-6)
    blurred = scene.exposed(0, 1.0)
    rows, columns = np.ptp(np.argwhere(blurred[..., 0] > 0.2), axis=0)
    assert rows > columns + 4
    assert _centre(scene.exposed(1, 0.1))[1] == pytest.approx(32 - 14, abs=0.3)


def test_roll_and_zoom_act_about_their_centre() -> None:
    turn = Trajectory(GRID[:, None] * 0.2)
    for motion in (CameraMotion(roll=turn, centre=(32.0, 32.0)), CameraMotion(zoom=turn, centre=(32.0, 32.0))):
        still = Scene(_spot(), BORDER, motion)
        assert _centre(still.at(0.9)) == pytest.approx((32, 32), abs=0.05)
        aside = Scene(_spot(x=52), BORDER, motion)
        assert np.hypot(*(np.array(_centre(aside.at(0.9))) - (52, 32))) > 2


def test_content_moves_away_from_the_vanishing_point_as_time_passes() -> None:
    field = np.zeros((SIDE, SIDE, 2), np.float32)
    field[..., 0] = 1
    motion = CameraMotion(STILL, passing=field, advance=Trajectory(GRID[:, None] * 12))
    scene = Scene(_spot(), BORDER, motion)
    for time in (-0.5, 0.0, 0.5):
        assert _centre(scene.at(time)) == pytest.approx((32 + 12 * time, 32), abs=0.05)
