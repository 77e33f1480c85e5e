"""Working planes: luma and half-resolution chroma, in which a network over time sees every layout.

4:2:0 planes are working planes as they are. Of the other layouts, chroma is averaged to half the resolution, and the
network's correction of it goes back by bilinear interpolation; RGB becomes BT.709's luma and chroma, and the correction
goes back by the linear part of the matrix. The codes themselves never take that way: what the network corrects is added
to them, so one that corrects nothing gives back every code as it was.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import cv2
import numpy as np

from network.colour import code_ranges, green_blue_red, luma_and_chroma
from network.planes import Layout, Matrix, PlaneSpec

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

    from network.planes import PlaneBatch

MULTIPLE = 16
"""Multiple to which height and width are padded by replication, in pixels."""

_DEEP = 16
"""Bits of a working code where averaging makes fractions of the original codes."""


@dataclass(frozen=True, slots=True)
class WorkingSpec:
    """Size and codes of the working planes of one kind of frames.

    Attributes:
        height: Rows of luma, a multiple of :data:`MULTIPLE`; chroma has half of them.
        width: Columns of luma, a multiple of :data:`MULTIPLE`.
        depth: Number of bits of a code: 8 (planes are uint8), or 9 to 16 (uint16).
        luma_zero: Code of black.
        luma_range: Codes from black to white.
        chroma_zero: Code of no colour.
        chroma_range: Codes from the least to the greatest chroma.
        is_direct: Whether the codes are those of the frame, so that corrected working planes are the result. Else the
            correction has to be brought back by :func:`add_correction`.
    """

    height: int
    width: int
    depth: int
    luma_zero: int
    luma_range: int
    chroma_zero: int
    chroma_range: int
    is_direct: bool

    @property
    def dtype(self) -> np.dtype[Any]:
        """Data type of the planes."""
        return np.dtype(np.uint8 if self.depth == 8 else np.uint16)

    @property
    def maximum(self) -> int:
        """The highest code."""
        return (1 << self.depth) - 1

    @property
    def extra_bits(self) -> int:
        """Number of bits of a code beyond 8."""
        return self.depth - 8

    def empty(self) -> tuple[NDArray[Any], ...]:
        """Working planes of memory that is not initialised: luma, and both chroma planes."""
        half = (self.height // 2, self.width // 2)
        return tuple(np.empty(shape, self.dtype) for shape in ((self.height, self.width), half, half))


def working_spec(spec: PlaneSpec) -> WorkingSpec:
    """The working planes of frames of a kind."""
    is_direct = spec.layout in {Layout.YUV420P, Layout.GRAY} or (spec.layout is Layout.NV12 and spec.depth == 8)
    needs_depth = spec.layout in {Layout.YUV422P, Layout.YUV444P}
    depth = _DEEP if needs_depth else spec.depth
    is_rgb = spec.matrix is Matrix.RGB  # which becomes codes of the limited range
    bits = 8 if is_rgb else spec.depth
    codes, extra = code_ranges(bits, full_range=spec.full_range and not is_rgb), depth - bits
    return WorkingSpec(
        height=-(-spec.height // MULTIPLE) * MULTIPLE,
        width=-(-spec.width // MULTIPLE) * MULTIPLE,
        depth=depth,
        luma_zero=codes.luma_zero << extra,
        luma_range=codes.luma_range << extra,
        chroma_zero=codes.chroma_zero << extra,
        chroma_range=codes.chroma_range << extra,
        is_direct=is_direct,
    )


def read_working(batch: PlaneBatch, index: int, working: WorkingSpec, out: tuple[NDArray[Any], ...]) -> None:
    """Brings a frame into working planes, padded by replication.

    Args:
        batch: Frames.
        index: Place of the frame.
        working: :func:`working_spec` of the batch's frames.
        out: Luma (height, width) and both chroma planes (height / 2, width / 2), which are overwritten.
    """
    for component, target in zip(_components(batch, index, working), out, strict=True):
        _put_padded(component, target)


def read_luma(batch: PlaneBatch, index: int, working: WorkingSpec, out: NDArray[Any]) -> None:
    """The luma of :func:`read_working` alone.

    Args:
        batch: Frames.
        index: Place of the frame.
        working: :func:`working_spec` of the batch's frames.
        out: Luma (height, width), which is overwritten.
    """
    _put_padded(next(_components(batch, index, working)), out)


def own_planes(batch: PlaneBatch, index: int, working: WorkingSpec) -> tuple[NDArray[Any], ...] | None:
    """The planes of a frame where they are its working planes as they lie, which saves a copy; else None.

    Args:
        batch: Frames.
        index: Place of the frame.
        working: :func:`working_spec` of the batch's frames.
    """
    spec = batch.spec
    if spec.layout is not Layout.YUV420P or (spec.height, spec.width) != (working.height, working.width):
        return None
    return tuple(plane[index] for plane in batch.planes)


def write_direct(planes: tuple[NDArray[Any], ...], out: PlaneBatch, index: int) -> None:
    """Puts corrected working planes into a batch whose frames are working planes as they are.

    Args:
        planes: Luma and both chroma planes, as for :func:`read_working`.
        out: Batch that is overwritten.
        index: Place of the frame.
    """
    height, width = out.planes[0].shape[1:3]
    out.planes[0][index] = planes[0][:height, :width]
    if out.spec.layout is Layout.GRAY:
        return
    rows, columns = out.spec.chroma_size
    for number, plane in enumerate(planes[1:]):
        target = out.planes[1][index, ..., number] if out.spec.layout is Layout.NV12 else out.planes[1 + number][index]
        target[...] = plane[:rows, :columns]


def add_correction(
    batch: PlaneBatch, index: int, correction: tuple[NDArray[np.float32], ...], out: PlaneBatch, place: int
) -> None:
    """Adds what a network corrects to the codes of a frame, rounded to whole codes and clamped.

    Args:
        batch: Frames as they came.
        index: Place of the frame in ``batch``.
        correction: Correction of luma (H, W), 1 for the way from black to white, and of both chroma planes (H / 2,
            W / 2), 1 for the whole of their range; padded as :func:`read_working` pads.
        out: Batch that is overwritten.
        place: Place of the frame in ``out``.
    """
    spec = batch.spec
    height, width = spec.height, spec.width
    luma = correction[0][:height, :width]
    match spec.layout:
        case Layout.GRAY:
            chroma = []
        case Layout.NV12 | Layout.YUV420P:
            rows, columns = spec.chroma_size
            chroma = [plane[:rows, :columns] for plane in correction[1:]]
        case _:
            chroma = [_enlarged(plane, spec) for plane in correction[1:]]
    codes = code_ranges(spec.depth, full_range=spec.full_range)
    if spec.matrix is Matrix.RGB:
        changes = [change * codes.luma_range for change in green_blue_red(luma, *chroma)]
    else:
        changes = [luma * codes.luma_range, *(plane * codes.chroma_range for plane in chroma)]
    if spec.layout is Layout.NV12:
        changes = [changes[0], np.stack(changes[1:], axis=-1)]
    step, highest = 1 << spec.code_shift, (1 << spec.depth) - 1
    for plane, change, target in zip(batch.planes, changes, out.planes, strict=True):
        words = plane[index].astype(np.int32)
        words += np.rint(change).astype(np.int32) * step
        np.clip(words, 0, highest * step, out=words)
        target[place] = words


def _components(batch: PlaneBatch, index: int, working: WorkingSpec) -> Iterator[NDArray[Any]]:
    """Luma and both chroma planes of a frame, not padded, each made when it is asked for."""
    spec, shift = batch.spec, batch.spec.code_shift
    planes = [plane[index] for plane in batch.planes]
    if spec.matrix is Matrix.RGB:
        yield from _from_rgb(planes, spec, working)
        return
    match spec.layout:
        case Layout.GRAY:
            yield planes[0]
            for _ in range(2):
                yield np.full((1, 1), working.chroma_zero, working.dtype)  # padding spreads it
        case Layout.NV12:
            for plane in (planes[0], planes[1][..., 0], planes[1][..., 1]):
                yield plane >> shift if shift else plane
        case Layout.YUV420P:
            yield from planes
        case _:
            deep = (plane.astype(np.uint16) << (working.depth - spec.depth) for plane in planes)
            yield next(deep)
            for plane in deep:
                yield _halved(plane, spec.layout)


def _from_rgb(planes: list[NDArray[Any]], spec: PlaneSpec, working: WorkingSpec) -> Iterator[NDArray[Any]]:
    """Working planes of green, blue and red ones."""
    given = code_ranges(spec.depth, full_range=spec.full_range)
    rgb = ((plane.astype(np.float32) - given.luma_zero) / given.luma_range for plane in planes)
    luma, *chroma = luma_and_chroma(*rgb)

    def codes(plane: NDArray[Any], scale: int, zero: int) -> NDArray[np.uint16]:
        whole: NDArray[np.uint16] = np.clip(np.rint(plane * scale + zero), 0, working.maximum).astype(np.uint16)
        return whole

    yield codes(luma, working.luma_range, working.luma_zero)
    for plane in chroma:
        yield codes(_halved(plane, spec.layout), working.chroma_range, working.chroma_zero)


def _halved(plane: NDArray[Any], layout: Layout) -> NDArray[Any]:
    """A chroma plane averaged to half the height, and of 4:4:4 to half the width; odd sizes are rounded up."""
    rows, columns = plane.shape
    right = columns % 2 if layout is Layout.YUV444P else 0
    even = cv2.copyMakeBorder(plane, 0, rows % 2, 0, right, cv2.BORDER_REPLICATE)
    height, width = even.shape
    size = (width // 2 if layout is Layout.YUV444P else width, height // 2)
    return np.asarray(cv2.resize(even, size, interpolation=cv2.INTER_AREA))


def _enlarged(plane: NDArray[np.float32], spec: PlaneSpec) -> NDArray[Any]:
    """A correction of half-resolution chroma at the resolution of the frame's chroma, bilinear."""
    rows, columns = spec.chroma_size
    if spec.layout is Layout.YUV422P:
        size = (plane.shape[1], 2 * plane.shape[0])
    else:
        size = (2 * plane.shape[1], 2 * plane.shape[0])
    return np.asarray(cv2.resize(plane, size, interpolation=cv2.INTER_LINEAR))[:rows, :columns]


def _put_padded(plane: NDArray[Any], target: NDArray[Any]) -> None:
    rows, columns = plane.shape
    target[:rows, :columns] = plane
    if columns < target.shape[1]:
        target[:rows, columns:] = target[:rows, columns - 1 : columns]
    if rows < target.shape[0]:
        target[rows:] = target[rows - 1 : rows]
