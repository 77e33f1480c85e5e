"""Files that only their user can have written."""

from __future__ import annotations

import os
import stat
import sys
from typing import TYPE_CHECKING

from trt.errors import CacheError

if TYPE_CHECKING:
    from pathlib import Path


def make_private(folder: Path, variable: str) -> None:
    """Creates a folder that only the user can enter, or makes one so that is the user's.

    Args:
        folder: Path of the folder.
        variable: The environment variable by which the user can name another folder, for messages.

    Raises:
        CacheError: If the folder can't be made private; it belongs to another user, for example.
    """
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        status = folder.stat()
        if not _is_own(status):
            raise CacheError(f"{folder} belongs to another user; name a folder of your own in {variable}")
        if sys.platform != "win32" and stat.S_IMODE(status.st_mode) & 0o077:
            folder.chmod(0o700)
    except OSError as error:
        raise CacheError(
            f"{folder} can't be used as the cache of engines ({error.strerror or error}); name another folder in "
            f"{variable}"
        ) from error


def _is_own(status: os.stat_result) -> bool:
    """Whether a file belongs to the user. Windows has no owner number; there, the folder's place is relied on."""
    return sys.platform == "win32" or status.st_uid == os.getuid()


def read_own(path: Path) -> bytes:
    """The content of a regular file of the user that nobody else may write.

    Raises:
        FileNotFoundError: If it is not there.
        OSError: If it is something else, or can't be read.
    """
    # Opened first and asked then, so that what was asked about is what is read.
    descriptor = os.open(path, os.O_RDONLY | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_BINARY", 0))
    with os.fdopen(descriptor, "rb") as file:
        status = os.fstat(file.fileno())
        if not stat.S_ISREG(status.st_mode) or not _is_own(status):
            raise PermissionError("it is no file of this user")
        if sys.platform != "win32" and status.st_mode & 0o022:
            raise PermissionError("other users may write to it")
        return file.read()
