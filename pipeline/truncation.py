"""Whether an input ends before its header says; FFmpeg takes a file that was cut off for one that ended."""

from __future__ import annotations

from fractions import Fraction
from typing import TYPE_CHECKING

import av

if TYPE_CHECKING:
    from av.container import InputContainer
    from av.stream import Stream

_TOLERANCE = Fraction(1, 2)
"""Seconds by which the end that a header declares may differ from that of the last packet."""


class EndWatch:
    """Sees every packet of an input that is read from its beginning to its end."""

    def __init__(self, container: InputContainer, video: av.VideoStream) -> None:
        """Starts before the first packet."""
        self._container = container
        self._video = video
        self._end = Fraction(0)
        self._video_packets = 0

    def see(self, packet: av.Packet[Stream]) -> None:
        """Takes note of a packet of any stream."""
        self._video_packets += packet.stream.index == self._video.index and packet.size > 0
        if packet.pts is not None and packet.time_base:
            self._end = max(self._end, (packet.pts + (packet.duration or 0)) * packet.time_base)

    def damage(self) -> list[str]:
        """What is missing, a line each; asked when the end was read."""
        lines = []
        expected = len(self._video.index_entries) if self._video.frames else 0
        if self._video_packets < expected:
            lines.append(f"the file ends early: {self._video_packets} of {expected} video packets are there")
        # Matroska has no count of packets, but its header says the end of the last one of all streams.
        declared = Fraction(self._container.duration or 0, av.time_base)
        missing = declared - self._end
        if "matroska" in self._container.format.name and missing > max(_TOLERANCE, declared / 100):
            lines.append(f"the file ends early: at {float(self._end):.3f} s of {float(declared):.3f} s")
        return lines
