"""Time of frames through an encoder: every packet leaves with the exact time and duration of its frame."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from fractions import Fraction

    import av

    from pipeline.encoder import EncoderPlan

_DEEPEST_REORDERING = 64
"""Frames by which a decoding time can run ahead; encoders stay far below."""


class FrameClock:
    """Remembers the times of the frames that are inside the encoder.

    Some encoders drop durations, and some can't count in the input's time base; the latter get the number of each
    frame for its time, and the clock translates back.
    """

    def __init__(self, plan: EncoderPlan, time_base: Fraction, *, restore: bool) -> None:
        """Starts before the first frame.

        Args:
            plan: Of the encoder.
            time_base: Of the frames, in seconds.
            restore: Put the frames' times back on packets of an encoder that counts frames; else the packets keep
                a constant rate.
        """
        self._counts = plan.counts_frames
        self._restore = restore
        self._time_base = time_base
        self._encoder_base = plan.time_base
        self._number = 0
        self._inside: dict[int, tuple[int, int]] = {}
        self._first_dts: int | None = None
        self._begin = 0
        self._end = 0
        self._last_time = 0
        self._longest = 1
        self._last_dts: int | None = None

    def enter(self, frame: av.VideoFrame) -> None:
        """Takes a frame on its way into the encoder; sets the time that the encoder sees."""
        if frame.pts is None:
            raise ValueError("a frame without a time stamp can't be written")
        if not self._number:
            self._begin = self._last_time = frame.pts
        self._longest = max(self._longest, frame.duration, frame.pts - self._last_time)
        self._last_time = frame.pts
        self._end = max(self._end, frame.pts + frame.duration)
        if self._counts:
            self._inside[self._number] = (frame.pts, frame.duration)
            frame.pts, frame.duration = self._number, 1
            frame.time_base = self._encoder_base
        else:
            self._inside[frame.pts] = (frame.pts, frame.duration)
        self._number += 1

    def leave(self, packet: av.Packet[Any]) -> None:
        """Takes a packet on its way out of the encoder; sets its final times."""
        if packet.pts is None or packet.pts not in self._inside:
            return
        number = packet.pts
        time, duration = self._inside.pop(number)
        if not self._counts:
            packet.duration = duration
            if packet.dts is None or not self._plausible(packet.dts, time):
                packet.dts = time if self._last_dts is None else min(self._last_dts + 1, time)
        elif self._restore:
            # Encoders that count frames put out as many packets as frames, a fixed number of frames late.
            delay = number - (packet.dts if packet.dts is not None else number)
            packet.pts, packet.duration = time, duration
            packet.dts = time - round(delay * self._encoder_base / self._time_base)
            packet.time_base = self._time_base
        self._last_dts = packet.dts
        if self._first_dts is None:
            self._first_dts = packet.dts

    def stretch(self, last: av.Packet[Any]) -> None:
        """Gives the last packet the duration that makes the track as long as its frames are shown.

        A container that knows only the time between packets in decoding order (MP4) adds the duration of the last
        packet to them; where frames are reordered and irregular, the frame's own would end the track early.
        """
        if last.dts is None or self._first_dts is None or last.time_base != self._time_base:
            return
        shown = self._end - self._begin
        last.duration = max(shown - (last.dts - self._first_dts), last.duration or 0, 0)

    def _plausible(self, dts: int, time: int) -> bool:
        """Whether a decoding time can be right; x265 makes one up for a video of a single frame."""
        return self._begin - _DEEPEST_REORDERING * self._longest <= dts <= time
