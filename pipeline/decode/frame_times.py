"""Times of the frames of one video stream: in order, and repaired where they are missing or wrong."""

from __future__ import annotations

from fractions import Fraction
from typing import TYPE_CHECKING

from network.counting import count_of
from pipeline.media.timestamps import COUNTING_PACKETS, Timeline
from pipeline.notes import NoteCode

if TYPE_CHECKING:
    from collections.abc import Iterator

    import av

    from pipeline.decode.faults import FaultLog
    from pipeline.decode.lead_in import Opening

_DURATIONS = 600
"""Largest number of packets whose durations wait for their frames."""


class FrameTimes:
    """Gives each frame a time stamp above that of the frame before."""

    def __init__(self, time_base: Fraction, rate: Fraction | None, format_name: str, *, waits: bool) -> None:
        """Prepares for the first frame.

        Args:
            time_base: Unit of the time stamps, in seconds.
            rate: Frame rate in frames a second, used for frames without a time stamp; None if unknown.
            format_name: FFmpeg's name of the container.
            waits: Whether a frame after a gap may wait for the next one, which shows whether the gap is one.
        """
        # There, times of display are FFmpeg's guess, and wrong for some codecs.
        self._counts_packets = format_name in COUNTING_PACKETS
        self._waits = waits and not self._counts_packets
        step = round(1 / (rate * time_base)) if rate else round(Fraction(1, 25) / time_base)
        self._interval = 1 / (rate * time_base) if rate else Fraction(step)
        self._timeline = Timeline(step, jump=round(10 / time_base))
        self._durations: dict[int, int] = {}
        self._held: av.VideoFrame | None = None
        self._dts: int | None = None
        self._least_step: int | None = None

    def begin(self, opening: Opening) -> None:
        """Prepares for the first packet.

        Args:
            opening: What the first packets say.
        """
        if opening.first_stamp is not None:
            self._timeline.count_back(opening.unstamped, opening.first_stamp, max(self._interval, Fraction(1)))

    def remember(self, packet: av.Packet[av.VideoStream]) -> None:
        """Keeps the duration of a packet, which some decoders (VP9's) drop."""
        if packet.pts is not None and packet.duration:
            self._durations[packet.pts] = packet.duration
            if len(self._durations) > _DURATIONS:
                del self._durations[next(iter(self._durations))]

    def push(self, frame: av.VideoFrame) -> Iterator[av.VideoFrame]:
        """Yields the frames whose times are known with the next one that was decoded."""
        if frame.pts is not None:
            frame.duration = frame.duration or self._durations.pop(frame.pts, 0)
        held, self._held = self._held, None
        if held is not None:
            yield self._placed(held, self._replacement(held.pts, frame.pts))
        if self._timeline.leaps(frame.pts) or (self._waits and self._timeline.strides(frame.pts)):
            self._held = frame
        else:
            yield self._placed(frame)

    def flush(self) -> Iterator[av.VideoFrame]:
        """Yields the frame that waited for one behind it."""
        held, self._held = self._held, None
        if held is not None:
            yield self._placed(held)

    def tell(self, faults: FaultLog) -> None:
        """Adds notes on what was repaired. Call it after the last frame."""
        timeline = self._timeline
        if timeline.repaired:
            text = f"{count_of(timeline.repaired, 'frame')} had no time stamp or one out of order; repaired"
            faults.note(NoteCode.TIMES_REPAIRED, text)
        if timeline.jumps:
            text = f"the video's clock jumped back {count_of(timeline.jumps, 'time')}; the rest was moved up"
            faults.note(NoteCode.CLOCK_JUMPED, text)

    def _replacement(self, held: int | None, following: int | None) -> int | None:
        """A better stamp for a frame that was held; None if its own is right.

        A stamp that leaps is wrong if the frame behind it goes on where the one before it was.
        """
        if held is None or following is None or not self._timeline.continues(following):
            return None
        is_between = held <= following and not self._timeline.leaps(held)
        return None if is_between else self._timeline.midway(following)

    def _placed(self, frame: av.VideoFrame, instead: int | None = None) -> av.VideoFrame:
        """The frame with a repaired time stamp; ``instead`` replaces one that is wrong."""
        stamps = (frame.pts, frame.dts)
        if instead is not None:
            stamps = (None, instead)
        elif self._counts_packets:
            stamps = (self._decoded_at(frame.dts), frame.pts)
        frame.pts = self._timeline.place(*stamps, frame.duration)
        return frame

    def _decoded_at(self, stamp: int | None) -> int | None:
        """The decoding time of a frame; the last ones come out when there is no packet left to have one."""
        if stamp is None:
            stamp = None if self._dts is None else self._dts + (self._least_step or 1)
        elif self._dts is not None:
            step = max(stamp - self._dts, 1)
            self._least_step = min(step, self._least_step or step)
        self._dts = stamp
        return stamp
