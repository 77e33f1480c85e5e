"""Windows from video: consecutive real frames, with interpolated ones between them, averaged as three long exposures.

Runs of frames are read by seeking, not in one pass: a pool needs a few thousand short runs out of what may be hours,
and only with seeking can each window's run be drawn from the window's own random numbers. So the number of workers
changes nothing, and memory holds one run's crops whatever the length of the video. Within a shard runs are read in
order of time, so that neighbours share the decoding.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from functools import partial
from itertools import groupby
from typing import TYPE_CHECKING, Any

import cv2
import numpy as np

from network.data.planes import to_frame
from network.errors import DataError
from network.synth.camera import raised, random_camera, random_highlights
from network.synth.exposure import expose_frames
from network.synth.footage import FrameReader, UnusableError
from network.synth.sharp_filter import is_sharp
from network.synth.window import random_duration, recorded

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from numpy.random import Generator
    from numpy.typing import NDArray

    from network.data.planes import Frame
    from network.synth.footage import Footage
    from network.synth.profile import BlurProfile
    from network.synth.window import Window

    Picture = NDArray[np.uint8]
    Rejections = Counter[tuple[str, str]]

HALF_RUN = 20
"""Most frames on either side of the sharp one."""

BORDER = 16
"""Pixels around a window that help the flow and the interpolation, and are cut off."""

FLAT_SHARE = 0.1
"""Share of the crops without fine detail (sky, walls, background out of focus) that are kept."""

_MOST_UNEVEN = 1.5
"""Longest time between two frames of a run relative to the shortest: beyond, a frame is missing."""

_TRIES = 60
_TRIES_BEFORE_ANOTHER_LENGTH = 8
"""Number of runs without enough motion after which another blur length is drawn: steady videos have no long blur."""


@dataclass(frozen=True, slots=True)
class _Wish:
    """What a window should be: the path during an exposure in pixels, and the exposure's part of the interval."""

    length: float
    duration: float


@dataclass(frozen=True, slots=True)
class _Run:
    """Which square of which frames: ``side`` pixels from ``top`` and ``left``, ``half`` frames around ``middle``."""

    video: int
    middle: int
    half: int
    top: int
    left: int
    side: int


def film_windows(
    generators: Mapping[int, Generator],
    videos: Sequence[Footage],
    profile: BlurProfile,
    size: int,
    *,
    detailed: bool,
    rejected: Rejections,
) -> Iterator[tuple[int, Window]]:
    """Makes windows from random runs of videos.

    A run whose middle frame is not sharp, that crosses a cut, where the flow fails, or that has too little motion for
    the wanted blur is not used; the window then tries another.

    Args:
        generators: Source of randomness of each window, by the window's number.
        videos: Videos to look in; each frame is as likely as any other.
        profile: Distribution of the blur. Objects, night and text are left to the footage.
        size: Height and width of a window in pixels.
        detailed: Whether to leave out crops without fine detail, but for a small share.
        rejected: Counter of the runs that were not used, by reason and name of the file.

    Yields:
        Number of the window, and the window.

    Raises:
        DataError: If no usable run is found for a window.
    """
    wishes: dict[int, _Wish] = {}
    pending = sorted(generators)
    for attempt in range(_TRIES):
        runs: list[tuple[_Run, int]] = []
        for number in pending:
            if attempt % _TRIES_BEFORE_ANOTHER_LENGTH == 0:
                wishes[number] = _wish(generators[number], profile)
            runs.append((_draw(generators[number], videos, size + 2 * BORDER), number))
        runs.sort(key=lambda item: (item[0].video, item[0].middle, item[1]))
        pending = []
        for video, group in groupby(runs, key=lambda item: item[0].video):
            with FrameReader(videos[video]) as reader:
                for run, number in group:
                    try:
                        window = _window(
                            generators[number], reader, run, wishes[number], profile, size, detailed=detailed
                        )
                    except UnusableError as error:
                        rejected[str(error), videos[video].path.name] += 1
                        pending.append(number)
                    else:
                        yield number, window
        pending.sort()
        if not pending:
            return
    reasons = Counter[str]()
    for (reason, _), count in rejected.items():
        reasons[reason] += count
    raise DataError(
        f"the videos have no usable run of frames for {len(pending)} of the windows, after {_TRIES} tries each "
        f"({', '.join(f'{count} {reason}' for reason, count in reasons.most_common())}); "
        "add sharper video with more motion, or ask for shorter blur"
    )


def _wish(rng: Generator, profile: BlurProfile) -> _Wish:
    # Sharp input must come from video too: single frames, which may move as fast as the footage does.
    if rng.random() < profile.still + profile.short_exposures:
        return _Wish(0.0, 1.0)
    return _Wish(profile.length(*rng.random(2)), random_duration(rng))


def _draw(rng: Generator, videos: Sequence[Footage], side: int) -> _Run:
    """A run with room for the exposures."""
    ends = np.cumsum([len(video.times) for video in videos])
    video = int(np.searchsorted(ends, rng.integers(ends[-1]), side="right"))
    footage = videos[video]
    frames = len(footage.times)
    half = min(HALF_RUN, (frames - 1) // 2)
    middle = int(rng.integers(half, frames - half))
    shorter = min(footage.height, footage.width)
    source_side = min(int(side / max(rng.uniform(0.5, 1.0), side / shorter)), shorter)
    top = int(rng.integers(0, footage.height - source_side + 1))
    left = int(rng.integers(0, footage.width - source_side + 1))
    return _Run(video, middle, half, top, left, source_side)


def _window(
    rng: Generator,
    reader: FrameReader,
    run: _Run,
    wish: _Wish,
    profile: BlurProfile,
    size: int,
    *,
    detailed: bool,
) -> Window:
    half = run.half if wish.length else 1
    crops, times = reader.crops(run.middle - half, 2 * half + 1, run.top, run.left, run.side)
    frames = [_reduced(crop, size + 2 * BORDER) for crop in crops]
    if detailed and not is_sharp(frames[half]) and rng.random() >= FLAT_SHARE:
        raise UnusableError("blurred or without detail")
    gaps = np.diff(times)
    if gaps.max() > _MOST_UNEVEN * gaps.min():
        raise UnusableError("with missing frames")
    camera = random_camera(rng, profile, at_night=False)
    prepare = partial(raised, random_highlights(rng)) if rng.random() < profile.highlights else None
    exposures, sharp = expose_frames(frames, wish.length, wish.duration, BORDER, camera.steepness, prepare)
    first, present, last, sharp = (_inner(light) for light in (*exposures, sharp))

    def other_scene() -> Frame:
        return to_frame(np.float32(1 / 255) * _inner(frames[0])[::-1, ::-1], camera.matrix)

    return recorded(rng, camera, (first, present, last), sharp, profile, other_scene)


def _reduced(crop: Picture, side: int) -> Picture:
    if crop.shape[0] == side:
        return crop
    return np.asarray(cv2.resize(crop, (side, side), interpolation=cv2.INTER_AREA), np.uint8)


def _inner(picture: NDArray[Any]) -> NDArray[Any]:
    return picture[BORDER:-BORDER, BORDER:-BORDER]
