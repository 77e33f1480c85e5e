"""Arranging frames of one moment in one frame, in the planes of the first video: no conversion to RGB and back."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import TYPE_CHECKING, Any

import av
import cv2
import numpy as np

from network.planes import Layout as PlaneLayout
from network.planes import Matrix
from pipeline.media.frames import EXACT, plane_rows
from pipeline.media.native_formats import without_alpha
from pipeline.media.reformatter import Reformatter
from pipeline.media.rgb import COLORSPACES, upright
from pipeline.pages.picture import is_padded

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from network.planes import PlaneSpec
    from pipeline.compare.film import Film
    from pipeline.media.source_info import SourceInfo

    Planes = list[NDArray[Any]]

WIPE_SECONDS = 6.0
"""Time in which the line of a wipe goes to the right and back, in seconds."""

DIFFERENCE_GAIN = 4
"""Factor of differences."""


class Layout(StrEnum):
    """How frames are arranged."""

    SIDE = "side"
    """Side by side, each as large as it is."""
    SPLIT = "split"
    """One picture, each part of which is of another video."""
    WIPE = "wipe"
    """One picture of two videos, with a line between them that moves."""
    DIFFERENCE = "difference"
    """What changed, enlarged; grey where nothing did."""


@dataclass(frozen=True, slots=True)
class _Codes:
    """Stored words of a few colours."""

    black: int
    white: int
    middle: int
    most: int
    is_rgb: bool

    @classmethod
    def of(cls, spec: PlaneSpec) -> _Codes:
        unit = 1 << (spec.depth - 8 + spec.code_shift)
        most = (1 << (spec.depth + spec.code_shift)) - 1
        black, white = (0, most) if spec.full_range else (16 * unit, 235 * unit)
        return cls(black, white, 128 * unit, most, spec.matrix is Matrix.RGB)


class Composer:
    """Makes one frame of several; the frame has times, colours and orientation of the first video."""

    def __init__(self, layout: Layout, films: Sequence[Film], names: Sequence[str]) -> None:
        """Prepares for frames.

        Args:
            layout: How frames are arranged.
            films: The videos, two or three; a wipe and a difference show the first two.
            names: Name of each video, that is written on its part.
        """
        shown = 2 if layout in (Layout.WIPE, Layout.DIFFERENCE) else len(films)
        self._layout, self._films, self._names = layout, films[:shown], names[:shown]
        info = films[0].source.info
        self._spec, self._matrix = info.spec, info.display_matrix
        self._pixel_format = without_alpha(info.pixel_format)
        self._codes = _Codes.of(info.spec)
        width, height = films[0].size
        self._cell = max(width - width % 2, 1), max(height - height % 2, 1)
        across = self._cell[0] * (shown if layout is Layout.SIDE else 1)
        is_turned = upright(np.empty((1, 2)), self._matrix).shape != (1, 2)
        self._coded = (self._cell[1], across) if is_turned else (across, self._cell[1])
        self._reformatters = [Reformatter() for _ in self._films]

    def info(self) -> SourceInfo:
        """Description of the frames that are made, and of the streams beside them, for an output."""
        width, height = self._coded
        info = self._films[0].source.info
        first = replace(info.first_frame, pixel_format=self._pixel_format)
        return replace(info, spec=replace(self._spec, width=width, height=height), first_frame=first)

    def compose(self, frames: Sequence[av.VideoFrame | None]) -> av.VideoFrame:
        """Makes a frame.

        Args:
            frames: A frame of each video; None, which the first is never, leaves its part grey.
        """
        like = frames[0]
        assert like is not None, "the first video has a frame at every moment"
        assert like.pts is not None, "the decoder sets it"
        assert like.time_base is not None, "the decoder sets it"
        parts = [self._planes(number, frame) for number, frame in enumerate(frames[: len(self._films)])]
        made = av.VideoFrame(*self._coded, self._pixel_format)
        composed = self._arrange(parts, float(like.pts * like.time_base))
        for index, plane in enumerate(composed):
            rows = plane_rows(made, index)
            upright(rows.reshape(rows.shape[0], -1, plane.shape[2]), self._matrix)[...] = plane
        made.pts, made.time_base, made.duration = like.pts, like.time_base, like.duration
        made.colorspace, made.color_range = like.colorspace, like.color_range
        made.color_primaries, made.color_trc = like.color_primaries, like.color_trc
        return made

    def _planes(self, number: int, frame: av.VideoFrame | None) -> Planes:
        """Planes of a frame in the format of the first video, upright, (H, W, 1 or 2 samples), of an even size."""
        film, spec, cell = self._films[number], self._spec, self._cell
        is_turned = upright(np.empty((1, 2)), self._matrix).shape != (1, 2)
        shapes = [
            (*(shape[1::-1] if is_turned else shape[:2]), shape[2] if len(shape) > 2 else 1)
            for shape in replace(spec, width=cell[is_turned], height=cell[not is_turned]).plane_shapes
        ]
        if frame is None:
            return [np.full(shape, self._codes.middle, spec.dtype) for shape in shapes]
        info = film.source.info
        frame = self._converted(number, frame)
        planes = []
        for index, shape in enumerate(shapes):
            rows = plane_rows(frame, index)
            plane = upright(rows.reshape(rows.shape[0], -1, shape[2]), info.display_matrix)
            if film.size != self._films[0].size and not is_padded(film.size, self._films[0].size):
                plane = cv2.resize(np.ascontiguousarray(plane), shape[1::-1], interpolation=cv2.INTER_CUBIC)
                plane = plane.reshape(shape)
            planes.append(plane[: shape[0], : shape[1]])
        return planes

    def _converted(self, number: int, frame: av.VideoFrame) -> av.VideoFrame:
        """The frame in pixel format, matrix and range of the first video."""
        own, spec = self._films[number].source.spec, self._spec
        if (own.layout, own.depth, own.matrix, own.full_range) == (
            spec.layout,
            spec.depth,
            spec.matrix,
            spec.full_range,
        ):
            return frame
        return self._reformatters[number].reformat(
            frame,
            format=self._pixel_format,
            interpolation=EXACT,
            src_colorspace=None if own.layout is PlaneLayout.GRAY else COLORSPACES.get(own.matrix),
            dst_colorspace=None if spec.layout is PlaneLayout.GRAY else COLORSPACES.get(spec.matrix),
            src_color_range=2 if own.full_range else 1,
            dst_color_range=2 if spec.full_range else 1,
        )

    def _arrange(self, parts: Sequence[Planes], seconds: float) -> Planes:
        width = self._cell[0]
        if self._layout is Layout.SIDE:
            made = [np.concatenate(planes, axis=1) for planes in zip(*parts, strict=True)]
            self._write_names(made, [number * width for number in range(len(parts))])
        elif self._layout is Layout.SPLIT:
            edges = [width * number // len(parts) // 2 * 2 for number in range(len(parts))]
            made = self._cut(parts, edges)
            self._write_names(made, edges)
        elif self._layout is Layout.WIPE:
            share = 0.5 - 0.5 * math.cos(2 * math.pi * seconds / WIPE_SECONDS)
            edge = round(width * share) // 2 * 2
            made = self._cut(parts, [0, edge])
            self._write_names(made, [0, edge], ends=[edge, width])
        else:
            made = [self._difference(*planes) for planes in zip(*parts, strict=True)]
            self._write_names(made, [0], [f"{self._names[1]} - {self._names[0]}, x{DIFFERENCE_GAIN}"])
        return made

    def _cut(self, parts: Sequence[Planes], edges: Sequence[int]) -> Planes:
        """The first part, covered by each later one from its edge on; a white line at each edge."""
        width, codes = self._cell[0], self._codes
        made = [plane.copy() for plane in parts[0]]
        for part, edge in zip(parts[1:], edges[1:], strict=True):
            for index, (plane, whole) in enumerate(zip(part, made, strict=True)):
                begin = edge * whole.shape[1] // width
                whole[:, begin:] = plane[:, begin:]
                thick = max(2 * whole.shape[1] // width, 1)
                if 0 < edge < width:
                    whole[:, begin : begin + thick] = codes.white if index == 0 or codes.is_rgb else codes.middle
        return made

    def _difference(self, first: NDArray[Any], second: NDArray[Any]) -> NDArray[Any]:
        codes = self._codes
        difference = second.astype(np.int32)
        difference -= first
        difference *= DIFFERENCE_GAIN
        difference += codes.middle
        return difference.clip(0, codes.most).astype(first.dtype)

    def _write_names(
        self,
        planes: Planes,
        lefts: Sequence[int],
        names: Sequence[str] | None = None,
        ends: Sequence[int] | None = None,
    ) -> None:
        """Writes a name at the top of each part, white on black; not where it has no room."""
        height, width = planes[0].shape[:2]
        scale = max(height / 900, 0.4)
        for number, (left, name) in enumerate(zip(lefts, names or self._names, strict=True)):
            thickness = max(round(1.5 * scale), 1)
            (across, up), base = cv2.getTextSize(name, cv2.FONT_HERSHEY_SIMPLEX, scale, thickness)
            box = np.zeros(((up + 2 * base + 1) // 2 * 2, (across + 2 * base + 1) // 2 * 2), np.uint8)
            cv2.putText(box, name, (base, up + base // 2), cv2.FONT_HERSHEY_SIMPLEX, scale, 255, thickness)
            x, y = left + 8, 8
            end = ends[number] if ends else ([*lefts, width])[number + 1]
            if x + box.shape[1] > end or y + box.shape[0] > height:
                continue
            for index, plane in enumerate(planes):
                down, right = height // plane.shape[0], width // plane.shape[1]
                part = plane[y // down : (y + box.shape[0]) // down, x // right : (x + box.shape[1]) // right]
                if index and not self._codes.is_rgb:
                    part[...] = self._codes.middle
                else:
                    part[...] = np.where(box[..., None] > 127, self._codes.white, self._codes.black)
