"""Tags of media files: as FFmpeg reads them, and as people read them."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

    from av.container import Container

_CREATION_TIME = "creation_time"


def tags_of(container: Container) -> dict[str, str]:
    """The tags of a container, each value once.

    An MP4 file may have its date in two places, one of them made by ``movflags=use_metadata_tags``. From version 9 on,
    FFmpeg reads both and joins them, "2020-01-02T03:04:05Z;2020-01-02T03:04:05Z", which nobody takes for a date.
    """
    tags = dict(container.metadata)
    if _CREATION_TIME in tags:
        dates = tags[_CREATION_TIME].split(";")
        tags[_CREATION_TIME] = ";".join(dict.fromkeys(dates))
    return tags


def readable(text: str) -> str:
    r"""The text of a tag with the bytes in it that are no UTF-8 made letters.

    PyAV gives such bytes as surrogates, which can be written to the output again but not printed. Tags that are not
    UTF-8 are Windows-1252 or Latin-1 more often than not, so that is what they are taken for.

    Args:
        text: A tag, its key, or a file name in a container.

    Returns:
        Text that can be printed; ``text`` itself where that can be.

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
    """Tags with keys and values that can be printed."""
    return {readable(key): readable(value) for key, value in tags.items()}
