"""Paths over three exposures."""

from __future__ import annotations

import numpy as np
import pytest

from network.synth.trajectory import GRID, Style, Trajectory, random_path, random_turn


@pytest.mark.parametrize("style", ["pan", "shake", "mixed"])
@pytest.mark.parametrize("duration", [0.05, 0.5, 1.0])
def test_a_path_is_as_long_as_asked_for_and_zero_in_the_middle(style: Style, duration: float) -> None:
    rng = np.random.default_rng(3)
    for _ in range(10):
        path = random_path(rng, 9.0, duration, 1e9, style)
        assert path.length(0.0, duration) == pytest.approx(9.0, rel=0.02)
        np.testing.assert_allclose(path.at(0.0), 0, atol=1e-9)


def test_a_path_that_goes_too_far_is_made_shorter() -> None:
    rng = np.random.default_rng(4)
    paths = [random_path(rng, 40.0, 0.5, 20.0, "pan") for _ in range(10)]
    assert all(np.abs(path.values).max() <= 20 + 1e-9 for path in paths)
    assert min(path.length(0.0, 0.5) for path in paths) < 20


def test_the_path_is_one_for_all_three_exposures() -> None:
    """Where one exposure of a whole interval ends, the next one begins; a shorter one leaves a gap."""
    path = random_path(np.random.default_rng(5), 10.0, 1.0, 1e9, "mixed")
    parts = [path.length(middle, 1.0) for middle in (-1.0, 0.0, 1.0)]
    assert sum(parts) == pytest.approx(path.length(0.0, 3.0), rel=0.02)
    assert path.length(0.0, 0.4) < parts[1]


def test_a_steady_turn_keeps_its_direction() -> None:
    rng = np.random.default_rng(6)
    for _ in range(10):
        turn = random_turn(rng, 0.3, 1.0, 10.0, steady=True)
        assert turn.length(0.0, 1.0) == pytest.approx(0.3, rel=0.02)
        assert np.sign(turn.at(-1.0)) == -np.sign(turn.at(1.0))


def test_values_between_instants_are_linear() -> None:
    path = Trajectory(np.stack((GRID**2, GRID), axis=1))
    time = (GRID[70] + GRID[71]) / 2
    np.testing.assert_allclose(path.at(time), (path.values[70] + path.values[71]) / 2)
    np.testing.assert_allclose(path.at([-1.6, 1.6]), path.values[[0, -1]])
