"""Finding where a video is blurred most, by its keyframes alone, so that an hour takes no longer than a minute."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import av
import av.error
import numpy as np

from pipeline.errors import InputError
from pipeline.media.frames import convert_frame, plane_rows, spec_of
from pipeline.media.pyav18 import open_media
from pipeline.media.reformatter import Reformatter
from pipeline.runner.sharpness import blur_of

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from av.container import InputContainer

MOST_LOOKS = 120
"""Keyframes that are looked at, at most. A look takes about 20 milliseconds at 1280x720."""

_LEAST_CONTRAST = 8.0
"""Standard deviation of luma, in codes of 8 bits, below which a picture shows nothing: black, sky, fog."""


@dataclass(frozen=True, slots=True)
class Stretch:
    """A part of a video.

    Attributes:
        start: Seconds from the beginning of the video.
        length: Seconds that it lasts.
        blur: Estimate at its keyframe, from 0 (every edge is a step) to 1; None if it was not looked for.
    """

    start: float
    length: float
    blur: float | None = None


@dataclass(frozen=True, slots=True)
class Look:
    """A keyframe that was looked at.

    Attributes:
        time: Seconds from the beginning of the video.
        blur: Estimate of its blur, 0 to 1.
    """

    time: float
    blur: float


def most_blurred(looks: Sequence[Look], duration: float, count: int, length: float) -> list[Stretch]:
    """The stretches around the most blurred keyframes, in the order of time.

    Args:
        looks: Keyframes that were looked at.
        duration: Seconds that the video lasts.
        count: Number of stretches, at most; fewer where the video is too short for so many.
        length: Seconds of each.
    """
    if duration <= length:
        return [Stretch(0.0, duration, max((look.blur for look in looks), default=None))]
    chosen: list[Stretch] = []
    for look in sorted(looks, key=lambda look: -look.blur):
        start = min(max(look.time - length / 2, 0.0), duration - length)
        if all(abs(start - other.start) >= length for other in chosen):
            chosen.append(Stretch(start, length, look.blur))
        if len(chosen) == count:
            break
    return sorted(chosen or [Stretch(0.0, length)], key=lambda stretch: stretch.start)


def look_at_keyframes(path: Path, most: int = MOST_LOOKS) -> tuple[list[Look], float]:
    """Estimates the blur of keyframes that are spread evenly over a video.

    Args:
        path: The video.
        most: Keyframes to look at, at most.

    Returns:
        What was seen, but for pictures that show nothing, and the seconds that the video lasts.

    Raises:
        InputError: If the video can't be read, or does not say how long it is.
    """
    try:
        with open_media(str(path)) as container:
            stream = container.streams.best("video")
            if not isinstance(stream, av.VideoStream):
                raise InputError(f"{path} has no video")
            base = stream.time_base
            duration = _duration(container, stream)
            if not duration or base is None:
                raise InputError(f"{path} does not say how long it is; choose a stretch by `at`", field="at")
            stream.codec_context.skip_frame = "NONKEY"
            begin = (stream.start_time or 0) * float(base)
            seen: dict[float, Look | None] = {}
            for number in range(most):
                time = begin + duration * (number + 0.5) / most
                container.seek(int(time / base), stream=stream)
                frame = next(container.decode(stream), None)
                if frame is not None and frame.time is not None and frame.time not in seen:
                    blur = _blur(frame)
                    seen[frame.time] = None if blur is None else Look(frame.time - begin, blur)
    except (av.error.FFmpegError, OSError, ValueError) as error:
        raise InputError(f"{path} can't be searched: {error}; choose a stretch by `at`", field="at") from error
    return [look for look in seen.values() if look is not None], duration


def _duration(container: InputContainer, stream: av.VideoStream) -> float:
    if stream.duration and stream.time_base:
        return float(stream.duration * stream.time_base)
    return (container.duration or 0) / 1_000_000


def _blur(frame: av.VideoFrame) -> float | None:
    """Estimate of a frame's blur; None if it shows nothing."""
    spec, name = spec_of(frame)
    luma = plane_rows(convert_frame(frame, spec, name, Reformatter()), 0)
    if float(np.std(luma)) < _LEAST_CONTRAST * (1 << (spec.depth - 8 + spec.code_shift)):
        return None
    return blur_of(luma, spec)
