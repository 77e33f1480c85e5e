"""Text that a camera has burned into the picture, such as time and position: found, and left as it is."""

from __future__ import annotations

import math
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import av
import numpy as np

from pipeline.decode.open import open_source
from pipeline.errors import DeblurError, UsageError
from pipeline.media.frames import plane_rows
from pipeline.notes import Note, NoteCode
from pipeline.runner.outer_engine import OuterEngine

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from numpy.typing import NDArray

    from network.planes import PlaneBatch, PlaneSpec
    from pipeline.job import SourceOptions
    from pipeline.media.places import Place
    from pipeline.runner.protocols import Engine, Source

    Mask = NDArray[np.bool_]

SAMPLES = 16
"""Number of frames that are looked at, spread over the input."""

FEWEST = 8
"""Least number of different frames: in fewer, a scene that just happens to stand still looks like text."""

CONTRAST = 32
"""Least difference between neighbouring pixels at the edge of text, in codes of 255."""

ALWAYS, OFTEN = 0.75, 0.3
"""Share of the samples in which a pixel is at an edge: of letters that never change, and near those of digits that do.
White letters without an outline vanish before a white sky, so it is not all of them."""

STEADY = 16
"""Codes of 255 within which a pixel of a letter stays in that many samples: what lanes and horizons at a place that
hardly changes do not."""

DENSE = 0.03
"""Share of edge pixels around a pixel of a letter, 0 to 1, of upright and of level ones each. Strokes go both ways and
lie close together; the edge of a black border goes one way."""

LINES, LEAST = 64, 4
"""Reach of a pixel's neighbourhood, either way: the picture's height divided by the first, at least the second in
pixels."""

DIGITS = 6
"""Distance beside unchanging letters up to which changing digits are looked for, in multiples of the neighbourhood."""

MARGIN = 4
"""Width of the margin around text that is left as it is too, in pixels: inside of strokes, soft compressed edges."""

MOST = 0.1
"""Share of the picture, 0 to 1, above which it is no text, but a scene that does not move."""


