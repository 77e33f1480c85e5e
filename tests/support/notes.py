"""What notes say, by their codes."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

    from pipeline.notes import Note, NoteCode


def codes(notes: Iterable[Note]) -> set[NoteCode]:
    """The codes of notes."""
    return {note.code for note in notes}


def streams_left_out(notes: Iterable[Note]) -> set[int | None]:
    """Indices of the streams of the input that notes say are left out."""
    return {note.stream for note in notes if note.code == "stream-left-out"}
