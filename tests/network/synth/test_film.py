"""Exposures made of real frames: centred, of the length asked for, and never across a cut."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
import pytest

from network.errors import DataError
from network.evaluation.metrics import psnr
from network.synth.camera import quantised
from network.synth.film import expose_frames, film_pairs
from network.synth.footage import UnusableError, survey
from network.synth.profile import PROFILES
from network.synth.render import to_codes, to_linear, to_srgb_light
from tests.support.scenes import Scene

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path


HEIGHT, WIDTH = 112, 144
BORDER = 20
INNER = np.s_[BORDER:-BORDER, BORDER:-BORDER]

CLEAN = replace(
    PROFILES["handheld"],
    shortest=4.0,
    longest=10.0,
    untouched=0.0,
    defocus=0.0,
    highlights=0.0,
    noise=0.0,
    compression=0.0,
)


def _frames(scene: Scene, speed: tuple[float, float], count: int = 13) -> list[np.ndarray]:
    """The scene as it passes at constant speed, in pixels a frame; the middle frame is at 0, 0."""
    return [
        scene.picture(speed[0] * time, speed[1] * time, HEIGHT, WIDTH) for time in range(-(count // 2), count // 2 + 1)
    ]


def _true_light(scene: Scene, speed: tuple[float, float], duration: float) -> np.ndarray:
    """Linear light of the exposure that a real shutter takes, ``duration`` frames long around the middle."""
    times = (np.arange(61) - 30) / 60 * duration
    codes = (scene.picture(speed[0] * time, speed[1] * time, HEIGHT, WIDTH) for time in times)
    return np.mean([to_linear(picture) for picture in codes], axis=0)


def _offset(picture: np.ndarray, reference: np.ndarray) -> tuple[float, float]:
    """By how much a picture is shifted against another, least squares, x and y in pixels."""
    rows, columns = np.gradient(reference.mean(2))
    slopes = np.stack([columns[INNER].ravel(), rows[INNER].ravel()], axis=1)
    shift, *_ = np.linalg.lstsq(slopes, (reference - picture).mean(2)[INNER].ravel(), rcond=None)
    return float(shift[0]), float(shift[1])


@pytest.mark.parametrize(("speed", "length"), [((3.0, 1.0), 8.0), ((0.7, -0.4), 5.0), ((-6.0, 0.0), 4.0)])
def test_the_sharp_side_is_the_middle_of_the_exposure(scene: Scene, speed: tuple[float, float], length: float) -> None:
    frames = _frames(scene, speed)
    blurred, sharp = expose_frames(frames, length, BORDER)
    assert np.array_equal(quantised(to_codes(sharp)), frames[len(frames) // 2])
    true = _true_light(scene, speed, length / np.hypot(*speed))
    assert _offset(blurred, true) == pytest.approx((0, 0), abs=0.05)
    # The measure itself sees half a pixel.
    assert abs(_offset(blurred, np.roll(true, 1, axis=1))[0]) > 0.5
    assert psnr(quantised(to_codes(blurred))[INNER], quantised(to_codes(true))[INNER]) > 42


def test_light_is_neither_won_nor_lost() -> None:
    """Lamps on a dark ground: their light is spread, and its sum stays; that of their codes would not."""
    ground = Scene(3, (40, 40, 40))
    rows, columns = np.mgrid[:HEIGHT, :WIDTH]

    def frame(time: float) -> np.ndarray:
        light = to_linear(ground.picture(4 * time, 0, HEIGHT, WIDTH))
        for x, y in ((50, 40), (80, 60), (95, 75)):
            light = light + 0.9 * np.exp(-((columns - x + 4 * time) ** 2 + (rows - y) ** 2) / (2 * 3.0**2))[..., None]
        return quantised(to_codes(light.astype(np.float32)))

    frames = [frame(time) for time in range(-3, 4)]
    blurred, sharp = expose_frames(frames, 10.0, BORDER)
    true = np.mean([to_linear(frame(time)) for time in np.linspace(-1.25, 1.25, 41)], axis=0)
    assert blurred[INNER].sum() == pytest.approx(true[INNER].sum(), rel=3e-3)
    assert blurred[INNER].max() < 0.9 * sharp[INNER].max()
    averaged_codes = to_linear(quantised(np.mean([frame(time) for time in np.linspace(-1.25, 1.25, 41)], axis=0)))
    assert averaged_codes[INNER].sum() < 0.98 * true[INNER].sum()


def test_a_steeper_response_brightens_what_moves(scene: Scene) -> None:
    frames = _frames(scene, (3.0, 1.0))
    blurred, _ = expose_frames(frames, 8.0, BORDER)
    steep, sharp = (to_srgb_light(light, 2.0) for light in expose_frames(frames, 8.0, BORDER, response=2.0))
    assert np.array_equal(quantised(to_codes(sharp)), frames[len(frames) // 2])
    assert to_codes(steep)[INNER].mean() > to_codes(blurred)[INNER].mean() + 0.2


def test_a_still_exposure_is_the_frame_exactly(scene: Scene) -> None:
    frames = _frames(scene, (0, 0), 5)
    blurred, sharp = expose_frames(frames, 0.0)
    assert np.array_equal(quantised(to_codes(blurred)), frames[2])
    assert np.array_equal(quantised(to_codes(sharp)), frames[2])
    with pytest.raises(UnusableError, match="too little motion"):
        expose_frames(frames, 3.0)


def test_more_frames_are_taken_where_motion_is_slow(scene: Scene) -> None:
    with pytest.raises(UnusableError, match="too little motion"):
        expose_frames(_frames(scene, (1.0, 0.0), 5), 6.0, BORDER)
    slow, _ = expose_frames(_frames(scene, (1.0, 0.0), 9), 6.0, BORDER)
    fast, _ = expose_frames(_frames(scene, (3.0, 0.0), 9), 6.0, BORDER)
    assert psnr(quantised(to_codes(slow))[INNER], quantised(to_codes(fast))[INNER]) > 42


def test_a_cut_is_not_averaged_over(scene: Scene) -> None:
    frames = _frames(scene, (2.0, 0.0))
    other = _frames(Scene(9), (2.0, 0.0))
    with pytest.raises(UnusableError, match="cut"):
        expose_frames(frames[:8] + other[8:], 8.0, BORDER)
    # One that lies beyond the exposure does no harm.
    blurred, _ = expose_frames(frames[:11] + other[11:], 8.0, BORDER)
    assert np.array_equal(blurred, expose_frames(frames, 8.0, BORDER)[0])


def test_frames_that_are_shown_twice_are_noticed(scene: Scene) -> None:
    frames = _frames(scene, (3.0, 0.0))
    frames[7] = frames[6]
    with pytest.raises(UnusableError, match="stuttering"):
        expose_frames(frames, 12.0, BORDER)


@pytest.fixture
def passing(write_video: Callable[..., Path], tmp_path: Path) -> Path:
    """Forty frames without loss: a reddish scene, and after a cut at 20 a bluish one, both at 2 pixels a frame."""
    red, blue = Scene(0, (170, 100, 80)), Scene(1, (80, 100, 170))
    frames = [(red if time < 20 else blue).picture(2.0 * time, 0, 68, 96) for time in range(40)]
    return write_video(tmp_path / "passing.mkv", frames)


def _pairs(path: Path, numbers: range, **options: bool) -> tuple[dict[int, np.ndarray], Counter[tuple[str, str]]]:
    rejected: Counter[tuple[str, str]] = Counter()
    generators = {number: np.random.default_rng([7, number]) for number in numbers}
    made = film_pairs(generators, [survey(path)], CLEAN, 48, detailed=options.get("detailed", False), rejected=rejected)
    return dict(made), rejected


def test_pairs_are_blurred_along_the_motion_and_never_across_the_cut(passing: Path) -> None:
    pairs, rejected = _pairs(passing, range(10))
    assert rejected["across a cut or with failing flow", "passing.mkv"] > 0
    assert sorted(pairs) == list(range(10))
    reddish = 0
    for blurred, sharp in pairs.values():
        # Blur along x evens columns out and leaves rows alone.
        assert (
            np.abs(np.diff(blurred.astype(int), axis=1)).mean()
            < 0.8 * np.abs(np.diff(sharp.astype(int), axis=1)).mean()
        )
        colour = blurred.mean((0, 1)) - sharp.mean((0, 1))
        assert np.abs(colour).max() < 8
        reddish += sharp[..., 0].mean() > sharp[..., 2].mean() + 40
    assert 0 < reddish < 10


def test_a_pair_depends_on_its_own_random_numbers_alone(passing: Path) -> None:
    """So that neither the number of workers nor what else is in the shard changes it."""
    together, _ = _pairs(passing, range(6))
    for numbers in (range(0, 6, 2), range(1, 6, 2)):
        alone, _ = _pairs(passing, numbers)
        for number, pair in alone.items():
            assert np.array_equal(pair, together[number])


def test_a_video_without_motion_is_named_as_such(
    write_video: Callable[..., Path], scene: Scene, tmp_path: Path
) -> None:
    path = write_video(tmp_path / "still.mkv", [scene.picture(0, 0, 68, 96)] * 6)
    with pytest.raises(DataError, match=r"no usable window for 1 of the pairs.* with too little motion"):
        _pairs(path, range(1))


def test_missing_frames_are_noticed(write_video: Callable[..., Path], scene: Scene, tmp_path: Path) -> None:
    frames = [scene.picture(2.0 * time, 0, 68, 96) for time in range(14)]
    path = write_video(tmp_path / "gap.mkv", frames, skip=(7,))
    with pytest.raises(DataError, match=r"no usable window .*60 with missing frames"):
        _pairs(path, range(1))
    whole = write_video(tmp_path / "whole.mkv", frames)
    assert sorted(_pairs(whole, range(1))[0]) == [0]
