"""Files that are whole under their name, or not there at all.

A file is written under a temporary name beside its own, put on the disk, and renamed. Whatever ends the process, and
whenever the power goes, the name holds the old content or the new one, never a part. Imports nothing but
the standard library and :mod:`network.names`, so that every package can use it.
"""

from __future__ import annotations

import contextlib
import json
import math
import os
import secrets
import shutil
import sys
from typing import TYPE_CHECKING, Any

from network.names import shortened

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

PARTIAL_SUFFIX = ".partial"
"""Suffix of temporary names; a process that was killed may leave such a file."""


@contextlib.contextmanager
def replace_atomically(path: Path, *, private: bool = False) -> Iterator[Path]:
    """A temporary file to write, which takes the place of ``path`` when the block ends without an error.

    An error in the block, or one of the disk, leaves ``path`` as it was and removes the temporary file. Unless the file
    is private, a link is followed, and a device or a named pipe, which can't be replaced, is written directly.

    Args:
        path: File to write; its folder must exist.
        private: Whether only the user may read and write the new file, which then also replaces a link. Else it has
            the permissions of the file that it replaces, or those that new files have.

    Yields:
        Path of the temporary file, which exists and is empty. Every file opened on it must be closed in the block:
        Windows renames no open file.

    Raises:
        OSError: If the file can't be written or renamed.
    """
    if not private and path.exists() and not path.is_file():
        yield path
        return
    final = path if private else path.resolve()
    temporary = final.with_name(f".{shortened(final.name)}.{secrets.token_hex(4)}{PARTIAL_SUFFIX}")
    try:
        descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600 if private else 0o666)
        os.close(descriptor)
        if not private and final.exists():
            shutil.copymode(final, temporary)
        yield temporary
        commit(temporary, final)
    except BaseException:
        with contextlib.suppress(OSError):
            temporary.unlink(missing_ok=True)
        raise


def discard_partials(folder: Path) -> None:
    """Removes the temporary files that killed processes left in a folder.

    Args:
        folder: A folder in which no other process is writing at the moment.
    """
    for path in folder.glob(f"*{PARTIAL_SUFFIX}"):
        if path.is_file():
            with contextlib.suppress(OSError):  # some systems keep what another process has open
                path.unlink(missing_ok=True)


def write_bytes(path: Path, content: bytes, *, private: bool = False) -> None:
    """Writes a file by :func:`replace_atomically`.

    Raises:
        OSError: If the file can't be written.
    """
    with replace_atomically(path, private=private) as temporary:
        temporary.write_bytes(content)


def write_text(path: Path, content: str, *, private: bool = False) -> None:
    r"""Writes a file of UTF-8 text by :func:`replace_atomically`; line breaks stay as they are.

    What UTF-8 has no code for, such as a byte of a file name that was no text, is written as ``\udc80``.

    Raises:
        OSError: If the file can't be written.
    """
    write_bytes(path, content.encode(errors="backslashreplace"), private=private)


def write_json(path: Path, value: Any, *, private: bool = False) -> None:
    """Writes :func:`as_json` of a value by :func:`replace_atomically`.

    Raises:
        OSError: If the file can't be written.
        TypeError: If the value holds something that JSON does not know.
    """
    write_text(path, as_json(value), private=private)


def as_json(value: Any) -> str:
    """JSON with a line break at its end. Infinity and NaN, which JSON does not know, become null.

    Raises:
        TypeError: If the value holds something else that JSON does not know.
    """
    return json.dumps(_finite(value), indent=2, allow_nan=False) + "\n"


def commit(temporary: Path, final: Path) -> None:
    """Gives a complete file its name; the file and the name outlive a power cut once this returns.

    Args:
        temporary: File that is closed, in the folder of ``final`` or on the same file system.
        final: Name of the complete file; a file of that name is replaced.

    Raises:
        OSError: If the disk refuses the content, or the file can't be renamed.
    """
    sync(temporary)
    temporary.replace(final)
    sync(final.parent)


def sync(path: Path) -> None:
    """Has the system write a file or a folder to the disk.

    Args:
        path: File that is closed, or a folder, whose list of names is written.

    Raises:
        OSError: If the disk refuses a file. That a file system can't do this for folders is no error.
    """
    if path.is_dir():
        if sys.platform == "win32":  # where a folder can't be opened; NTFS keeps a journal of names by itself
            return
        with contextlib.suppress(OSError):
            _sync(path, os.O_RDONLY)
    else:
        _sync(path, os.O_RDWR | getattr(os, "O_BINARY", 0))  # Windows syncs only what is open for writing


def _sync(path: Path, flags: int) -> None:
    descriptor = os.open(path, flags)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _finite(value: Any) -> Any:
    if isinstance(value, float) and not math.isfinite(value):
        return None
    if isinstance(value, dict):
        return {key: _finite(item) for key, item in value.items()}
    return [_finite(item) for item in value] if isinstance(value, list | tuple) else value
