"""Exposures made of real frames: centred, of the length asked for, and never across a cut."""

from __future__ import annotations

import numpy as np
import pytest

from network.evaluation.metrics import psnr
from network.synth.exposure import expose_frames
from network.synth.footage import UnusableError
from network.synth.light import to_codes, to_linear
from tests.support.scenes import Scene

HEIGHT, WIDTH = 112, 144
BORDER = 20
INNER = np.s_[BORDER:-BORDER, BORDER:-BORDER]


def quantised(codes: np.ndarray) -> np.ndarray:
    """Codes in [0, 1] as 8 bits."""
    return np.rint(255 * codes).astype(np.uint8)


def _present(
    frames: list[np.ndarray], length: float, border: int = 0, steepness: float = 1.0
) -> tuple[np.ndarray, ...]:
    """The present exposure and the sharp frame; exposures of a whole interval."""
    (_, present, _), sharp = expose_frames(frames, length, 1.0, border, steepness)
    return present, sharp


def _frames(scene: Scene, speed: tuple[float, float], count: int = 25) -> list[np.ndarray]:
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
    blurred, sharp = _present(frames, length, BORDER)
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

    frames = [frame(time) for time in range(-5, 6)]
    blurred, sharp = _present(frames, 10.0, BORDER)
    true = np.mean([to_linear(frame(time)) for time in np.linspace(-1.25, 1.25, 41)], axis=0)
    assert blurred[INNER].sum() == pytest.approx(true[INNER].sum(), rel=3e-3)
    assert blurred[INNER].max() < 0.9 * sharp[INNER].max()
    averaged = np.mean([frame(time) for time in np.linspace(-1.25, 1.25, 41)], axis=0)
    averaged_codes = to_linear(np.rint(averaged).astype(np.uint8))
    assert averaged_codes[INNER].sum() < 0.98 * true[INNER].sum()


def test_a_steeper_response_brightens_what_moves(scene: Scene) -> None:
    frames = _frames(scene, (3.0, 1.0))
    blurred, _ = _present(frames, 8.0, BORDER)
    steep, sharp = (to_codes(light, 2.0) for light in _present(frames, 8.0, BORDER, steepness=2.0))
    assert np.array_equal(quantised(sharp), frames[len(frames) // 2])
    assert 255 * steep[INNER].mean() > 255 * to_codes(blurred)[INNER].mean() + 0.2


@pytest.mark.parametrize("duration", [0.5, 1.0])
def test_the_other_exposures_are_as_long_and_one_frame_interval_away(scene: Scene, duration: float) -> None:
    frames = _frames(scene, (3.0, 0.0))
    (before, present, after), _ = expose_frames(frames, 6.0, duration, BORDER)
    # Six pixels are two frames, which are the exposure; the interval is one exposure divided by its part of it.
    interval = round(3.0 * 2 / duration)
    inner = np.s_[BORDER:-BORDER, BORDER + interval : -BORDER - interval]
    for exposure, shift in ((before, interval), (after, -interval)):
        moved = np.roll(exposure, -shift, axis=1)
        assert psnr(quantised(to_codes(moved))[inner], quantised(to_codes(present))[inner]) > 38
        assert psnr(quantised(to_codes(exposure))[inner], quantised(to_codes(present))[inner]) < 30


def test_without_a_length_all_exposures_are_frames_exactly(scene: Scene) -> None:
    frames = _frames(scene, (1.0, 0), 3)
    exposures, sharp = expose_frames(frames, 0.0, 1.0)
    for exposure, frame in zip((*exposures, sharp), (*frames, frames[1]), strict=True):
        assert np.array_equal(quantised(to_codes(exposure)), frame)
    with pytest.raises(UnusableError, match="too little motion"):
        expose_frames(frames, 3.0, 1.0)


def test_more_frames_are_taken_where_motion_is_slow(scene: Scene) -> None:
    with pytest.raises(UnusableError, match="too little motion"):
        _present(_frames(scene, (1.0, 0.0), 9), 6.0, BORDER)
    slow, _ = _present(_frames(scene, (1.0, 0.0), 23), 6.0, BORDER)
    fast, _ = _present(_frames(scene, (3.0, 0.0), 9), 6.0, BORDER)
    assert psnr(quantised(to_codes(slow))[INNER], quantised(to_codes(fast))[INNER]) > 42


def test_a_cut_is_not_averaged_over(scene: Scene) -> None:
    frames = _frames(scene, (2.0, 0.0))
    other = _frames(Scene(9), (2.0, 0.0))
    with pytest.raises(UnusableError, match="cut"):
        _present(frames[:14] + other[14:], 8.0, BORDER)
    # One that lies beyond the exposures does no harm.
    blurred, _ = _present(frames[:22] + other[22:], 8.0, BORDER)
    assert np.array_equal(blurred, _present(frames, 8.0, BORDER)[0])


def test_frames_that_are_shown_twice_are_noticed(scene: Scene) -> None:
    frames = _frames(scene, (3.0, 0.0))
    frames[13] = frames[12]
    with pytest.raises(UnusableError, match="stuttering"):
        _present(frames, 12.0, BORDER)
