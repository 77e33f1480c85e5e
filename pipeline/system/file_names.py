"""File names that Windows takes as they are."""

from __future__ import annotations

import re

_RESERVED = re.compile(r"(con|prn|aux|nul|com[0-9¹²³]|lpt[0-9¹²³]|conin\$|conout\$) *(\..*)?", re.IGNORECASE)
"""Names of devices, with whatever extension."""

_REFUSED = re.compile(r'[\x00-\x1f<>:"/\\|?*]')
"""Characters that no name may hold; behind a colon Windows would write into a hidden part of the file before it."""


def windows_name(name: str) -> str:
    """The name of a file or folder, changed as little as Windows needs it.

    Args:
        name: Without its folder; not empty.

    Returns:
        The name with ``_`` for each character that Windows refuses, without dots and spaces at its end, which Windows
        would leave out silently, and with ``_`` before it where it is that of a device.
    """
    kept = _REFUSED.sub("_", name).rstrip(". ") or "_"
    return f"_{kept}" if _RESERVED.fullmatch(kept) else kept
