"""Windows made of video: blurred along the motion, of runs that can be used."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
import pytest

from network.data.planes import split
from network.errors import DataError
from network.synth.film import film_windows
from network.synth.footage import survey
from network.synth.profile import PROFILES
from tests.support.scenes import Scene

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from network.synth.window import Window


CLEAN = replace(
    PROFILES["handheld"],
    shortest=4.0,
    longest=10.0,
    still=0.0,
    short_exposures=0.0,
    defocus=0.0,
    highlights=0.0,
    noise=0.0,
    processing=0.0,
    text=0.0,
    compression=0.0,
    missing=0.0,
)


@pytest.fixture
def passing(write_video: Callable[..., Path], tmp_path: Path) -> Path:
    """Eighty frames without loss: a reddish scene, and after a cut at 40 a bluish one, both at 3 pixels a frame."""
    red, blue = Scene(0, (170, 100, 80)), Scene(1, (80, 100, 170))
    frames = [(red if time < 40 else blue).picture(3.0 * time, 0, 96, 128) for time in range(80)]
    return write_video(tmp_path / "passing.mkv", frames)


def _windows(path: Path, numbers: range) -> tuple[dict[int, Window], Counter[tuple[str, str]]]:
    rejected: Counter[tuple[str, str]] = Counter()
    generators = {number: np.random.default_rng([7, number]) for number in numbers}
    made = film_windows(generators, [survey(path)], CLEAN, 48, detailed=False, rejected=rejected)
    return dict(made), rejected


def test_windows_are_blurred_along_the_motion_and_never_across_the_cut(passing: Path) -> None:
    windows, rejected = _windows(passing, range(10))
    assert rejected["across a cut or with failing flow", "passing.mkv"] > 0
    assert sorted(windows) == list(range(10))
    reddish = 0
    for window in windows.values():
        blurred, sharp = (split(frame)[0].astype(int) for frame in (window.present, window.sharp))
        # Blur along x evens columns out and leaves rows alone.
        assert np.abs(np.diff(blurred, axis=1)).mean() < 0.85 * np.abs(np.diff(sharp, axis=1)).mean()
        assert abs(blurred.mean() - sharp.mean()) < 8
        blue_difference, red_difference = split(window.sharp)[1].astype(int).mean((1, 2))
        reddish += red_difference > blue_difference + 20
        for neighbour in (window.previous, window.following):
            assert neighbour is not None
            assert abs(split(neighbour)[1].astype(int)[1].mean() - red_difference) < 10
    assert 0 < reddish < 10


def test_a_window_depends_on_its_own_random_numbers_alone(passing: Path) -> None:
    """So that neither the number of workers nor what else is in the shard changes it."""
    together, _ = _windows(passing, range(4))
    for numbers in (range(0, 4, 2), range(1, 4, 2)):
        alone, _ = _windows(passing, numbers)
        for number, window in alone.items():
            assert np.array_equal(window.packed()[0], together[number].packed()[0])


def test_a_video_without_motion_is_named_as_such(
    write_video: Callable[..., Path], scene: Scene, tmp_path: Path
) -> None:
    path = write_video(tmp_path / "still.mkv", [scene.picture(0, 0, 96, 128)] * 6)
    with pytest.raises(DataError, match=r"no usable run of frames for 1 of the windows.* with too little motion"):
        _windows(path, range(1))


def test_missing_frames_are_noticed(write_video: Callable[..., Path], scene: Scene, tmp_path: Path) -> None:
    frames = [scene.picture(4.0 * time, 0, 96, 128) for time in range(24)]
    path = write_video(tmp_path / "gap.mkv", frames, skip=(11,))
    with pytest.raises(DataError, match=r"no usable run .* with missing frames"):
        _windows(path, range(1))
    whole = write_video(tmp_path / "whole.mkv", frames)
    assert sorted(_windows(whole, range(1))[0]) == [0]
