"""Examples to quantise a network with: inputs that show the range of its features, and what should come out of it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from network.data.planes import BLACK, CHROMA_RANGE, LUMA_RANGE, NO_COLOUR, split
from network.data.windows import motion_told
from network.errors import DataError
from network.training.pool import Pool, holds_pool
from network.training.windows import WindowPool, holds_windows

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from numpy.typing import NDArray

    from network.window.windows import Window

LARGEST = 256
"""Greatest height and width in pixels; of a larger picture, the middle is taken."""

ALONE = 3
"""One window in so many is shown without neighbours: such pictures reach other ranges than those with them."""


@dataclass(frozen=True, slots=True)
class Example:
    """What a network is given, and what should come of it.

    Attributes:
        inputs: Inputs of the network by name, float32, one picture or window each.
        blurred: What is to be deblurred, in codes, uint8.
        sharp: Ground truth, of the same shape.
        scale: Codes of 1 of the network's first output, which has that shape too.
        is_correction: Whether that output is to be added to the blurred picture; else it is the result.
    """

    inputs: dict[str, NDArray[np.float32]]
    blurred: NDArray[np.uint8]
    sharp: NDArray[np.uint8]
    scale: float
    is_correction: bool

    def result(self, output: NDArray[Any]) -> NDArray[np.float32]:
        """The picture that an output of the network makes, in codes that are not rounded."""
        codes: NDArray[np.float32] = output * np.float32(self.scale)
        return codes + self.blurred if self.is_correction else codes


@dataclass(frozen=True, slots=True)
class Calibration:
    """Examples that a network is quantised and checked with.

    Attributes:
        examples: Examples that show the ranges.
        checks: Other examples, to see what is lost.
        origin: Number of examples from each source, by the name of its folder, for the record.
    """

    examples: tuple[Example, ...]
    checks: tuple[Example, ...]
    origin: dict[str, int]


def gather(sources: Sequence[Path], window: Window | None, examples: int, checks: int) -> Calibration:
    """Draws examples from pools, evenly from all of each.

    Args:
        sources: Folders that ``deblur synth`` or ``deblur pack`` made: pools of windows for a network over time, of
            pairs for one of RGB.
        window: Neighbours that a network over time looks at; None for one of RGB.
        examples: Number of examples that show the ranges, at least one of each source.
        checks: Number of other examples.

    Raises:
        DataError: If a source is no such pool, or has too few examples.
    """
    share, tests = max(examples // len(sources), 1), -(-checks // len(sources))
    shown: list[Example] = []
    tried: list[Example] = []
    for source in sources:
        count = share + tests
        found = list(_pairs(source, count) if window is None else _windows(source, count, window))
        # Every so many goes to the check, so that both parts come from all of the pool.
        is_check = np.diff(np.arange(count + 1) * tests // count).astype(bool)
        shown += [example for example, check in zip(found, is_check, strict=True) if not check]
        tried += [example for example, check in zip(found, is_check, strict=True) if check]
    return Calibration(tuple(shown), tuple(tried), {source.name: share for source in sources})


def _pairs(source: Path, count: int) -> Iterator[Example]:
    if not source.is_dir() or not holds_pool(source):
        raise DataError(
            f"{source} is no pool of pairs, which this network is calibrated with; see 'deblur pack --help'"
        )
    pool = Pool([source])
    for index in _spread(len(pool), count, source):
        blurred, sharp = (_middle(side.transpose(2, 0, 1)[None], LARGEST) for side in pool.pair(index))
        rgb = blurred.astype(np.float32) / np.float32(255)
        yield Example({"rgb": rgb}, blurred, sharp, 255, is_correction=False)


def _windows(source: Path, count: int, window: Window) -> Iterator[Example]:
    if not source.is_dir() or not holds_windows(source):
        raise DataError(f"{source} is no pool of windows, which this network is calibrated with; see 'deblur synth'")
    pool = WindowPool([source])
    for number, index in enumerate(_spread(len(pool), count, source)):
        frames, flows = pool.window(index)
        is_alone = number % ALONE == 0
        motion = motion_told(flows, lost=(is_alone, is_alone))
        planes = [_middle(plane, LARGEST // step) for plane, step in zip(split(frames), (1, 2), strict=True)]
        seen = range(1 - window.before, 2 + window.after)
        chosen = [1 if is_alone else frame for frame in seen]
        luma = (planes[0][chosen].astype(np.float32)[None] - BLACK) / np.float32(LUMA_RANGE)
        chroma = (planes[1][chosen].astype(np.float32) - NO_COLOUR) / np.float32(CHROMA_RANGE)
        inputs = {"luma": luma, "chroma": chroma.reshape(1, -1, *chroma.shape[2:])}
        if window.frames > 1:
            inputs["motion"] = _middle(motion, LARGEST // 8)[None]
        blurred, sharp = (planes[0][None, frame : frame + 1] for frame in (1, 3))
        yield Example(inputs, blurred, sharp, LUMA_RANGE, is_correction=True)


def _spread(total: int, count: int, source: Path) -> list[int]:
    """``count`` different numbers below ``total``, evenly spread."""
    if total < count:
        raise DataError(f"{source} has {total} examples; {count} are needed")
    return [index * total // count for index in range(count)]


def _middle(planes: NDArray[Any], largest: int) -> NDArray[Any]:
    """The middle of planes (..., H, W), at most so large."""
    height, width = planes.shape[-2:]
    top, left = (max(length - largest, 0) // 2 for length in (height, width))
    return np.ascontiguousarray(planes[..., top : top + largest, left : left + largest])
