"""File names that a system accepts."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from pipeline.errors import OutputError

if TYPE_CHECKING:
    from pathlib import Path

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


def check_name(path: Path) -> None:
    """Refuses a path that the system does not take, such as one with a name that is too long.

    Raises:
        OutputError: If it is such a path.
    """
    try:
        path.lstat()
    except (FileNotFoundError, NotADirectoryError, PermissionError):
        return
    except OSError as error:
        raise OutputError(f"{path} can't be written: {error.strerror}") from error
