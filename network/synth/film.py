"""Pairs from video: consecutive real frames, with interpolated ones between them, averaged as one long exposure.

Windows are read by seeking, not in one pass: a pool needs a few thousand short runs out of what may be hours, and only
with seeking can each pair's window be drawn from the pair's own random numbers. So the number of workers changes
nothing, and memory holds one window's crops whatever the length of the video. Within a shard windows are read in order
of time, so that neighbours share the decoding.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from functools import partial
from itertools import groupby
from typing import TYPE_CHECKING

import cv2
import numpy as np

from network.errors import DataError
from network.synth.camera import highlight_gain, photograph, raised, steepness
from network.synth.footage import FrameReader, UnusableError
from network.synth.interpolate import Step, between, estimate
from network.synth.motion import sub_frames
from network.synth.pair import blur_length, margin
from network.synth.render import to_linear
from network.synth.sharp_filter import is_sharp

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from numpy.random import Generator
    from numpy.typing import NDArray

    from network.synth.footage import Footage
    from network.synth.profile import BlurProfile

    FloatArray = NDArray[np.float32]
    Picture = NDArray[np.uint8]
    Rejections = Counter[tuple[str, str]]

HALF_WINDOW = 16
"""Most frames on either side of the sharp one."""

FLAT_SHARE = 0.1
"""Share of the crops without fine detail (sky, walls, background out of focus) that are kept."""

_MOST_UNEVEN = 1.5
"""Longest time between two frames of a window relative to the shortest: beyond, a frame is missing."""

_TRIES = 60
_TRIES_BEFORE_ANOTHER_LENGTH = 8
"""Number of windows without enough motion after which another blur length is drawn: steady videos have no long blur."""


@dataclass(frozen=True, slots=True)
class _Window:
    """Which square of which frames: ``side`` pixels from ``top`` and ``left``, ``half`` frames around ``middle``."""

    video: int
    middle: int
    half: int
    top: int
    left: int
    side: int
    length: float


def film_pairs(
    generators: Mapping[int, Generator],
    videos: Sequence[Footage],
    profile: BlurProfile,
    size: int,
    *,
    detailed: bool,
    rejected: Rejections,
) -> Iterator[tuple[int, Picture]]:
    """Makes pairs from random windows of videos.

    A window whose middle frame is not sharp, that crosses a cut, where the flow fails, or that has too little motion
    for the wanted blur is not used; the pair then tries another.

    Args:
        generators: Source of randomness of each pair, by the pair's number.
        videos: Videos to look in; each frame is as likely as any other.
        profile: Distribution of the blur. Objects are left to the footage.
        size: Height and width of a pair in pixels.
        detailed: Whether to leave out crops without fine detail, but for a small share.
        rejected: Counter of the windows that were not used, by reason and name of the file.

    Yields:
        Number of the pair, and its blurred and its sharp side, uint8 (2, size, size, 3).

    Raises:
        DataError: If no usable window is found for a pair.
    """
    side = size + 2 * margin(profile)
    lengths: dict[int, float] = {}
    pending = sorted(generators)
    for attempt in range(_TRIES):
        windows: list[tuple[_Window, int]] = []
        for number in pending:
            rng = generators[number]
            if attempt % _TRIES_BEFORE_ANOTHER_LENGTH == 0:
                # Sharp input must come from video too; such pairs need no motion.
                lengths[number] = 0.0 if rng.random() < profile.untouched else blur_length(rng, profile)
            windows.append((_draw(rng, videos, side, lengths[number]), number))
        windows.sort(key=lambda item: (item[0].video, item[0].middle, item[1]))
        pending = []
        for video, group in groupby(windows, key=lambda item: item[0].video):
            with FrameReader(videos[video]) as reader:
                for window, number in group:
                    try:
                        pair = _pair(generators[number], reader, window, profile, size, detailed=detailed)
                    except UnusableError as error:
                        rejected[str(error), videos[video].path.name] += 1
                        pending.append(number)
                    else:
                        yield number, pair
        pending.sort()
        if not pending:
            return
    reasons = Counter[str]()
    for (reason, _), count in rejected.items():
        reasons[reason] += count
    raise DataError(
        f"the videos have no usable window for {len(pending)} of the pairs, after {_TRIES} tries each "
        f"({', '.join(f'{count} {reason}' for reason, count in reasons.most_common())}); "
        "add sharper video with more motion, or ask for shorter blur"
    )


def expose_frames(
    frames: Sequence[Picture],
    length: float,
    border: int = 0,
    prepare: Callable[[FloatArray], FloatArray] | None = None,
    response: float = 1.0,
) -> tuple[FloatArray, FloatArray]:
    """Averages an exposure around the middle frame, in linear light.

    The exposure opens as long before the middle frame as it closes after it, just long enough for a mean path of
    ``length``, by the measured flow. It may begin and end between two frames. What moved while the real shutter was
    open is in the frames already, so the blur is a little longer than asked for.

    Args:
        frames: Frames, RGB, uint8 (H, W, 3), of odd number.
        length: Mean path of a pixel in pixels; 0 returns the middle frame twice.
        border: Width of the border that does not count, in pixels.
        prepare: Function that changes the linear light of each frame before it is averaged, such as raised highlights.
        response: The ``steepness`` by which frames are made linear.

    Returns:
        The blurred and the sharp picture (the middle frame, exactly), linear, float32 (H, W, 3).

    Raises:
        UnusableError: If the exposure would cross a cut, the flow fails, the motion stutters (frames are missing or
            shown twice), or all frames together have too short a path.
    """
    middle = len(frames) // 2
    steps: dict[int, Step] = {}
    path = 0.0
    for distance in range(middle):
        pair = (middle - distance - 1, middle + distance)
        for index in pair:
            steps[index] = estimate(frames[index], frames[index + 1], border)
            if not steps[index].holds:
                raise UnusableError("across a cut or with failing flow")
        gain = sum(steps[index].path for index in pair)
        if path + gain >= length:
            reach = distance + (length - path) / max(gain, 1e-9)
            break
        path += gain
    else:
        raise UnusableError("with too little motion")
    paths = [step.path for step in steps.values()]
    if max(paths) > 4 * min(paths) + 1:
        raise UnusableError("with stuttering motion")
    light = {index: to_linear(frames[index], response) for index in range(min(steps), max(steps) + 2)}
    if prepare is not None:
        light = {index: prepare(picture) for index, picture in light.items()}
    total = np.zeros_like(light[middle])
    count = sub_frames(length)
    # Not numpy's linspace, whose middle may miss zero by a rounding.
    for instant in reach * (np.arange(count) - count // 2) / (count // 2):
        index = min(max(middle + int(np.floor(instant)), min(steps)), max(steps))
        total += between(light[index], light[index + 1], steps[index], float(instant) + middle - index)
    return total / np.float32(count), light[middle]


def _draw(rng: Generator, videos: Sequence[Footage], side: int, length: float) -> _Window:
    """A window with room for the exposure; a single frame where there is nothing to blur."""
    ends = np.cumsum([len(video.times) for video in videos])
    video = int(np.searchsorted(ends, rng.integers(ends[-1]), side="right"))
    footage = videos[video]
    frames = len(footage.times)
    half = min(HALF_WINDOW, (frames - 1) // 2) if length else 0
    middle = int(rng.integers(half, frames - half))
    shorter = min(footage.height, footage.width)
    source_side = min(int(side / max(rng.uniform(0.5, 1.0), side / shorter)), shorter)
    top = int(rng.integers(0, footage.height - source_side + 1))
    left = int(rng.integers(0, footage.width - source_side + 1))
    return _Window(video, middle, half, top, left, source_side, length)


def _pair(
    rng: Generator, reader: FrameReader, window: _Window, profile: BlurProfile, size: int, *, detailed: bool
) -> Picture:
    border = margin(profile)
    first, count = window.middle - window.half, 2 * window.half + 1
    crops, times = reader.crops(first, count, window.top, window.left, window.side)
    frames = [_reduced(crop, size + 2 * border) for crop in crops]
    sharp = frames[window.half]
    if detailed and not is_sharp(sharp) and rng.random() >= FLAT_SHARE:
        raise UnusableError("blurred or without detail")
    if not window.length:
        return _inner(sharp, sharp, border, size)
    gaps = np.diff(times)
    if gaps.max() > _MOST_UNEVEN * gaps.min():
        raise UnusableError("with missing frames")
    prepare = partial(raised, *highlight_gain(rng)) if rng.random() < profile.highlights else None
    response = steepness(rng, profile)
    blurred, middle = expose_frames(frames, window.length, border, prepare, response)
    return _inner(*photograph(rng, blurred, middle, profile, response), border, size)


def _reduced(crop: Picture, side: int) -> Picture:
    if crop.shape[0] == side:
        return crop
    return np.asarray(cv2.resize(crop, (side, side), interpolation=cv2.INTER_AREA), np.uint8)


def _inner(blurred: Picture, sharp: Picture, border: int, size: int) -> Picture:
    return np.stack([picture[border : border + size, border : border + size] for picture in (blurred, sharp)])
