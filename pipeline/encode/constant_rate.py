"""Frames for a container with a constant frame rate: each in its interval, none lost, and the gaps filled."""

from __future__ import annotations

from fractions import Fraction
from typing import TYPE_CHECKING

import av

from network.counting import count_of
from pipeline.media.frames import copied
from pipeline.media.pyav18 import fraction
from pipeline.media.slots import FASTEST, Slots
from pipeline.notes import Note, NoteCode

if TYPE_CHECKING:
    from collections.abc import Iterator

    from av.stream import Stream

    from pipeline.encode.encoder_plan import EncoderPlan
    from pipeline.media.source_info import SourceInfo

KEEPING_GAPS = frozenset({"avi", "asf", "asf_stream", "wtv", "mpeg", "vob", "dvd", "svcd", "vcd", "ivf", "ogg", "ogv"})
"""FFmpeg's names of the containers in which intervals may be empty: players go on showing the frame before."""


class ConstantRate:
    """Gives frames the times at which a container with a constant rate can show them.

    It sees all frames of the output, so that segments that are made apart fit together.
    """

    def __init__(self, slots: Slots, format_name: str) -> None:
        """Prepares for the first frame.

        Args:
            slots: Intervals of the output.
            format_name: FFmpeg's name of the container.
        """
        self._slots = slots
        self._fills = format_name not in KEEPING_GAPS
        self._last: int | None = None
        self._before: av.VideoFrame | None = None
        self._lead = self._gaps = self._moved = 0
        self._farthest = Fraction(0)

    def events(
        self, events: Iterator[av.VideoFrame | av.Packet[Stream]]
    ) -> Iterator[av.VideoFrame | av.Packet[Stream]]:
        """Yields the frames and packets of a source, with a copy of the frame before in each gap that has to be filled.

        The times of frames that share an interval with another are changed to those of the next ones that are free.
        """
        for event in events:
            if isinstance(event, av.VideoFrame):
                yield from self._place(event)
            yield event

    @property
    def notes(self) -> list[Note]:
        """What became of the times, one line each. Complete after the last frame."""
        told, notes = [], []
        if self._lead and not self._fills:
            early = 1000 * float(self._slots.time(self._lead) - self._slots.time(0))
            text = f"no interval before the first frame can be empty; it is shown {early:.0f} ms early"
            told.append(Note(NoteCode.FIRST_FRAME_EARLY, text))
        if self._gaps:
            what = f"{count_of(self._gaps, 'interval')} between frames"
            notes.append(
                f"{what} filled by the frame before" if self._fills else f"{what} left empty; players wait there"
            )
        if self._moved:
            what = f"{count_of(self._moved, 'frame')} too close to the one before"
            notes.append(f"{what}; moved by up to {1000 * float(self._farthest):.1f} ms")
        return [*told, *(Note(NoteCode.CONSTANT_RATE, text) for text in notes)]

    def _place(self, frame: av.VideoFrame) -> Iterator[av.VideoFrame]:
        """Moves a frame to its interval, and yields what fills those before it."""
        time = _time_of(frame)
        slot = wanted = self._slots.of(time)
        if self._last is None:
            self._lead = max(slot, 0)
        else:
            slot = max(wanted, self._last + 1)
            self._gaps += slot - self._last - 1
            if self._fills and self._before is not None:
                for missing in range(self._last + 1, slot):
                    yield self._at(copied(self._before), missing)
        if slot != wanted:
            self._at(frame, slot)
            self._moved += 1
            self._farthest = max(self._farthest, _time_of(frame) - time)
        self._last = slot
        if self._fills:
            self._before = copied(frame)  # now, while nobody else has it

    def _at(self, frame: av.VideoFrame, slot: int) -> av.VideoFrame:
        frame.pts = round(self._slots.time(slot) / _base_of(frame))
        return frame


def _base_of(frame: av.VideoFrame) -> Fraction:
    base = fraction(frame.time_base)
    assert base, "the source sets the time base"
    return base


def _time_of(frame: av.VideoFrame) -> Fraction:
    return (frame.pts or 0) * _base_of(frame)


def slots_of(plan: EncoderPlan, info: SourceInfo, shift: Fraction) -> Slots:
    """The intervals of an output with a constant frame rate.

    Args:
        plan: How the video is encoded.
        info: What the frames come from.
        shift: Seconds by which all streams are moved later in the output.
    """
    return Slots(plan.rate, info.first_time, Slots(plan.rate).of(info.first_time + shift))


def constant_rate(info: SourceInfo) -> Fraction:
    """The rate for an output that has no other, in frames a second; it may take a look through the whole input."""
    found = info.suitable_rate() if info.suitable_rate else None
    stated = (fraction(info.stream.guessed_rate), info.average_rate)
    known = next((rate for rate in stated if rate and 1 <= rate <= FASTEST), None)
    return found or known or Fraction(60 if info.average_rate else 25)
