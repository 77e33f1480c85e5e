"""Notes: what changes on the way from input to output, or can't come along, as records."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class NoteCode(StrEnum):
    """Kind of a note, for programs. The text of a note may change from version to version; its code does not."""

    ALPHA_DROPPED = "alpha-dropped"
    ASPECT_DROPPED = "aspect-dropped"
    BOXES_DROPPED = "boxes-dropped"
    CAPTIONS_DROPPED = "captions-dropped"
    CHAPTERS_DROPPED = "chapters-dropped"
    CLOCK_JUMPED = "clock-jumped"
    COLOUR_CONVERTED = "colour-converted"
    COLOUR_TAGS_DROPPED = "colour-tags-dropped"
    CONSTANT_RATE = "constant-rate"
    DEPTH_REDUCED = "depth-reduced"
    DISK_SPACE = "disk-space"
    ENCODER_CHANGED = "encoder-changed"
    FEW_PLAYERS = "few-players"
    FIRST_FRAME_EARLY = "first-frame-early"
    FRAMES_CHANGED = "frames-changed"
    HARDWARE = "hardware"
    INTERLACED_FRAMES = "interlaced-frames"
    OUTPUT_UNREADABLE = "output-unreadable"
    PACKETS_REFUSED = "packets-refused"
    PICTURES_SKIPPED = "pictures-skipped"
    PICTURE_TURNED = "picture-turned"
    PIXEL_FORMAT = "pixel-format"
    SEGMENT_DAMAGED = "segment-damaged"
    SIDE_DATA_DROPPED = "side-data-dropped"
    SILENCE_ADDED = "silence-added"
    SIZE_PADDED = "size-padded"
    STREAMS_MOVED = "streams-moved"
    STREAM_LEFT_OUT = "stream-left-out"
    SYNC_CHANGED = "sync-changed"
    TAGS_DROPPED = "tags-dropped"
    TEXT_KEPT = "text-kept"
    TEXT_NOT_FOUND = "text-not-found"
    TIMES_REPAIRED = "times-repaired"
    TIMES_ROUNDED = "times-rounded"
    WORK_DISCARDED = "work-discarded"
    WORK_RESUMED = "work-resumed"


LOSSES = frozenset(
    {
        NoteCode.ALPHA_DROPPED,
        NoteCode.ASPECT_DROPPED,
        NoteCode.BOXES_DROPPED,
        NoteCode.CAPTIONS_DROPPED,
        NoteCode.CHAPTERS_DROPPED,
        NoteCode.COLOUR_TAGS_DROPPED,
        NoteCode.DEPTH_REDUCED,
        NoteCode.PACKETS_REFUSED,
        NoteCode.SIDE_DATA_DROPPED,
        NoteCode.STREAM_LEFT_OUT,
        NoteCode.TAGS_DROPPED,
    }
)
"""Codes of notes on something that the input has and the output has not."""


@dataclass(frozen=True, slots=True)
class Note:
    """One thing that the user should know.

    Attributes:
        code: Kind of the note.
        text: One line for people.
        stream: Index of the stream of the input that it is about; None for the whole file or its video.

    Example:
        >>> [note.stream for note in report.notes if note.code is NoteCode.STREAM_LEFT_OUT]
        [2]
    """

    code: NoteCode
    text: str
    stream: int | None = None

    def __str__(self) -> str:
        """The line for people."""
        return self.text

    @property
    def is_loss(self) -> bool:
        """Whether it is about something that the input has and the output has not."""
        return self.code in LOSSES
