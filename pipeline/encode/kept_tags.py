"""Tags and chapters that an output keeps, found by writing a header and reading it back."""

from __future__ import annotations

import io
from fractions import Fraction
from typing import TYPE_CHECKING

import av.error

from pipeline.encode.movie_edit import free_tags
from pipeline.media.pyav18 import open_media
from pipeline.media.tags import stream_tags

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from av.container import Chapter
    from av.stream import Stream

    from pipeline.encode.movie_edit import MovieEdit

_MUXER_OWNED = {"major_brand", "minor_version", "compatible_brands", "encoder", "software", "duration"}
"""Keys of the tags that describe the file itself, with or without a language; a muxer writes its own."""

_STALE = {"encoder", "bps", "duration", "number_of_frames", "number_of_bytes", "alpha_mode"}
"""Keys of the stream tags that describe the encoded data, and are wrong once the video is encoded anew.

Whether there is alpha, the muxer of Matroska writes by itself, from the pixel format.
"""


def video_tags(stream: Stream) -> dict[str, str]:
    """Selects the tags of the video stream that stay true after it is encoded anew."""
    return {
        key: value
        for key, value in stream_tags(stream).items()
        if key.lower() not in _STALE and not key.upper().startswith("_STATISTICS")
    }


def container_tags(tags: Mapping[str, str]) -> dict[str, str]:
    """Selects the tags of a container that a muxer does not write by itself."""
    return {key: value for key, value in tags.items() if key.lower().split("-")[0] not in _MUXER_OWNED}


def lost_tags(
    format_name: str,
    codec: str,
    options: dict[str, str],
    tags: dict[str, str],
    chapters: Sequence[Chapter],
    movie: MovieEdit | None = None,
) -> tuple[list[str], bool]:
    """Finds the tags that a container drops, and whether it drops the chapters, by writing and reading back a header.

    Args:
        format_name: FFmpeg's name of the container.
        codec: FFmpeg's name of a video codec that the container takes.
        options: Options of the muxer, by FFmpeg's names.
        tags: Tags of the container.
        chapters: Chapters to be written.
        movie: What is put into an MP4 or MOV file when it is complete.

    Returns:
        Keys of the tags that are lost, and True if there are chapters that are lost. Where an empty file of the format
        can't be read back, nothing counts as lost.
    """
    try:
        scratch = _empty_file(format_name, codec, options, tags, chapters)
        if movie:
            movie.apply(scratch)
        scratch.seek(0)
        with open_media(scratch, "r") as read:
            kept = {key.lower() for key in read.metadata}
            lost_chapters = bool(chapters) and not read.chapters()
    except (av.error.FFmpegError, ValueError, OSError):
        return [], False
    return [key for key in tags if key.lower() not in kept], lost_chapters


def _empty_file(
    format_name: str, codec: str, options: dict[str, str], tags: dict[str, str], chapters: Sequence[Chapter]
) -> io.BytesIO:
    scratch = io.BytesIO()
    with open_media(scratch, "w", format=format_name, container_options=options) as output:
        stream = output.add_mux_stream(codec, width=64, height=64)
        stream.time_base = Fraction(1, 1000)
        output.metadata.update(tags)
        output.set_chapters(list(chapters))
        output.start_encoding()
    return scratch


def free_form(format_name: str, codec: str, tags: dict[str, str], keys: Sequence[str]) -> tuple[bytes, ...]:
    """The box in which the MOV muxer writes tags with any keys; nothing where it can't."""
    try:
        scratch = _empty_file(
            format_name, codec, {"movflags": "use_metadata_tags"}, {key: tags[key] for key in keys}, ()
        )
        return free_tags(scratch)
    except (av.error.FFmpegError, ValueError, OSError):
        return ()
