"""What happens to an output when FFmpeg has closed it: edits that FFmpeg can't make, and what it should hold then."""

from __future__ import annotations

from typing import TYPE_CHECKING

from av.stream import Disposition

from pipeline.encode.avi_times import moved, place_sound
from pipeline.encode.written import Promise
from pipeline.notes import Note, NoteCode

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from av.stream import Stream

    from pipeline.encode.avi_times import PacketTimes
    from pipeline.encode.edits import OutputEdits
    from pipeline.encode.movie_edit import MovieEdit


def apply_edits(path: Path, name: str, edits: OutputEdits, written: Sequence[Stream]) -> list[Note]:
    """Changes in a complete file what FFmpeg can't write.

    Args:
        path: Path of the file.
        name: Name of the output, for messages.
        edits: The changes.
        written: Streams of the input that have packets in the output.

    Returns:
        What could not be changed.
    """
    if not edits:
        return []
    with path.open("r+b") as file:
        try:
            edits.apply(file, _track_numbers(written))
        except ValueError as error:
            text = f"tracks and boxes that FFmpeg can't write could not be put into {name}: {error}"
            return [Note(NoteCode.BOXES_DROPPED, text)]
    return []


def correct_times(path: Path, streams: Mapping[int, tuple[Stream, PacketTimes]]) -> list[Note]:
    """Places the streams of a complete AVI file in time; see :mod:`pipeline.encode.avi_times`.

    Args:
        path: Path of the file.
        streams: Stream of the input and times of the packets, by the number of the stream in the file.

    Returns:
        What is not where it was.
    """
    if not streams:
        return []
    with path.open("r+b") as file:
        sizes = place_sound(file, {number: packets for number, (_, packets) in streams.items()})
    return moved(path, streams, sizes)


def promised(
    video: Stream,
    present: Sequence[Stream],
    covers: Sequence[Stream],
    tags: tuple[str, ...],
    chapters: int,
    movie: MovieEdit,
) -> Promise:
    """What an output should hold.

    Args:
        video: The video stream of the input.
        present: Streams of the input that are copied.
        covers: Streams of the input whose picture is an attached file or a box.
        tags: Keys of the tags.
        chapters: Number of chapters.
        movie: What was put into an MP4 or MOV file.
    """
    pictures = [stream for stream in present if stream.disposition & Disposition.attached_pic]
    others = [stream for stream in present if stream not in pictures]
    return Promise(video, others, [*pictures, *covers], tags, chapters, movie)


def _track_numbers(written: Sequence[Stream]) -> dict[int, int]:
    """Numbers of the tracks of an MP4 or MOV output, by those of the input.

    The muxer counts the streams that have packets; covers become no tracks.
    """
    tracks = [stream for stream in written if not stream.disposition & Disposition.attached_pic]
    return {stream.id: number for number, stream in enumerate(sorted(tracks, key=lambda s: s.index), start=1)}
