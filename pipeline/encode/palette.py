"""Reducing frames to 256 colours, for codecs with a palette such as GIF."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from av.filter import Graph
from av.video.format import VideoFormat
from av.video.frame import VideoFrame

if TYPE_CHECKING:
    from av.filter.context import FilterContext
    from numpy.typing import NDArray

_COLOURS = 256


class PaletteFitter:
    """Gives each frame a palette of its own, so that no frame depends on another one."""

    def __init__(self) -> None:
        """Prepares for frames of one size."""
        self._graph: Graph | None = None

    def fit(self, frame: VideoFrame) -> VideoFrame:
        """Returns the frame with a palette. A frame of 256 colours or fewer keeps each of them.

        Args:
            frame: Frame in ``bgra``.
        """
        return _exactly(frame) or self._nearly(frame)

    def _nearly(self, frame: VideoFrame) -> VideoFrame:
        if self._graph is None:
            self._graph = _graph(frame)
        self._graph.vpush(frame)
        return self._graph.vpull()


def _exactly(frame: VideoFrame) -> VideoFrame | None:
    plane = frame.planes[0]
    rows: NDArray[np.uint32] = np.frombuffer(plane, np.uint32).reshape(plane.height, -1)[:, : plane.width]  # type: ignore[call-overload, unused-ignore]
    # A pixel has a colour or none: GIF knows nothing in between.
    rows = np.where(rows >> 24 < 128, 0, rows | 0xFF000000).astype(np.uint32)
    # Most pictures have too many colours, which their first rows tell sooner than all.
    if len(np.unique(rows[:8])) > _COLOURS:
        return None
    colours, places = np.unique(rows, return_inverse=True)
    if len(colours) > _COLOURS:
        return None
    made = VideoFrame(frame.width, frame.height, "pal8")
    indices = np.zeros((frame.height, made.planes[0].line_size), np.uint8)
    indices[:, : frame.width] = places.reshape(rows.shape)
    made.planes[0].update(indices.tobytes())
    palette = np.full(_COLOURS, 0xFF000000, np.uint32)
    palette[: len(colours)] = colours
    made.planes[1].update(palette.tobytes())
    return made


def _graph(frame: VideoFrame) -> Graph:
    graph = Graph()
    source = graph.add_buffer(
        width=frame.width, height=frame.height, format=VideoFormat(frame.format.name), time_base=frame.time_base
    )
    split, sink = graph.add("split"), graph.add("buffersink")
    generate = graph.add("palettegen", "stats_mode=single:reserve_transparent=1")
    use: FilterContext = graph.add("paletteuse", "new=1:dither=sierra2_4a")
    source.link_to(split)
    split.link_to(use, 0, 0)
    split.link_to(generate, 1, 0)
    generate.link_to(use, 0, 1)
    use.link_to(sink)
    graph.configure()
    return graph
