"""One captured frame and its neighbours through the engine: into a native format and size, deblurred, and out again."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import av
import numpy as np

from network.planes import MAX_STRENGTH, PlaneBatch, PlaneSpec
from network.window.windows import MISSING
from pipeline.media.frames import convert_frame, plane_rows, read_planes, spec_of
from pipeline.media.native_formats import without_alpha
from pipeline.media.reformatter import Reformatter
from pipeline.runner.protocols import run_windows

if TYPE_CHECKING:
    from collections.abc import Sequence

    from network.window.windows import Windows
    from pipeline.live.neighbours import Captured, Moment
    from pipeline.runner.protocols import Engine


_ONE = 256
"""The strength 1 as a fixed-point number: 8-bit differences times strength stay within 32 bits with room to spare."""


def apply_strength(blurred: PlaneBatch, deblurred: PlaneBatch, strength: float) -> None:
    """Scales the correction: ``deblurred`` becomes ``blurred + strength * (deblurred - blurred)``, clamped.

    Args:
        blurred: Frames that the engine got; left as they are.
        deblurred: Frames that the engine made of them, of the same spec and size; overwritten.
        strength: Share of the correction, 0 to :data:`network.planes.MAX_STRENGTH`, in steps of 1/256.

    Raises:
        ValueError: If the strength is out of range.
    """
    check_strength(strength)
    factor = round(strength * _ONE)
    if factor == _ONE:
        return
    shift = blurred.spec.code_shift
    top = 2**blurred.spec.depth - 1
    for before, after in zip(blurred.planes, deblurred.planes, strict=True):
        code = (before >> shift).astype(np.int32)
        change = (after >> shift).astype(np.int32)
        change -= code
        change *= factor
        change += _ONE // 2
        change >>= 8  # rounds halves up, negative ones too
        change += code
        np.clip(change, 0, top, out=change)
        after[...] = change << shift if shift else change


def check_strength(strength: float) -> float:
    """The strength itself if it is in range.

    Raises:
        ValueError: If it is not.
    """
    if not 0 <= strength <= MAX_STRENGTH:
        raise ValueError(f"the strength must be from 0 to {MAX_STRENGTH}, not {strength}")
    return strength


class FrameProcessor:
    """Processes the frames of one session, in their order, by one thread.

    Each frame is converted once and kept, in the batch that the engine reads, for as long as it is a neighbour.

    Attributes:
        size: Width and height of the last result, in pixels; None before the first.
        source_size: Width and height of the last frame as it came; None before the first.
    """

    def __init__(self) -> None:
        self._reformatter = Reformatter()
        self._input: PlaneBatch | None = None
        self._output: PlaneBatch | None = None
        self._places: list[_Place | None] = []
        """Frame at each place of the input."""
        self.size: tuple[int, int] | None = None
        self.source_size: tuple[int, int] | None = None

    def process(
        self, engine: Engine, moment: Moment, strength: float, limit: tuple[int, int] | None
    ) -> tuple[av.VideoFrame, av.VideoFrame]:
        """Deblurs one frame.

        A neighbour of another size or format counts as missing.

        Args:
            engine: Engine that deblurs; not asked where the strength is 0.
            moment: Frame as it was captured, with its neighbours; left as they are.
            strength: Share of the correction that is applied, 0 to 1.5.
            limit: Width and height that the result must fit in; None for any size.

        Returns:
            The frame in the format and size that was processed, and the result: the same frame at strength 0.

        Raises:
            EngineError: If the engine fails or can't take such frames.
        """
        frame = moment.present.frame
        kind = _kind(frame)
        width, height = fit_size((kind[0].width, kind[0].height), limit)
        spec = replace(kind[0], width=width, height=height)
        self.source_size, self.size = (frame.width, frame.height), (width, height)
        if strength == 0:
            original = self._converted(moment.present, spec, kind[1])
            return original, original
        if self._input is None or self._output is None or self._input.spec != spec:
            self._input, self._output = engine.buffers(spec, engine.info.window.frames), engine.buffers(spec, 1)
            self._places = [None] * self._input.size
        beside = [
            one if one is not None and _kind(one.frame) == kind else None for one in (moment.before, moment.after)
        ]
        present, before, after = self._load(self._input, (moment.present, *beside), kind[1])
        windows = None if engine.info.window.frames == 1 else _window(engine, before, present, after)
        run_windows(engine, self._input, self._output, windows)
        apply_strength(_frame_at(self._input, present), self._output, strength)
        place = self._places[present]
        assert place is not None
        return place.frame, _frame_of(place.frame, self._output)

    def _load(self, batch: PlaneBatch, frames: Sequence[Captured | None], pixel_format: str) -> list[int]:
        """Brings frames into the batch where they are not there yet, and returns their places."""
        wanted = {one.number for one in frames if one is not None}
        found = []
        for one in frames:
            numbers = [None if place is None else place.number for place in self._places]
            if one is None:
                found.append(MISSING)
                continue
            if one.number not in numbers:
                free = next(index for index, number in enumerate(numbers) if number not in wanted)
                self._places[free] = None  # nothing is there if the frame can't be converted
                frame = self._converted(one, batch.spec, pixel_format)
                read_planes(frame, batch, free)
                self._places[free] = _Place(one.number, frame)
                found.append(free)
            else:
                found.append(numbers.index(one.number))
        return found

    def _converted(self, captured: Captured, spec: PlaneSpec, pixel_format: str) -> av.VideoFrame:
        """A captured frame in the format and size that is processed."""
        return convert_frame(captured.frame, spec, pixel_format, self._reformatter)


@dataclass(frozen=True, slots=True)
class _Place:
    """A frame in a batch.

    Attributes:
        number: Number of the frame in its session.
        frame: The same frame, in the format and size that is processed.
    """

    number: int
    frame: av.VideoFrame


def _kind(frame: av.VideoFrame) -> tuple[PlaneSpec, str]:
    """Layout and pixel format in which a frame is processed; nothing that shows live video shows transparency."""
    spec, name = spec_of(frame)
    return spec, without_alpha(name)


def _window(engine: Engine, before: int, present: int, after: int) -> Windows:
    """The window of one frame. Neighbours farther away than one are missing."""
    window = engine.info.window
    places = np.full((1, window.frames), MISSING, np.intp)
    places[0, window.before] = present
    if window.before:
        places[0, window.before - 1] = before
    if window.after:
        places[0, window.before + 1] = after
    return places


def _frame_at(batch: PlaneBatch, place: int) -> PlaneBatch:
    """One frame of a batch, as a batch in the same memory."""
    return PlaneBatch(batch.spec, tuple(plane[place : place + 1] for plane in batch.planes))


def fit_size(size: tuple[int, int], limit: tuple[int, int] | None) -> tuple[int, int]:
    """The largest size of the same shape within a limit, of even numbers where it has to shrink.

    Args:
        size: Width and height in pixels.
        limit: Largest width and height in pixels; None for no limit.
    """
    if limit is None or (size[0] <= limit[0] and size[1] <= limit[1]):
        return size
    factor = min(limit[0] / size[0], limit[1] / size[1])
    # The small number makes up for a quotient a hair below a whole number.
    width, height = (max(2, int(length * factor + 1e-6) // 2 * 2) for length in size)
    return width, height


def copy_of(frame: av.VideoFrame) -> av.VideoFrame:
    """A frame with samples, time and colour tags of its own, equal to those of ``frame``.

    Args:
        frame: Frame in a native format (see :mod:`pipeline.media.frames`).
    """
    copy = _frame_like(frame)
    for number in range(len(frame.planes)):
        plane_rows(copy, number)[...] = plane_rows(frame, number)
    return copy


def _frame_of(like: av.VideoFrame, planes: PlaneBatch) -> av.VideoFrame:
    """A new frame with the first of ``planes`` and all else of ``like``."""
    frame = _frame_like(like)
    for number, plane in enumerate(planes.planes):
        rows = plane_rows(frame, number)
        rows[...] = plane[0].reshape(rows.shape)
    return frame


def _frame_like(like: av.VideoFrame) -> av.VideoFrame:
    """A new frame with samples that are not initialised, and with the time and the colour tags of ``like``."""
    frame = av.VideoFrame(like.width, like.height, like.format.name)
    frame.pts, frame.time_base = like.pts, like.time_base
    frame.colorspace, frame.color_range = like.colorspace, like.color_range
    frame.color_primaries, frame.color_trc = like.color_primaries, like.color_trc
    return frame
