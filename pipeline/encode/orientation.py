"""Turning and mirroring the picture itself, for containers that can't tell a player to do so."""

from __future__ import annotations

from dataclasses import dataclass, replace
from fractions import Fraction
from typing import TYPE_CHECKING, Self

from av.sidedata.sidedata import Type

from network.planes import Layout
from pipeline.media.filters import filter_chain
from pipeline.media.frames import convert_frame
from pipeline.media.native_formats import with_layout
from pipeline.media.pyav18 import fraction
from pipeline.media.reformatter import Reformatter
from pipeline.media.side_data import DOLBY_VISION, PROJECTION

if TYPE_CHECKING:
    from collections.abc import Sequence

    import av
    from av.filter import Graph

    from network.planes import PlaneSpec
    from pipeline.media.source_info import SourceInfo

_ONE = 1 << 16
"""The number one in a display matrix."""

_FILTERS = {
    (-1, 0, 0, 1): ("hflip",),
    (1, 0, 0, -1): ("hflip", "vflip", "hflip"),
    (-1, 0, 0, -1): ("hflip", "vflip"),
    (0, 1, 1, 0): ("transpose=cclock_flip",),
    (0, 1, -1, 0): ("transpose=clock",),
    (0, -1, 1, 0): ("transpose=cclock",),
    (0, -1, -1, 0): ("transpose=clock_flip",),
}
"""Filters of FFmpeg that do what a display matrix says, by its numbers a, b, c, d, in units of one.

Where ``vflip`` comes first, it gives frames whose lines lie in memory from bottom to top.
"""

_WORDS = {
    (-1, 0, 0, 1): "mirrored",
    (1, 0, 0, -1): "mirrored from top to bottom",
    (-1, 0, 0, -1): "turned by 180 degrees",
    (0, 1, 1, 0): "turned by 90 degrees and mirrored",
    (0, 1, -1, 0): "turned by 90 degrees clockwise",
    (0, -1, 1, 0): "turned by 90 degrees counter-clockwise",
    (0, -1, -1, 0): "turned by 90 degrees and mirrored",
}


def _units(matrix: Sequence[int]) -> tuple[float, ...]:
    return tuple(round(matrix[index] / _ONE, 2) for index in (0, 1, 3, 4))


def is_upright(matrix: Sequence[int]) -> bool:
    """Whether a display matrix leaves the picture as it is."""
    return _units(matrix) == (1, 0, 0, 1)


@dataclass(frozen=True, slots=True)
class Turn:
    """A turn by quarters of a circle, a reflection, or both: every sample moves, and none changes.

    Attributes:
        matrix: Numbers a, b, c, d of the display matrix, each -1, 0 or 1.
    """

    matrix: tuple[int, int, int, int]

    @classmethod
    def of(cls, matrix: Sequence[int]) -> Self | None:
        """What a display matrix asks for; None if that is nothing, or something that moves no whole samples."""
        units = _units(matrix)
        return next((cls(known) for known in _FILTERS if known == units), None)

    @property
    def swaps_sides(self) -> bool:
        """Whether height becomes width."""
        return not self.matrix[0]

    def applied_to(self, info: SourceInfo) -> SourceInfo:
        """Description of an input whose frames are turned, and need no turn by a player any more."""
        spec = self.working_spec(info.spec)
        width, height = (spec.height, spec.width) if self.swaps_sides else (spec.width, spec.height)
        # What else is said of places in the picture is said of it as it lay.
        first = info.first_frame.without({Type.DISPLAYMATRIX, *DOLBY_VISION, *PROJECTION})
        pixel_format = with_layout(first.pixel_format, spec.layout)
        # Where the chroma samples lie has turned with the picture, and few such places have a name.
        turned = replace(first, pixel_format=pixel_format, rotation=0, chroma_location=None)
        return replace(info, spec=replace(spec, width=width, height=height), first_frame=turned)

    def working_spec(self, spec: PlaneSpec) -> PlaneSpec:
        """Planes in which samples can be moved: with full chroma where halved chroma would not fit afterwards."""
        if spec.layout in (Layout.GRAY, Layout.YUV444P):
            return spec
        halves_height = spec.layout is not Layout.YUV422P
        fits = spec.width % 2 == 0 and (spec.height % 2 == 0 or not halves_height)
        return spec if fits and (halves_height or not self.swaps_sides) else replace(spec, layout=Layout.YUV444P)

    def __str__(self) -> str:
        """What becomes of the picture, in words."""
        return _WORDS[self.matrix]


class Turner:
    """Turns frames, with all that is attached to them.

    Args:
        turn: What to do.
        spec: Layout of the planes of every frame.
    """

    def __init__(self, turn: Turn, spec: PlaneSpec) -> None:
        self._turn, self._spec = turn, turn.working_spec(spec)
        self._reformatter = Reformatter()
        self._graph: Graph | None = None
        self._kind: tuple[object, ...] = ()

    def turn(self, frame: av.VideoFrame) -> av.VideoFrame:
        """Returns the turned frame, which has memory of its own."""
        times = frame.pts, frame.duration, frame.time_base
        frame = convert_frame(frame, self._spec, with_layout(frame.format.name, self._spec.layout), self._reformatter)
        kind = frame.format.name, frame.colorspace, frame.color_range
        if self._graph is None or kind != self._kind:
            base = fraction(frame.time_base) or Fraction(1, 1000)
            self._graph, self._kind = filter_chain(frame, base, _FILTERS[self._turn.matrix]), kind
        self._graph.push(frame)
        turned = self._graph.vpull()
        turned.pts, turned.duration, turned.time_base = times
        return turned
