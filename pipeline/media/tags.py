"""Tags of media files, as FFmpeg reads them and as readable text."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

    from av.container import Container
    from av.stream import Stream

_CREATION_TIME = "creation_time"


def tags_of(container: Container) -> dict[str, str]:
    """Tags of a container, without values that are repeated.

    An MP4 file may hold its date in two places, one of them written by ``movflags=use_metadata_tags``. From version 9
    on, FFmpeg reads both and joins them to "2020-01-02T03:04:05Z;2020-01-02T03:04:05Z", which is not a valid date.
    """
    tags = dict(container.metadata)
    if _CREATION_TIME in tags:
        dates = tags[_CREATION_TIME].split(";")
        tags[_CREATION_TIME] = ";".join(dict.fromkeys(dates))
    return tags


def stream_tags(stream: Stream) -> dict[str, str]:
    """Tags of a stream. FFmpeg reads the title of a track of MP4 and MOV as ``name``, and writes it from ``title``."""
    tags = dict(stream.metadata)
    if "name" in tags and "title" not in tags:
        tags["title"] = tags.pop("name")
    return tags


def readable(text: str) -> str:
    r"""Converts the text of a tag to text that can be printed, where it holds bytes that are not UTF-8.

    PyAV returns such bytes as surrogates, which can be written to the output again but not printed. Most tags that are
    not UTF-8 are Windows-1252 or Latin-1, so they are read as such.

    Args:
        text: Value or key of a tag, or a file name in a container.

    Returns:
        Text that can be printed; ``text`` itself if it can be printed.

    Example:
        >>> readable("M\udcfcnchen")
        'München'
    """
    try:
        text.encode()
    except UnicodeEncodeError:
        return text.encode("utf-8", "surrogateescape").decode("cp1252", "replace")
    return text


def readable_tags(tags: Mapping[str, str]) -> dict[str, str]:
    """Converts the keys and values of tags to text that can be printed."""
    return {readable(key): readable(value) for key, value in tags.items()}