def find_text(path: Path, options: SourceOptions) -> Mask | None:
    """Looks for small sharp shapes that stay as they are while the picture changes.

    That is burned-in text, and what else is sharp and moves with the camera; neither needs deblurring. The same input
    always gives the same mask.

    Args:
        path: A file; frames of it and of those that continue it are looked at.
        options: How it is read.

    Returns:
        (height, width) True where there is text; None if there is none, too little to look at, or if so much stands
        still that text can't be told from the scene.

    Raises:
        InputError: If the input can't be read.
        LimitError: If it exceeds a limit.
    """
    samples: list[NDArray[np.uint8]] = []
    for luma in _samples(path, options):
        # A frame that is there twice says nothing new, and one of another size can't be compared.
        if not samples or (luma.shape == samples[0].shape and not np.array_equal(luma, samples[-1])):
            samples.append(luma)
    if len(samples) < FEWEST:
        return None
    upright, level = _often(samples, 1), _often(samples, 0)
    steady = _steady(samples, (upright >= ALWAYS) | (level >= ALWAYS))
    around = max(samples[0].shape[0] // LINES, LEAST)
    letters = steady.copy()
    for edges in (upright, level):
        letters &= _density(steady & (edges >= ALWAYS), around) >= DENSE
    digits = np.maximum(upright, level) >= OFTEN
    text = letters | (_grown(letters, DIGITS * around, around) & digits)
    mask = _grown(text, MARGIN, MARGIN)
    return mask if letters.any() and mask.mean() <= MOST else None


class TextKeeper(OuterEngine):
    """An engine that gives back its input where there is text, and elsewhere what another engine makes of it.

    Args:
        engine: The other engine.
        mask: Mask from :func:`find_text`, for frames of the size that the engine will get.
    """

    def __init__(self, engine: Engine, mask: Mask) -> None:
        super().__init__(engine)
        self._mask = mask
        self._spec: PlaneSpec | None = None
        self._places: list[tuple[Any, ...]] = []

    def _change(self, batch: PlaneBatch, out: PlaneBatch, present: NDArray[np.intp]) -> None:
        if batch.spec != self._spec:
            self._spec, self._places = batch.spec, _places(self._mask, batch.spec)
        for row, frame in enumerate(map(int, present)):
            for source, target, places in zip(batch.planes, out.planes, self._places, strict=True):
                target[row][places] = source[frame][places]


def keeping_text(path: Place, options: SourceOptions, load: Callable[[], Engine]) -> tuple[Callable[[], Engine], Note]:
    """A function that loads an engine which leaves the text of an input as it is, and notes for the user.

    Args:
        path: Path of the input.
        options: How it is read.
        load: Function that loads the engine.

    Raises:
        UsageError: If the input is no file.
        InputError: If the input can't be read.
        LimitError: If the input exceeds a limit.
    """
    if not isinstance(path, Path) or not path.is_file():
        raise UsageError(
            "`keep_text` looks at frames of the whole input first, and needs a file for that", field="keep_text"
        )
    mask = find_text(path, options)
    if mask is None:
        return load, Note(NoteCode.TEXT_NOT_FOUND, "no burned-in text was found that can be told from the scene")
    text = f"burned-in text: {100 * mask.mean():.1f} % of the picture is left as it is"
    return lambda: TextKeeper(load(), mask), Note(NoteCode.TEXT_KEPT, text)


def _samples(path: Path, options: SourceOptions) -> Iterator[NDArray[np.uint8]]:
    """Luma of frames spread over the input. What can't be read behind the first frame is passed over."""
    files = (path, *options.continued)
    files = files[:: max(len(files) // SAMPLES, 1)]
    each = -(-SAMPLES // len(files))
    for number, file in enumerate(files):
        how = replace(options, continued=(), on_device=False)
        for part in range(each):
            try:
                with open_source(file, how) as source:
                    yield _luma(source)
                    length = source.info.duration
            except DeblurError:
                if number or part:
                    break
                raise
            if part == 0:
                begin, whole = how.start or 0.0, length
            if not whole:
                break
            how = replace(how, start=begin + whole * (part + 1) / each, duration=None)


def _luma(source: Source) -> NDArray[np.uint8]:
    """Luma of the first frame of a source that nobody has read yet, uint8 (height, width)."""
    frame = next(event for event in source.events() if isinstance(event, av.VideoFrame))
    rows, spec = plane_rows(frame, 0), source.spec
    eight: NDArray[np.uint8] = (rows >> (spec.code_shift + spec.depth - 8)).astype(np.uint8)
    return eight


def _often(samples: list[NDArray[np.uint8]], axis: int) -> NDArray[np.float32]:
    """The share of samples in which a pixel is at an edge."""
    share: NDArray[np.float32] = np.mean([_edges(luma, axis) for luma in samples], axis=0, dtype=np.float32)
    return share


def _edges(luma: NDArray[np.uint8], axis: int) -> Mask:
    """Where a pixel differs from the one before or behind it along an axis."""
    codes = luma.astype(np.int16)
    differ = np.abs(np.diff(codes, axis=axis)) >= CONTRAST
    before, behind = [(0, 0), (0, 0)], [(0, 0), (0, 0)]
    before[axis], behind[axis] = (1, 0), (0, 1)
    edges: Mask = np.pad(differ, before) | np.pad(differ, behind)
    return edges


def _steady(samples: list[NDArray[np.uint8]], candidates: Mask) -> Mask:
    """Those of the candidates that nearly keep their code in most samples."""
    places = np.nonzero(candidates)
    codes = np.sort(np.stack([luma[places] for luma in samples]), axis=0)
    most = math.ceil(ALWAYS * len(samples))
    spread = (codes[most - 1 :] - codes[: len(codes) - most + 1]).min(axis=0)
    steady = np.zeros_like(candidates)
    steady[places] = spread <= STEADY
    return steady


def _density(mask: Mask, reach: int) -> NDArray[np.float64]:
    """Share of the pixels within so many, either way, that are in the mask."""
    return _sums(_sums(mask, reach, 0), reach, 1) / (2 * reach + 1) ** 2


def _grown(mask: Mask, across: int, down: int) -> Mask:
    """True wherever something within so many pixels is."""
    return _sums(_sums(mask, down, 0), across, 1) > 0


def _sums(values: NDArray[Any], reach: int, axis: int) -> NDArray[np.int32]:
    """Sums of values within so many along an axis; outside there is nothing."""
    margins = [(0, 0), (0, 0)]
    margins[axis] = (reach + 1, reach)
    running = np.cumsum(np.pad(values, margins), axis, dtype=np.int32)
    here = np.arange(values.shape[axis])
    sums: NDArray[np.int32] = running.take(here + 2 * reach + 1, axis) - running.take(here, axis)
    return sums


def _places(mask: Mask, spec: PlaneSpec) -> list[tuple[Any, ...]]:
    """The text in each plane of a frame, as an index."""
    return [np.nonzero(_reduced(mask, height, width)) for height, width, *_ in spec.plane_shapes]


def _reduced(mask: Mask, height: int, width: int) -> Mask:
    """The mask of a plane with fewer samples: True where any of those that one stands for is."""
    rows, columns = -(-mask.shape[0] // height), -(-mask.shape[1] // width)
    padded = np.zeros((height * rows, width * columns), np.bool_)
    padded[: mask.shape[0], : mask.shape[1]] = mask
    reduced: Mask = padded.reshape(height, rows, width, columns).max(axis=(1, 3))
    return reduced
