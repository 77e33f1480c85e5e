"""Deinterlacing by libavfilter's bwdif: one progressive frame for each interlaced frame, at the same time."""

from __future__ import annotations

from typing import TYPE_CHECKING

import av
import av.error

from pipeline.media.filters import filter_chain

if TYPE_CHECKING:
    from collections.abc import Iterator
    from fractions import Fraction


class Deinterlacer:
    """Turns interlaced frames into as many progressive frames, with a delay of one frame.

    Frames that are not flagged as interlaced pass through.
    """

    def __init__(self, first: av.VideoFrame, time_base: Fraction) -> None:
        """Builds the filter.

        Args:
            first: Frame with the size and format of all frames that follow.
            time_base: Unit of the frames' time stamps, in seconds.
        """
        self._graph = filter_chain(first, time_base, ["bwdif=mode=send_frame:deint=interlaced"])
        self._time_base = time_base
        self._times: list[tuple[int | None, int]] = []

    def push(self, frame: av.VideoFrame) -> Iterator[av.VideoFrame]:
        """Takes the next frame; yields the frames that are complete."""
        self._times.append((frame.pts, frame.duration))
        self._graph.push(frame)
        yield from self._pull()

    def flush(self) -> Iterator[av.VideoFrame]:
        """Yields the frames that are left. No frame may be pushed afterwards."""
        self._graph.push(None)
        yield from self._pull()

    def _pull(self) -> Iterator[av.VideoFrame]:
        while True:
            try:
                frame = self._graph.vpull()
            except (av.error.BlockingIOError, av.error.EOFError):
                return
            # The filter counts in half ticks and drops durations; each frame gets its own back.
            frame.pts, frame.duration = self._times.pop(0)
            frame.time_base = self._time_base
            yield frame
