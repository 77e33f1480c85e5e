"""Cutting an input to the part that is asked for: the rest is dropped, and the part starts at time zero."""

from __future__ import annotations

from fractions import Fraction
from typing import TYPE_CHECKING

from av.stream import Disposition

if TYPE_CHECKING:
    from collections.abc import Iterator

    import av
    from av.container import Chapter
    from av.stream import Stream


def exact(seconds: float) -> Fraction:
    """Converts seconds to the decimal fraction that the user typed.

    0.04 becomes 1/25 and not the nearest binary fraction, which is larger.
    """
    return Fraction(str(seconds))


class TimeWindow:
    """Cuts frames and packets to a span of time, exact to the time stamp of a frame.

    Without ``start`` and ``duration`` everything passes unchanged. With ``start``, the first frame at or after it
    becomes time zero for all streams, so that sound and picture stay together.

    Attributes:
        may_be_late: Whether the first frame that was read is later than the start. After a seek, frames between the
            start and that frame may be missing then.
    """

    def __init__(
        self, origin: Fraction, start: float | None, duration: float | None, *, zero: Fraction | None = None
    ) -> None:
        """Defines the span.

        Args:
            origin: Time of the beginning of the input, in seconds.
            start: Start of the span, in seconds after ``origin``; None or 0 for the beginning.
            duration: Length of the span, in seconds; None for no end.
            zero: Time in the input that becomes time zero, in seconds; None to take the time of the first frame.
        """
        # The float next to 0.4 is above 0.4 and would cut off the frame at 0.4: take the simple number it stands for.
        self._start = origin + Fraction(start).limit_denominator(1_000_000) if start else None
        self._duration = None if duration is None else exact(duration).limit_denominator(1_000_000)
        self._origin = origin
        self._zero: Fraction | None = zero if zero is not None or start else Fraction(0)
        self._first_time: Fraction | None = None
        self._waiting: list[av.Packet[Stream]] = []
        self._video_over = False
        self._streams_over: set[int] = set()
        self._frames = 0
        self.may_be_late = False

    @property
    def zero(self) -> Fraction | None:
        """Time in the input that becomes time zero, in seconds; None before the first frame."""
        return self._zero

    def length(self, total: Fraction | None) -> Fraction | None:
        """Length of the part inside the window, in seconds, of an input of ``total`` seconds; None if unknown."""
        if total is None:
            return self._duration
        rest = max(total - (self._start - self._origin if self._start is not None else 0), Fraction(0))
        return rest if self._duration is None else min(rest, self._duration)

    def frame(self, frame: av.VideoFrame) -> Iterator[av.VideoFrame | av.Packet[Stream]]:
        """Yields the packets that waited for the first frame, then the frame if it is inside the window."""
        assert frame.time_base is not None, "the decoder sets it"
        assert frame.pts is not None, "the decoder sets it"
        time = frame.pts * frame.time_base
        self._frames += 1
        if self._start is not None and time < self._start and time > self._origin - 1:
            return
        if self._first_time is None:
            self._first_time = time
            self.may_be_late = self._frames == 1 and self._start is not None and time > self._start
            if self._zero is None:
                self._zero = time
            waiting, self._waiting = self._waiting, []
            if self._is_after(time):
                self._video_over = True
                return
            for packet in waiting:
                yield from self.packet(packet)
        if self._is_after(time):
            self._video_over = True
            return
        if self._start is not None and self._zero is not None:
            frame.pts -= round(self._zero / frame.time_base)
        yield frame

    def packet(self, packet: av.Packet[Stream]) -> Iterator[av.Packet[Stream]]:
        """Yields a packet of another stream if it is inside the window."""
        if self._start is None and self._duration is None:
            yield packet
            return
        stamp = packet.pts if packet.pts is not None else packet.dts
        if stamp is None or packet.stream.disposition & Disposition.attached_pic:
            yield packet
            return
        if self._first_time is None or self._zero is None:
            self._waiting.append(packet)
            return
        if self._is_after(stamp * packet.time_base):
            self._streams_over.add(packet.stream_index)
            return
        if self._start is None:
            yield packet
            return
        zero = round(self._zero / packet.time_base)
        if stamp < zero:
            # A subtitle that is on screen when the window begins comes along; sound can't be cut in a packet.
            end = stamp + (packet.duration or 0)
            if packet.stream.type != "subtitle" or end <= zero:
                return
            packet.pts = packet.dts = zero
            packet.duration = end - zero
        packet.pts = None if packet.pts is None else packet.pts - zero
        packet.dts = None if packet.dts is None else packet.dts - zero
        yield packet

    def chapter(self, chapter: Chapter) -> Chapter | None:
        """Cuts a chapter to the window; None if it lies outside."""
        base = chapter["time_base"]
        if self._zero is None or not base or (self._start is None and self._duration is None):
            return chapter
        first = 0 if self._start is None else round(self._zero / base)
        start, end = max(chapter["start"] - first, 0), chapter["end"] - first
        if self._duration is not None:
            end = min(end, round(self._duration / base))
        return {**chapter, "start": start, "end": end} if end > start else None

    def is_over(self, copied_timed: set[int]) -> bool:
        """Whether the video and all of the given streams, by index, have passed the end of the window."""
        return self._video_over and copied_timed <= self._streams_over

    def _is_after(self, time: Fraction) -> bool:
        if self._duration is None or self._first_time is None:
            return False
        return time >= self._first_time + self._duration
