"""How steady a sequence is: the flow-warping error, and flicker.

Flicker is the mean absolute change of mean luma from frame to frame. It sees a picture that pulsates as a whole, and
also a scene that changes, so that it tells something beside the ground truth's alone.

The flow-warping error is the measure of Lai et al. 2018, "Learning Blind Video Temporal Consistency" (section 4.2),
with OpenCV's DIS flow: the next frame, warped back along the motion, is compared with the present one wherever both
show the same thing.

The motion is that of the *ground truth* for every version of the sequence, since flow estimated on blurred frames
would be blurred too. For frames t and t+1 of the ground truth, forward flow F (t to t+1) and backward flow B::

    V'(x) = V[t+1](x + F(x))              bilinear
    B'(x) = B(x + F(x))                   bilinear
    seen(x): |F(x) + B'(x)|^2 <= 0.01 (|F(x)|^2 + |B'(x)|^2) + 0.5, and x + F(x) lies in the picture
    error(t) = mean over seen pixels and colours of (V[t](x) - V'(x))^2, V in [0, 1]

The consistency test is that of Sundaram et al. 2010, which Lai et al. take from Ruder et al. 2016; their further mask
of motion boundaries is left out. A sequence's error is the mean over its pairs of consecutive frames. Even the ground
truth has an error (noise, light, flow that is off). Blur lowers the error as it lowers contrast, and raises it where it
changes from frame to frame. So what tells is how much a result's error exceeds that of the ground truth.
"""

from __future__ import annotations

from dataclasses import dataclass
from statistics import fmean
from typing import TYPE_CHECKING

import cv2
import numpy as np

from network.errors import DataError
from network.evaluation.metrics import mean_luma

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from numpy.typing import NDArray

    Picture = NDArray[np.uint8]
    Flow = NDArray[np.float32]

RELATIVE, ABSOLUTE = 0.01, 0.5
SMALLEST = 12
"""Height and width in pixels that DIS flow needs."""


@dataclass(frozen=True, slots=True)
class Motion:
    """Motion from one frame to the next.

    Attributes:
        flow: Motion in pixels to the right and down, float32 (H, W, 2).
        seen: Mask (H, W), true where the next frame shows the same point.
    """

    flow: Flow
    seen: NDArray[np.bool_]


def motion_between(first: Picture, second: Picture) -> Motion:
    """Motion between two frames, and where both show the same.

    Args:
        first: First frame, RGB, uint8 (H, W, 3), at least 12x12.
        second: The next frame, of the same shape.

    Raises:
        DataError: If the frames are smaller or of different sizes.
    """
    if first.shape != second.shape or min(first.shape[:2]) < SMALLEST:
        raise DataError(
            f"frames of {first.shape[1]}x{first.shape[0]} and {second.shape[1]}x{second.shape[0]} have no flow between "
            f"them; a sequence needs frames of one size, at least {SMALLEST}x{SMALLEST}"
        )
    forward, backward = _flow(first, second), _flow(second, first)
    back, inside = warped(backward, forward)
    gap = np.sum((forward + back) ** 2, axis=2)
    lengths = np.sum(forward**2, axis=2) + np.sum(back**2, axis=2)
    return Motion(forward, inside & (gap <= RELATIVE * lengths + ABSOLUTE))


