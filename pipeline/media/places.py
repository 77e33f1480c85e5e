"""Where an input is: a file, an address, or something open; and how FFmpeg opens it."""

from __future__ import annotations

import re
from pathlib import Path
from typing import BinaryIO, TypeAlias

from network.names import as_url

Place: TypeAlias = Path | str | BinaryIO
"""A file, an address such as ``http://host/clip.mp4``, or an open file, which may be a pipe."""

_ADDRESS = re.compile(r"[a-z][a-z0-9+.-]+://", re.IGNORECASE)


def is_address(text: str) -> bool:
    """Whether a text is an address and names no file."""
    return _ADDRESS.match(text) is not None and not Path(text).exists()


def place_of(text: str) -> Path | str:
    """The file or the address that a text names. As a path, an address would lose a slash."""
    return text if is_address(text) else Path(text)


def name_of(place: Place) -> str:
    """The name of a place, for messages and reports; a password in an address is not in it."""
    if isinstance(place, str):
        return without_password(place)
    return str(place) if isinstance(place, Path) else str(getattr(place, "name", "-"))


def without_password(url: str) -> str:
    """The address as it may be shown and kept in a report."""
    return re.sub(r"(?<=[?&]passphrase=)[^&]*", "...", re.sub(r"(?<=://)[^/@]*@", "", url))


def for_ffmpeg(place: Place) -> str | BinaryIO:
    """What ``av.open`` takes for a place."""
    return as_url(place) if isinstance(place, Path) else place
