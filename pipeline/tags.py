"""Tags (metadata) and chapters: which stay true in the output, and which its container can carry."""

from __future__ import annotations

import io
from fractions import Fraction
from typing import TYPE_CHECKING

import av
import av.error

from pipeline.media.pyav18 import open_media

if TYPE_CHECKING:
    from collections.abc import Sequence

    from av.container import Chapter
    from av.stream import Stream

_MUXER_OWNED = {"major_brand", "minor_version", "compatible_brands", "encoder", "software", "duration"}
"""Tags that describe the file itself; a muxer writes its own."""

_STALE = {"encoder", "bps", "duration", "number_of_frames", "number_of_bytes"}
"""Tags of a stream that describe the encoded bits, wrong after they are encoded anew."""


def video_tags(stream: Stream) -> dict[str, str]:
    """The tags of the video stream that stay true after it is encoded anew."""
    return {
        key: value
        for key, value in stream.metadata.items()
        if key.lower() not in _STALE and not key.upper().startswith("_STATISTICS")
    }


def container_tags(tags: dict[str, str]) -> dict[str, str]:
    """The tags of a container that a muxer does not write by itself."""
    return {key: value for key, value in tags.items() if key.lower() not in _MUXER_OWNED}


def lost_tags(
    format_name: str, codec: str, options: dict[str, str], tags: dict[str, str], chapters: Sequence[Chapter]
) -> tuple[list[str], bool]:
    """Which tags a container drops, and whether it drops the chapters, found out by writing and reading a header.

    Args:
        format_name: FFmpeg's name of the container.
        codec: Of a video stream that it takes.
        options: For the muxer.
        tags: Of the container.
        chapters: To be written.

    Returns:
        Keys of the tags that are lost, and True if there are chapters and they are lost. Where an empty file of
        the format can't be read back, nothing counts as lost.
    """
    scratch = io.BytesIO()
    try:
        with open_media(scratch, "w", format=format_name, container_options=options) as output:
            stream = output.add_mux_stream(codec, width=64, height=64)
            stream.time_base = Fraction(1, 1000)
            output.metadata.update(tags)
            output.set_chapters(list(chapters))
            output.start_encoding()
        scratch.seek(0)
        with open_media(scratch, "r") as read:
            kept = {key.lower() for key in read.metadata}
            lost_chapters = bool(chapters) and not read.chapters()
    except (av.error.FFmpegError, ValueError, OSError):
        return [], False
    return [key for key in tags if key.lower() not in kept], lost_chapters
