"""How long a video track is, for containers that store no time for the end of the last frame."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from fractions import Fraction

    import av


class TrackLength:
    """Measures how long the frames of the video are shown, in ticks of the source.

    MP4 stores only the times between packets in decoding order, and adds the duration of the last packet. Where frames
    are reordered and irregular, the last frame's own duration would end the track early.
    """

    def __init__(self, time_base: Fraction) -> None:
        """Prepares for the first packet; ``time_base`` is the unit of the source's time stamps, in seconds."""
        self._time_base = time_base
        self._first_dts: int | None = None
        self._begin = self._end = 0

    def see(self, packet: av.Packet[Any]) -> None:
        """Records the times of a coded frame, before it is handed to the container."""
        if packet.pts is None or packet.dts is None:
            return
        end = packet.pts + (packet.duration or 0)
        if self._first_dts is None:
            self._first_dts, self._begin, self._end = packet.dts, packet.pts, end
        self._begin, self._end = min(self._begin, packet.pts), max(self._end, end)

    def stretch(self, last: av.Packet[Any]) -> None:
        """Sets the duration of the last packet so that the track is as long as its frames are shown."""
        if last.dts is None or self._first_dts is None or last.time_base != self._time_base:
            return
        shown = self._end - self._begin
        last.duration = max(shown - (last.dts - self._first_dts), last.duration or 0)
