"""One captured frame through the engine: into a native format and size, deblurred, and out as a new frame."""

from __future__ import annotations

from typing import TYPE_CHECKING

import av
import numpy as np
from av.video.reformatter import VideoReformatter

from network.planes import MAX_STRENGTH, PlaneSpec
from pipeline.media.frames import convert_frame, plane_rows, read_planes, spec_of

if TYPE_CHECKING:
    from network.planes import PlaneBatch
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

    Attributes:
        size: Width and height of the last result, in pixels; None before the first.
        source_size: Width and height of the last frame as it came; None before the first.
    """

    def __init__(self) -> None:
        self._reformatter = VideoReformatter()
        self._input: PlaneBatch | None = None
        self._output: PlaneBatch | None = None
        self.size: tuple[int, int] | None = None
        self.source_size: tuple[int, int] | None = None

    def process(
        self, engine: Engine, frame: av.VideoFrame, strength: float, limit: tuple[int, int] | None
    ) -> tuple[av.VideoFrame, av.VideoFrame]:
        """Deblurs one frame.

        Args:
            engine: Engine that deblurs; not asked where the strength is 0.
            frame: Frame as it was captured; left as it is.
            strength: Share of the correction that is applied, 0 to 1.5.
            limit: Width and height that the result must fit in; None for any size.

        Returns:
            The frame in the format and size that was processed, and the result: the same frame at strength 0.

        Raises:
            EngineError: If the engine fails or can't take such frames.
        """
        spec, pixel_format = spec_of(frame)
        width, height = fit_size((spec.width, spec.height), limit)
        spec = PlaneSpec(width, height, spec.layout, spec.depth, spec.matrix, spec.full_range)
        original = convert_frame(frame, spec, pixel_format, self._reformatter)
        self.source_size, self.size = (frame.width, frame.height), (width, height)
        if strength == 0:
            return original, original
        if self._input is None or self._output is None or self._input.spec != spec:
            self._input, self._output = engine.buffers(spec, 1), engine.buffers(spec, 1)
        read_planes(original, self._input, 0)
        engine.run(self._input, self._output)
        apply_strength(self._input, self._output, strength)
        return original, _frame_of(original, self._output)


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
