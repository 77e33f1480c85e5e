"""Cuts the events of a source into segments, at keyframes where there are any."""

from __future__ import annotations

from fractions import Fraction
from itertools import chain
from typing import TYPE_CHECKING

import av

from pipeline.decode.trim import exact

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from av.stream import Stream

    from network.planes import PlaneSpec

MOST = 2
"""Segments are cut without a keyframe after this many times the wanted length: some files have but one keyframe, and
some streams do not mark theirs."""

FEWEST_FRAMES = 16
"""Least number of frames in a segment, unless it is the last. No encoder here reorders as many, which keeps decoding
times in order where segments meet."""


class Cutter:
    """The segments of a source, each to be read to its end before the next.

    Where the cuts lie depends on the frames alone: the same input gives the same segments in every run. The frames
    come in the order in which they are shown, so pictures that lead the keyframe of an open group belong to the segment
    before.

    Attributes:
        is_over: Whether the last segment was read to its end.
    """

    def __init__(self, events: Iterable[av.VideoFrame | av.Packet[Stream]], seconds: float) -> None:
        """Prepares to cut.

        Args:
            events: Frames and packets of a source, with at least one frame.
            seconds: Least length of a segment, in seconds of video.
        """
        self._events = iter(events)
        self._seconds = exact(seconds)
        self._next: av.VideoFrame | None = None
        self.is_over = False

    def segments(self) -> Iterator[Iterator[av.VideoFrame | av.Packet[Stream]]]:
        """Yields the events of one segment after the other."""
        while not self.is_over:
            yield self._segment()

    def _segment(self) -> Iterator[av.VideoFrame | av.Packet[Stream]]:
        beginning: Fraction | None = None
        frames = 0
        kept = () if self._next is None else (self._next,)
        for event in chain(kept, self._events):
            if isinstance(event, av.VideoFrame):
                time = (event.pts or 0) * (event.time_base or Fraction(1))
                if beginning is None:
                    beginning = time
                elif frames >= FEWEST_FRAMES and self._is_cut(time - beginning, is_keyframe=event.key_frame):
                    self._next = event
                    return
                frames += 1
            yield event
        self.is_over = True

    def _is_cut(self, elapsed: Fraction, *, is_keyframe: bool) -> bool:
        return elapsed >= self._seconds * (1 if is_keyframe else MOST)


class SegmentSource:
    """One segment as the runner reads it.

    Args:
        spec: What every frame is.
        events: The frames and packets of the segment.
    """

    def __init__(self, spec: PlaneSpec, events: Iterator[av.VideoFrame | av.Packet[Stream]]) -> None:
        self.spec = spec
        self._events = events

    def events(self) -> Iterator[av.VideoFrame | av.Packet[Stream]]:
        """The frames and packets, once."""
        return self._events
