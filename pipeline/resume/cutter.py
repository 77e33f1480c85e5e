"""Cuts the events of a source into segments, at keyframes where there are any."""

from __future__ import annotations

from collections import deque
from fractions import Fraction
from typing import TYPE_CHECKING

import av

from network.window.windows import Window
from pipeline.decode.trim import exact
from pipeline.media.frames import copied
from pipeline.media.pyav18 import fraction
from pipeline.runner.protocols import Neighbour

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

MOST_AHEAD = 1024
"""Most events that are read ahead for the sake of the next frames: in a badly interleaved file, all the sound may lie
between two frames."""


class Cutter:
    """The segments of a source, each to be read to its end before the next.

    Where the cuts lie depends on the frames alone: the same input gives the same segments in every run. The frames
    come in the order in which they are shown, so pictures that lead the keyframe of an open group belong to the segment
    before.

    For an engine that looks at neighbours, a segment begins with the last frames of the one before it and ends with the
    first frames of the next, so that what becomes of a frame does not depend on the cuts.

    Attributes:
        is_over: Whether the last segment was read to its end.
    """

    def __init__(
        self, events: Iterable[av.VideoFrame | av.Packet[Stream]], seconds: float, window: Window | None = None
    ) -> None:
        """Prepares to cut.

        Args:
            events: Frames and packets of a source, with at least one frame.
            seconds: Least length of a segment, in seconds of video.
            window: Neighbours that the engine looks at; None for none.
        """
        self._events = iter(events)
        self._seconds = exact(seconds)
        self._window = window or Window()
        self._ahead: deque[av.VideoFrame | av.Packet[Stream]] = deque()
        self._has_ended = False
        self._before: deque[Neighbour] = deque(maxlen=self._window.before)
        self._beginning = Fraction(0)
        self._frames = 0
        self.is_over = False

    def segments(self) -> Iterator[Iterator[av.VideoFrame | av.Packet[Stream] | Neighbour]]:
        """Yields the events of one segment after the other."""
        while not self.is_over:
            yield self._segment()

    def _segment(self) -> Iterator[av.VideoFrame | av.Packet[Stream] | Neighbour]:
        self._frames = 0
        yield from tuple(self._before)
        while (event := self._next()) is not None:
            if isinstance(event, av.VideoFrame):
                if self._is_cut(event, self._frames):
                    self._ahead.appendleft(event)
                    yield from map(Neighbour, self._look(self._window.after))
                    return
                if self._frames == 0:
                    self._beginning = _time_of(event)
                self._frames += 1
                self._keep(event)
            yield event
        self.is_over = True

    def _next(self) -> av.VideoFrame | av.Packet[Stream] | None:
        """The next event; None at the end."""
        if self._ahead:
            return self._ahead.popleft()
        event = next(self._events, None)
        self._has_ended = event is None
        return event

    def _keep(self, frame: av.VideoFrame) -> None:
        """Keeps a frame for the next segment if that may begin within the reach of a window.

        It is copied now, while nobody else has it: the samples of the result will replace its own.
        """
        reach = self._window.before
        if reach == 0:
            return
        following = self._look(reach)
        is_known = self._has_ended or len(following) == reach
        if not is_known or any(self._is_cut(each, self._frames + n) for n, each in enumerate(following)):
            self._before.append(Neighbour(copied(frame)))

    def _look(self, frames: int) -> list[av.VideoFrame]:
        """The next frames, which stay to be read; fewer at the end, or where too much lies between them."""
        found = [event for event in self._ahead if isinstance(event, av.VideoFrame)]
        while len(found) < frames and len(self._ahead) < MOST_AHEAD:
            event = next(self._events, None)
            if event is None:
                self._has_ended = True
                break
            self._ahead.append(event)
            if isinstance(event, av.VideoFrame):
                found.append(event)
        return found[:frames]

    def _is_cut(self, frame: av.VideoFrame, frames: int) -> bool:
        """Whether a segment of that many frames ends before a frame."""
        if frames < FEWEST_FRAMES:
            return False
        return _time_of(frame) - self._beginning >= self._seconds * (1 if frame.key_frame else MOST)


class SegmentSource:
    """One segment as the runner reads it.

    Args:
        spec: What every frame is.
        events: The frames and packets of the segment, and the frames beside it.
    """

    def __init__(self, spec: PlaneSpec, events: Iterator[av.VideoFrame | av.Packet[Stream] | Neighbour]) -> None:
        self.spec = spec
        self._events = events

    def events(self) -> Iterator[av.VideoFrame | av.Packet[Stream] | Neighbour]:
        """The frames and packets, once."""
        return self._events


def _time_of(frame: av.VideoFrame) -> Fraction:
    return (frame.pts or 0) * (fraction(frame.time_base) or Fraction(1))
