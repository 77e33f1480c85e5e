"""Long exposures made of video: consecutive frames, and interpolated ones between them, averaged in linear light."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np

from network.synth.footage import UnusableError
from network.synth.interpolate import Step, between, estimate
from network.synth.light import to_linear

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from numpy.typing import NDArray

    from network.synth.window import Light

    FloatArray = NDArray[np.float32]
    Picture = NDArray[np.uint8]

_INSTANTS = (3, 33)
"""Fewest and most instants that an exposure is made of: about one a pixel of path."""


def expose_frames(
    frames: Sequence[Picture],
    length: float,
    duration: float,
    border: int = 0,
    steepness: float = 1.0,
    prepare: Callable[[FloatArray], FloatArray] | None = None,
) -> tuple[Light, FloatArray]:
    """Averages three exposures around the middle frame, in linear light.

    The present exposure opens as long before the middle frame as it closes after it, just long enough for a mean path
    of ``length``, by the measured flow. It may begin and end between two frames. The others are as long, one frame
    interval before and after it. What moved while the real shutter was open is in the frames already, so the blur is a
    little longer than asked for.

    Args:
        frames: Frames, RGB, uint8 (H, W, 3), of odd number.
        length: Mean path of a pixel during the present exposure, in pixels; 0 for none, where all exposures are one
            frame of the video.
        duration: Duration of the exposure in frame intervals of the result, above 0 and up to 1.
        border: Width of the border that does not count, in pixels.
        steepness: The ``steepness`` by which frames are made linear.
        prepare: Function that changes the linear light of each frame before it is averaged, such as raised highlights.

    Returns:
        The previous, the present and the next exposure, and the middle frame, linear, float32 (H, W, 3) each.

    Raises:
        UnusableError: If the exposures would cross a cut, the flow fails, the motion stutters (frames are missing or
            shown twice), or all frames together have too short a path.
    """
    middle = len(frames) // 2
    steps = _Steps(frames, border)
    reach = _reach(steps, middle, length) if length else 0.0
    interval = 2 * reach / duration if length else 1.0
    if math.ceil(interval + reach) > middle:
        raise UnusableError("with too little motion")
    paths = [steps[index].path for index in range(middle - math.ceil(reach), middle + math.ceil(reach))]
    if paths and max(paths) > 4 * min(paths) + 1:
        raise UnusableError("with stuttering motion")
    light = _Lights(frames, steepness, prepare)
    count = min(max(2 * math.ceil(length / 2) + 1, _INSTANTS[0]), _INSTANTS[1]) if length else 1
    exposures = []
    for centre in (middle - interval, float(middle), middle + interval):
        total = np.zeros_like(light[middle])
        for number in range(count):
            instant = centre + (reach * (number - count // 2) / (count // 2) if count > 1 else 0)
            index = min(math.floor(instant), len(frames) - 2)
            total += (
                light[index]
                if instant == index
                else between(light[index], light[index + 1], steps[index], float(instant - index))
            )
        exposures.append(total / np.float32(count))
    return (exposures[0], exposures[1], exposures[2]), light[middle]


class _Steps:
    """Motion from each frame to the next, measured when it is asked for."""

    def __init__(self, frames: Sequence[Picture], border: int) -> None:
        self._frames, self._border = frames, border
        self._known: dict[int, Step] = {}

    def __getitem__(self, index: int) -> Step:
        if index not in self._known:
            step = estimate(self._frames[index], self._frames[index + 1], self._border)
            if not step.holds:
                raise UnusableError("across a cut or with failing flow")
            self._known[index] = step
        return self._known[index]


class _Lights:
    """Linear light of each frame, made when it is asked for."""

    def __init__(
        self, frames: Sequence[Picture], steepness: float, prepare: Callable[[FloatArray], FloatArray] | None
    ) -> None:
        self._frames, self._steepness, self._prepare = frames, steepness, prepare
        self._known: dict[int, FloatArray] = {}

    def __getitem__(self, index: int) -> FloatArray:
        if index not in self._known:
            light = to_linear(self._frames[index], self._steepness)
            self._known[index] = self._prepare(light) if self._prepare else light
        return self._known[index]


def _reach(steps: _Steps, middle: int, length: float) -> float:
    """Frames before and after the middle one between which a mean path of a length lies."""
    path = 0.0
    for distance in range(middle):
        gain = steps[middle - distance - 1].path + steps[middle + distance].path
        if path + gain >= length:
            return distance + (length - path) / max(gain, 1e-9)
        path += gain
    raise UnusableError("with too little motion")
