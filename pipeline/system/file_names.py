"""File names that Windows accepts."""

from __future__ import annotations

import re

_RESERVED = re.compile(r"(con|prn|aux|nul|com[0-9¹²³]|lpt[0-9¹²³]|conin\$|conout\$) *(\..*)?", re.IGNORECASE)
"""Pattern of the names that Windows reserves for devices, with any extension."""

_REFUSED = re.compile(r'[\x00-\x1f<>:"/\\|?*]')
"""Pattern of the characters that Windows refuses in names.

After a colon, Windows would write into a hidden stream of the file named before it.
"""


def windows_name(name: str) -> str:
    """Changes the name of a file or folder, only as far as Windows needs it.

    Args:
        name: Name without its folder; not empty.

    Returns:
        Name with ``_`` for each character that Windows refuses. Dots and spaces at the end are removed, because Windows
        would drop them silently. The name of a device gets ``_`` before it.
    """
    kept = _REFUSED.sub("_", name).rstrip(". ") or "_"
    return f"_{kept}" if _RESERVED.fullmatch(kept) else kept
