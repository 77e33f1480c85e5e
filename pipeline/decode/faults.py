"""Damage and surprises of one video stream, as they are told to the user."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pipeline.notes import Note, NoteCode

if TYPE_CHECKING:
    from fractions import Fraction

_LINES = 20
"""Largest number of faults that are listed with their time; further faults are only counted."""


class FaultLog:
    """Counts and lists what is wrong with a stream.

    Attributes:
        corrupt_packets: Number of packets that could not be decoded.
        corrupt_frames: Number of frames that came out damaged.
        damage: Faults with their time, one line each; at most 20 lines with a time.
        notes: Notes for the user on conversions and surprises, one line each.
    """

    def __init__(self, time_base: Fraction) -> None:
        """Begins without faults.

        Args:
            time_base: Unit of the stream's time stamps, in seconds.
        """
        self._time_base = time_base
        self._noted: set[str] = set()
        self.corrupt_packets = 0
        self.corrupt_frames = 0
        self.damage: list[str] = []
        self.notes: list[Note] = []

    def note(self, code: NoteCode, text: str) -> None:
        """Adds a note."""
        self.notes.append(Note(code, text))

    def note_once(self, code: NoteCode, what: str, text: str) -> None:
        """Adds a note unless there is one on the same thing."""
        if what not in self._noted:
            self._noted.add(what)
            self.note(code, text)

    def damaged(self, what: str, *stamps: int | None) -> None:
        """Lists a fault at the first of the time stamps that is known."""
        if len(self.damage) < _LINES:
            stamp = next((value for value in stamps if value is not None), None)
            place = "at an unknown time" if stamp is None else f"at {float(stamp * self._time_base):.3f} s"
            self.damage.append(f"{place}: {what}")
