"""Keeping frames apart whose times a container would round to the same one."""

from __future__ import annotations

import contextlib
import io
from functools import cache
from typing import TYPE_CHECKING, Any

import av
import av.error

from network.counting import count_of, were
from pipeline.encode.constant_rate import ConstantRate, slots_of
from pipeline.encode.container import keeps_times, shift_of
from pipeline.media.pyav18 import fraction, open_media
from pipeline.notes import Note, NoteCode

if TYPE_CHECKING:
    from collections.abc import Iterator
    from fractions import Fraction

    from av.stream import Stream

    from pipeline.encode.encoder_plan import EncoderPlan
    from pipeline.media.source_info import SourceInfo

_PLAIN = ("mpeg4", "vp8", "flv1", "mjpeg")
"""Codecs that a header can be written of without a frame. On which of them it is, the unit does not depend."""


class DistinctTimes:
    """Moves a frame up to the next time that the container can tell from that of the frame before."""

    def __init__(self, tick: Fraction, format_name: str) -> None:
        """Prepares for the first frame.

        Args:
            tick: Unit of the container's time stamps, in seconds.
            format_name: FFmpeg's name of the container.
        """
        self._tick, self._name = tick, format_name
        self._last: int | None = None
        self._moved = 0

    def events(
        self, events: Iterator[av.VideoFrame | av.Packet[Stream]]
    ) -> Iterator[av.VideoFrame | av.Packet[Stream]]:
        """Yields the frames and packets of a source."""
        for event in events:
            if isinstance(event, av.VideoFrame) and event.pts is not None and (base := fraction(event.time_base)):
                place = round(event.pts * base / self._tick)
                if self._last is not None and place <= self._last:
                    place = self._last + 1
                    event.pts = -int(-place * self._tick // base)  # upwards, so that it is not rounded down again
                    self._moved += 1
                self._last = place
            yield event

    @property
    def notes(self) -> list[Note]:
        """How many frames were moved, in one line. Complete after the last frame."""
        if not self._moved:
            return []
        steps = f"{float(self._tick * 1000):g} ms"
        text = (
            f"{count_of(self._moved, 'frame')} {were(self._moved)} closer to the one before than the {steps} in which "
            f"{self._name} counts, and moved up to the next"
        )
        return [Note(NoteCode.TIMES_REPAIRED, text)]


def fitting(plan: EncoderPlan, info: SourceInfo, format_name: str) -> ConstantRate | DistinctTimes | None:
    """What fits the times of frames to a container; None where they fit as they are.

    Args:
        plan: How the video is encoded.
        info: What the frames come from.
        format_name: FFmpeg's name of the container.
    """
    if not keeps_times(format_name):
        return ConstantRate(slots_of(plan, info, shift_of(info, format_name)), format_name)
    tick = _tick(format_name, info.time_base)
    return DistinctTimes(tick, format_name) if tick > info.time_base else None


@cache
def _tick(format_name: str, wanted: Fraction) -> Fraction:
    """Unit of the time stamps of a container that is asked for another one; that one, where this can't be found out."""
    for codec in _PLAIN:
        with (
            contextlib.suppress(av.error.FFmpegError, ValueError, OSError),
            open_media(io.BytesIO(), "w", format=format_name) as output,
        ):
            stream: Any = output.add_mux_stream(codec, width=64, height=64)
            stream.time_base = wanted
            output.start_encoding()
            return fraction(stream.time_base) or wanted
    return wanted
