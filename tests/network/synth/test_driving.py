"""What a camera in a moving car sees."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from network.errors import DataError
from network.synth.driving import light_lamps, passing_field
from network.synth.profile import BlurProfile
from network.synth.scene import CameraMotion, Scene
from network.synth.trajectory import GRID, Trajectory

SIDE = 212


def _fields(count: int, length: float = 4.0) -> list[np.ndarray]:
    rng = np.random.default_rng(1)
    return [passing_field(rng, SIDE, SIDE, length, 26.0) for _ in range(count)]


def _vanishing_point(field: np.ndarray) -> tuple[float, float]:
    """Where the lines along the field meet, least squares over pixels that move."""
    rows, columns = np.mgrid[:SIDE, :SIDE]
    speed = np.linalg.norm(field, axis=2)
    moving = speed > 0.1
    normal = np.stack([-field[..., 1], field[..., 0]], axis=2)[moving] / speed[moving][:, None]
    places = np.stack([columns[moving], rows[moving]], axis=1)
    (x, y), *_ = np.linalg.lstsq(normal, (normal * places).sum(1), rcond=None)
    return float(x), float(y)


def test_everything_moves_away_from_one_point_that_most_crops_do_not_hold() -> None:
    outside = 0
    for field in _fields(30):
        assert np.linalg.norm(field, axis=2).mean() == pytest.approx(1, abs=1e-3)
        assert np.linalg.norm(field, axis=2).max() < 3
        x, y = _vanishing_point(field)
        rows, columns = np.mgrid[:SIDE, :SIDE]
        away = (columns - x) * field[..., 0] + (rows - y) * field[..., 1]
        assert away.min() > -1e-2
        outside += not (0 <= x < SIDE and 0 <= y < SIDE)
    assert 20 <= outside < 30


def test_a_crop_far_from_the_point_sees_translation() -> None:
    aligned = []
    for field in _fields(30):
        mean = field.mean((0, 1))
        speed = np.linalg.norm(field, axis=2)
        aligned.append(float((field @ mean / np.linalg.norm(mean))[speed > 0].sum() / speed.sum()))
    assert np.median(aligned) > 0.9  # 1 is translation alone, 0 a zoom about the middle
    assert min(aligned) < 0.85


def test_the_nearer_road_is_faster() -> None:
    compared = 0
    for field in _fields(30):
        x, y = _vanishing_point(field)
        speed = np.linalg.norm(field, axis=2)
        column = int(np.clip(x, 0, SIDE - 1))
        if y > SIDE - 60:  # no road to be seen
            continue
        top = int(max(y + 10, 0))
        below = speed[top:, column]
        assert (np.diff(below) > -1e-3).all()
        assert below[-1] > below[0]
        compared += 1
    assert compared > 10


def test_long_blur_is_not_asked_of_crops_that_hardly_move() -> None:
    def distance(field: np.ndarray) -> float:
        x, y = _vanishing_point(field)
        return float(np.hypot(x - SIDE / 2, y - SIDE / 2))

    short = np.median([distance(field) for field in _fields(40, length=1.0)])
    long = np.median([distance(field) for field in _fields(40, length=26.0)])
    assert long > short


def test_lamps_are_brighter_than_white_and_leave_trails() -> None:
    border = 20
    scene = np.full((97 + 2 * border, 97 + 2 * border, 3), 0.1, np.float32)
    trails = 0
    for seed in range(5):
        night = light_lamps(np.random.default_rng(seed), scene)
        assert night.max() > 1.5
        assert np.median(night) < 0.15
        path = Trajectory(np.stack((20 * GRID, 0 * GRID), axis=1))
        moving = Scene(night, border, CameraMotion(path))
        # Averaged over the path, what is far beyond white still outshines the scene everywhere along the way.
        blurred, sharp = moving.exposed(0, 1.0), moving.at(0)
        trails += (blurred > 0.15).any(axis=2).sum() > (sharp > 0.15).any(axis=2).sum()
    assert trails >= 4  # the lamps of one night may all be beyond the picture


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"compression": 1.5}, "compression must be from 0 to 1, not 1.5"),
        ({"noise": -0.1}, "noise must be 0 or more"),
        ({"steepness": 0.9}, "steepness must be 1 or more"),
        ({"longest": float("nan")}, "longest must be 0 or more"),
        ({"longest": 0.5}, "longest must be at least shortest"),
    ],
)
def test_a_profile_that_makes_no_sense_is_refused(change: dict[str, float], message: str) -> None:
    with pytest.raises(DataError, match=message):
        replace(BlurProfile(), **change)
