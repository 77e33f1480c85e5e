"""Carrying over the boxes of an MP4 or MOV file that FFmpeg does not show."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pipeline.encode.movie_edit import MovieEdit
from pipeline.encode.stand_in import MOVIES
from pipeline.media.movie_boxes import read_movie
from pipeline.notes import Note, NoteCode

if TYPE_CHECKING:
    from pipeline.media.movie_boxes import MovieBoxes
    from pipeline.media.source_info import SourceInfo


def boxes_of(info: SourceInfo) -> MovieBoxes | None:
    """Boxes of an input; None if it is not an MP4 or MOV file."""
    if info.path is None or not info.path.is_file() or "mov" not in info.format_name.split(","):
        return None
    return read_movie(info.path)


def plan_boxes(boxes: MovieBoxes | None, format_name: str, *, editable: bool) -> tuple[MovieEdit | None, list[Note]]:
    """Finds which boxes an output can carry.

    Args:
        boxes: Boxes of the input; None if it is not an MP4 or MOV file.
        format_name: FFmpeg's name of the output container.
        editable: Whether the output can be changed when it is complete.

    Returns:
        What is put into an output that can hold it, and notes on what is left out.
    """
    is_kept = editable and format_name in MOVIES
    edit = MovieEdit() if is_kept else None
    if boxes is None:
        return edit, []
    if is_kept:
        edit = MovieEdit({}, boxes.in_user_data, boxes.in_movie, boxes.at_end)
    lost = boxes.others if is_kept else boxes.names
    if not lost:
        return edit, []
    text = f"data of the recorder that no stream holds is left out: {', '.join(lost)}"
    return edit, [Note(NoteCode.BOXES_DROPPED, text)]
