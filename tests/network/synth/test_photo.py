"""Windows from photographs: reproducible, and blurred, aligned, noisy and incomplete as their profile says."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import cv2
import numpy as np
import pytest

from network.data.planes import split
from network.evaluation.metrics import psnr
from network.synth.photo import photo_window
from network.synth.profile import PROFILES, BlurProfile

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from network.data.planes import Frame
    from network.synth.window import Window

SIZE = 96
CLEAN = BlurProfile(
    shortest=8.0,
    longest=8.0,
    still=0.0,
    short_exposures=0.0,
    driving=0.0,
    objects=0.0,
    night=0.0,
    highlights=0.0,
    defocus=0.0,
    noise=0.0,
    processing=0.0,
    text=0.0,
    compression=0.0,
    missing=0.0,
)


@pytest.fixture
def photos(natural: Callable[[int], np.ndarray], tmp_path: Path) -> list[Path]:
    paths = []
    for number in range(2):
        paths.append(tmp_path / f"photo{number}.png")
        cv2.imwrite(str(paths[-1]), natural(number))
    return paths


def _windows(photos: list[Path], profile: BlurProfile, count: int = 8) -> list[Window]:
    return [photo_window(np.random.default_rng([1, number]), photos, profile, SIZE) for number in range(count)]


def _luma_psnr(first: Frame, second: Frame) -> float:
    return psnr(*(split(frame)[0] for frame in (first, second)))


def _mean_psnr(photos: list[Path], profile: BlurProfile) -> float:
    return float(np.mean([_luma_psnr(window.present, window.sharp) for window in _windows(photos, profile)]))


def test_the_same_randomness_gives_the_same_window(photos: list[Path]) -> None:
    profile = PROFILES["dashcam"]
    for number in range(4):
        one, two = (photo_window(np.random.default_rng(number), photos, profile, SIZE).packed() for _ in range(2))
        assert np.array_equal(one[0], two[0])
        assert np.array_equal(one[1], two[1], equal_nan=True)
        assert (one[0].shape, one[1].shape) == ((4, SIZE * 3 // 2, SIZE), (4, SIZE // 4, SIZE // 4))
        assert (one[0].dtype, one[1].dtype) == (np.uint8, np.float16)


def test_longer_paths_blur_more(photos: list[Path]) -> None:
    scores = [_mean_psnr(photos, replace(CLEAN, shortest=length, longest=length)) for length in (1.0, 4.0, 16.0)]
    assert scores[0] > scores[1] + 1 > scores[2] + 2


def test_neighbours_lie_closer_to_the_present_frame_once_they_are_aligned(photos: list[Path]) -> None:
    """They move by the whole path between the frames; the flow takes most of it away."""
    before, after = [], []
    for window in _windows(photos, CLEAN):
        frames, flows = window.packed()
        assert not np.isnan(flows).any()
        for raw, place in ((window.previous, 0), (window.following, 2)):
            assert raw is not None
            before.append(_luma_psnr(raw, window.present))
            after.append(_luma_psnr(frames[place], window.present))
    assert np.mean(after) > np.mean(before) + 3


def test_a_still_camera_and_a_short_exposure_leave_frames_sharp(photos: list[Path]) -> None:
    assert _mean_psnr(photos, replace(CLEAN, still=1.0)) > 60
    short = replace(CLEAN, short_exposures=1.0)
    windows = _windows(photos, short)
    assert np.mean([_luma_psnr(window.present, window.sharp) for window in windows]) > _mean_psnr(photos, CLEAN) + 6
    # Sharp, and yet in motion.
    assert np.mean([np.abs(window.packed()[1].astype(float)).max() for window in windows]) > 0.5


@pytest.mark.parametrize(
    "change", [{"noise": 30.0}, {"compression": 1.0}, {"defocus": 1.0}, {"processing": 1.0, "noise": 5.0}]
)
def test_what_a_camera_does_to_frames_it_does_not_do_to_the_ideal(change: dict[str, float], photos: list[Path]) -> None:
    still = replace(CLEAN, still=1.0)
    changed = _windows(photos, replace(still, **change))
    assert np.median([_luma_psnr(window.present, window.sharp) for window in changed]) < 50
    for window, plain in zip(changed, _windows(photos, still), strict=True):
        assert np.array_equal(window.sharp, plain.sharp)


def test_objects_night_text_and_driving_change_the_scene(photos: list[Path]) -> None:
    plain = _windows(photos, CLEAN)
    for share in ("objects", "night", "text", "driving", "highlights"):
        changed = _windows(photos, replace(CLEAN, **{share: 1.0}))
        alike = [np.array_equal(one.present, other.present) for one, other in zip(plain, changed, strict=True)]
        assert sum(alike) < 4, share
    nights = _windows(photos, replace(CLEAN, night=1.0))
    brightness = [np.mean([split(window.sharp)[0].mean() for window in windows]) for windows in (plain, nights)]
    assert brightness[1] < brightness[0] - 20


def test_missing_neighbours_are_of_every_kind(photos: list[Path]) -> None:
    windows = _windows(photos, replace(CLEAN, missing=1.0), count=24)
    kinds = {(window.previous is None, window.following is None) for window in windows}
    assert kinds == {(True, True), (True, False), (False, True), (False, False)}  # the last: another scene
    for window in windows:
        flows = window.packed()[1]
        marks = [bool(np.isnan(flows[side]).all()) for side in (0, 2)]
        for mark, neighbour in zip(marks, (window.previous, window.following), strict=True):
            assert mark or neighbour is not None
