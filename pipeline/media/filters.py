"""Chains of libavfilter's filters for frames of one kind."""

from __future__ import annotations

from typing import TYPE_CHECKING

from av.filter import Graph
from av.video.format import VideoFormat

if TYPE_CHECKING:
    from collections.abc import Sequence
    from fractions import Fraction

    import av


def filter_chain(like: av.VideoFrame, time_base: Fraction, steps: Sequence[str]) -> Graph:
    """Builds a chain that takes frames at one end and gives frames at the other.

    Args:
        like: Frame with the size, format and colours of all frames.
        time_base: Unit of the frames' time stamps, in seconds.
        steps: The filters in order, each as FFmpeg's command line has it: ``transpose=clock``.
    """
    graph = Graph()
    source = graph.add(
        "buffer",
        video_size=f"{like.width}x{like.height}",
        pix_fmt=str(int(VideoFormat(like.format.name))),  # type: ignore[call-overload]
        time_base=f"{time_base.numerator}/{time_base.denominator}",
        colorspace=str(int(like.colorspace)),
        range=str(int(like.color_range)),
    )
    filters = [graph.add(*step.split("=", 1)) for step in steps]
    graph.link_nodes(source, *filters, graph.add("buffersink")).configure()
    return graph
