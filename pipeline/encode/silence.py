"""Silence for AVI, which counts the samples of uncompressed sound and knows no time of it."""

from __future__ import annotations

import re
from fractions import Fraction
from typing import TYPE_CHECKING, Any

import av

from pipeline.media.stream_names import codec_name

if TYPE_CHECKING:
    from collections.abc import Iterator

    from av.stream import Stream

COUNTING_SAMPLES = "avi"
"""FFmpeg's name of the container that places uncompressed sound by the number of samples before it."""

_LEAST = Fraction(1, 50)
"""Seconds of sound that may be missing before it is heard; times in ms are that rough, and clocks drift."""

_PIECE = Fraction(1)
"""Most seconds of silence in one packet."""

_ZERO = {"pcm_u8": b"\x80", "pcm_alaw": b"\xd5", "pcm_mulaw": b"\xff"}


class Silence:
    """Fills what is missing before and between the packets of one stream of uncompressed sound.

    Attributes:
        added: Seconds of silence so far.
    """

    def __init__(self, stream: Stream) -> None:
        """Prepares for the first packet of ``stream``."""
        context: Any = stream.codec_context
        name = codec_name(stream)
        bits = re.search(r"\d+", name)
        self._rate = context.sample_rate
        self._frame = context.layout.nb_channels * (int(bits[0]) // 8 if bits else 1)
        self._zero = _ZERO.get(name, b"\0")
        self._end = Fraction(0)
        self.added = Fraction(0)

    @staticmethod
    def is_needed(format_name: str, stream: Stream) -> bool:
        """Whether a container would close the gaps of a stream.

        Args:
            format_name: FFmpeg's name of the container.
            stream: Stream of the input.
        """
        return format_name == COUNTING_SAMPLES and codec_name(stream).startswith("pcm_")

    def before(self, packet: av.Packet[Any]) -> Iterator[av.Packet[Any]]:
        """Yields packets for what is missing before a packet, whose times are those of the output."""
        begin = self._end if packet.dts is None else packet.dts * packet.time_base
        while begin - self._end >= _LEAST:
            samples = round(min(begin - self._end, _PIECE) * self._rate)
            silence: av.Packet[Any] = av.Packet(self._zero * (samples * self._frame))
            silence.stream, silence.time_base, silence.is_keyframe = packet.stream, Fraction(1, self._rate), True
            silence.pts = silence.dts = round(self._end * self._rate)
            silence.duration = samples
            self._end += Fraction(samples, self._rate)
            self.added += Fraction(samples, self._rate)
            yield silence
        self._end += Fraction(packet.size // self._frame, self._rate)
