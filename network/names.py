"""Names of files, of any bytes and any length that a file system takes: for FFmpeg, for a terminal, and shortened."""

from __future__ import annotations

import hashlib
import os
import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

MOST_KEPT = 100
"""Most bytes of a name that go into names made from it. File systems take 255 bytes, some that encrypt names 143."""

_DIGITS = 16

_UNPRINTABLE = re.compile("[\x00-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e\u2066-\u2069\ud800-\udfff]")
"""What ends a line, steers a terminal, turns the direction of text, or is no character at all."""


def as_url(path: Path) -> str:
    """The name by which FFmpeg opens a file.

    FFmpeg takes what stands before a colon for a protocol, so that it looks for no file ``12:30:00.mp4``.

    Args:
        path: Path of a file.
    """
    return f"file:{path}"


def shortened(name: str, most: int = MOST_KEPT) -> str:
    """A name that can be made longer, and that stands for this one alone.

    Args:
        name: Name of a file without its folder.
        most: Most bytes of the name that are kept.

    Returns:
        The name if it is short enough. Else its beginning, in whole characters, with a digest of all of it.
    """
    encoded = os.fsencode(name)
    if len(encoded) <= most:
        return name
    digest = hashlib.sha256(encoded).hexdigest()[:_DIGITS]
    kept = name[:most]
    while len(os.fsencode(kept)) > most - _DIGITS - 1:
        kept = kept[:-1]
    return f"{kept}-{digest}"


def printable(text: str) -> str:
    r"""Text in one line that leaves a terminal as it is: a name may hold line breaks, control codes and bytes.

    Args:
        text: Text of any kind.

    Returns:
        The text, in which ``\n``, ``\x1b`` and the like stand for what can't be shown, and ``\xe9`` for a byte of a
        name that is no UTF-8.
    """
    return _UNPRINTABLE.sub(_escaped, text)


def _escaped(match: re.Match[str]) -> str:
    code = ord(match[0])
    if 0xDC80 <= code <= 0xDCFF:  # a byte that Python could not decode
        return f"\\x{code - 0xDC00:02x}"
    return match[0].encode("unicode_escape").decode()