def warped(values: NDArray[np.float32], flow: Flow) -> tuple[NDArray[np.float32], NDArray[np.bool_]]:
    """Values at the places that the flow points to, bilinear.

    Args:
        values: Values to read, float32 (H, W, C).
        flow: Motion in pixels, float32 (H, W, 2).

    Returns:
        Float32 (H, W, C), and (H, W), true where the flow points into the picture.
    """
    height, width = flow.shape[:2]
    across = np.arange(width, dtype=np.float32) + flow[..., 0]
    down = np.arange(height, dtype=np.float32)[:, None] + flow[..., 1]
    found = cv2.remap(values, across, down, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
    inside = (across >= 0) & (across <= width - 1) & (down >= 0) & (down <= height - 1)
    return np.asarray(found, np.float32).reshape(values.shape), inside


def warping_error(first: Picture, second: Picture, motion: Motion) -> float:
    """Mean squared difference between a frame and the next one warped back, over what both show.

    Args:
        first: First frame, RGB, uint8 (H, W, 3).
        second: The next frame, of the same shape.
        motion: Motion between the two in the ground truth.

    Returns:
        Error for colours in [0, 1]; not a number where nothing is seen twice.
    """
    if not motion.seen.any():
        return float("nan")
    back, _ = warped(second.astype(np.float32) / np.float32(255), motion.flow)
    difference = first.astype(np.float32) / 255 - back
    return float(np.mean(difference[motion.seen].astype(np.float64) ** 2))


@dataclass(frozen=True, slots=True)
class Steadiness:
    """How steady a version of one or more sequences is.

    Attributes:
        warping_error: Mean flow-warping error, for colours in [0, 1].
        flicker: Mean absolute change of mean luma from frame to frame, in codes of 255.
    """

    warping_error: float
    flicker: float

    @classmethod
    def mean_of(cls, parts: Iterable[Steadiness]) -> Steadiness:
        """The mean of several, each weighing the same."""
        parts = tuple(parts)
        return cls(fmean(part.warping_error for part in parts), fmean(part.flicker for part in parts))


class SteadinessMeter:
    """Measures several versions of the same sequences, frame by frame.

    Args:
        versions: Number of versions besides the ground truth.
    """

    def __init__(self, versions: int) -> None:
        self._versions = versions
        self._sequence = ""
        self._previous: tuple[Picture, ...] = ()
        self._steps: dict[str, list[tuple[Steadiness, ...]]] = {}

    def add(self, sequence: str, sharp: Picture, versions: Sequence[Picture]) -> None:
        """Takes the next frame.

        Args:
            sequence: Name of the frame's sequence; a frame of another sequence than the last one's begins anew.
                Frames without one (``""``) are left out.
            sharp: Ground truth, RGB, uint8 (H, W, 3).
            versions: Versions of the frame, each of the same shape.

        Raises:
            DataError: If frames of a sequence differ in size, or are too small.
            ValueError: If the number of versions is not the one that was announced.
        """
        if len(versions) != self._versions:
            raise ValueError(f"{self._versions} versions were announced, {len(versions)} came")
        frames = (sharp, *versions)
        if sequence and sequence == self._sequence:
            motion = motion_between(self._previous[0], sharp)
            if motion.seen.any():  # a cut shows nothing twice
                step = tuple(
                    Steadiness(warping_error(before, now, motion), abs(mean_luma(now) - mean_luma(before)))
                    for before, now in zip(self._previous, frames, strict=True)
                )
                self._steps.setdefault(sequence, []).append(step)
        self._sequence, self._previous = sequence, frames

    @property
    def by_sequence(self) -> dict[str, tuple[Steadiness, ...]]:
        """Means by sequence: the ground truth's, then each version's; sequences of one frame are not there."""
        return {
            sequence: tuple(Steadiness.mean_of(version) for version in zip(*steps, strict=True))
            for sequence, steps in self._steps.items()
        }

    @property
    def mean(self) -> tuple[Steadiness, ...]:
        """Mean over sequences, each weighing the same, in the order of :attr:`by_sequence`; empty if there is none."""
        return tuple(Steadiness.mean_of(version) for version in zip(*self.by_sequence.values(), strict=True))


def _flow(first: Picture, second: Picture) -> Flow:
    """DIS flow of the brightness, (H, W, 2)."""
    estimator = cv2.DISOpticalFlow.create(cv2.DISOpticalFlow_PRESET_MEDIUM)
    greys = [cv2.cvtColor(picture, cv2.COLOR_RGB2GRAY) for picture in (first, second)]
    flow = np.zeros((*first.shape[:2], 2), np.float32)
    return np.asarray(estimator.calc(greys[0], greys[1], flow), np.float32)
