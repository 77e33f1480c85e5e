"""The file that an output is until it is complete: one process at a time has it, and the next finds what it left.

Its name goes by that of the output alone. A lock of the system, which goes with the process however that ends, tells a
file that is being written from one that a killed run has left.
"""

from __future__ import annotations

import contextlib
import errno
import os
import secrets
import sys
import time
from typing import TYPE_CHECKING

from network.files import commit
from network.names import shortened
from pipeline.errors import OutputError, UsageError

if TYPE_CHECKING:
    from pathlib import Path

if sys.platform == "win32":

    def _take_lock(_descriptor: int) -> None:
        """Does nothing: nobody deletes what another process has open."""

else:
    import fcntl

    def _take_lock(descriptor: int) -> None:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)


_TRIES = 100
"""Most times that the file is made anew, where runs that begin together take it from each other."""

_PAUSE = 0.01
"""Seconds between two tries."""

_LONGEST_SUFFIX = 16
"""Most bytes of a file extension that can name a container."""


class _NoLocksError(Exception):
    """The file system knows no locks."""


class PartialFile:
    """A file that this process alone writes, and that gets its final name when it is complete.

    Attributes:
        path: Path of the file, which is there and empty.
    """

    def __init__(self, path: Path, name: str) -> None:
        """Makes the file. What a killed run has left in its place goes.

        Args:
            path: Path of the file.
            name: Name of the output, for messages.

        Raises:
            UsageError: If another process is writing it.
            OutputError: If it can't be made.
        """
        self.path = path
        try:
            self._descriptor: int | None = _reserve(path, name)
        except _NoLocksError:
            # A name that nobody else takes. What is left under it when the process is killed stays.
            self.path = path.with_name(f"{path.stem}.{secrets.token_hex(4)}{path.suffix}")
            self._descriptor = None
            os.close(_create(self.path))

    def commit(self, final: Path) -> None:
        """Gives the complete file its name.

        Args:
            final: Path in the same file system; a file that is there is replaced.

        Raises:
            OSError: If that fails.
        """
        if sys.platform == "win32":  # which renames no open file
            self._release()
        commit(self.path, final)
        self._release()

    def discard(self) -> None:
        """Deletes the file."""
        if sys.platform == "win32":  # which deletes no open file
            self._release()
        with contextlib.suppress(OSError):
            self.path.unlink(missing_ok=True)
        self._release()

    def _release(self) -> None:
        descriptor, self._descriptor = self._descriptor, None
        if descriptor is not None:
            os.close(descriptor)


def partial_name(output: Path) -> str:
    """Name of the file that an output is until it is complete; its extension names the same container.

    Args:
        output: Path of the output.
    """
    suffix = output.suffix.strip()
    if len(os.fsencode(suffix)) > _LONGEST_SUFFIX:
        suffix = ""
    stem = output.stem if suffix == output.suffix else output.name
    return f".{shortened(stem)}.deblur.partial{suffix}"


def remove_left(path: Path, name: str) -> None:
    """Removes the file that a killed run has left; does nothing if there is none.

    Args:
        path: Path of the file.
        name: Name of the output, for messages.

    Raises:
        UsageError: If another process is writing it.
        OSError: If it can't be removed.
    """
    with contextlib.suppress(_NoLocksError):
        _remove_left(path, name)


def _reserve(path: Path, name: str) -> int:
    """Makes and locks a file.

    Returns:
        The descriptor, which holds the lock until it is closed.
    """
    try:
        for _ in range(_TRIES):
            _remove_left(path, name)
            with contextlib.suppress(FileExistsError):
                descriptor = _create(path)
                if _is_ours(descriptor, path):
                    return descriptor
                os.close(descriptor)
            time.sleep(_PAUSE)
    except OSError as error:
        raise OutputError(f"{name} can't be written: {error.strerror}") from error
    raise _busy(name)


def _create(path: Path) -> int:
    return os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL | getattr(os, "O_BINARY", 0), 0o666)


def _is_ours(descriptor: int, path: Path) -> bool:
    """Locks a new file; False if another process took it for one that was left."""
    return sys.platform == "win32" or (_lock(descriptor) and _is_at(descriptor, path))


def _remove_left(path: Path, name: str) -> None:
    if sys.platform == "win32":  # where nobody can delete what another process has open
        try:
            path.unlink(missing_ok=True)
        except PermissionError as error:
            raise _busy(name) from error
        return
    try:
        descriptor = os.open(path, os.O_RDWR | os.O_NOFOLLOW | os.O_NONBLOCK)
    except FileNotFoundError:
        return
    try:
        if not _lock(descriptor):
            raise _busy(name)
        if _is_at(descriptor, path):
            path.unlink()
    finally:
        os.close(descriptor)


def _lock(descriptor: int) -> bool:
    try:
        _take_lock(descriptor)
    except BlockingIOError:
        return False
    except OSError as error:
        if error.errno in (errno.ENOLCK, errno.ENOTSUP, errno.EOPNOTSUPP, errno.ENOSYS, errno.EINVAL):
            raise _NoLocksError from error
        raise
    return True


def _is_at(descriptor: int, path: Path) -> bool:
    """Whether an open file is still the one of that name."""
    try:
        return os.path.samestat(os.fstat(descriptor), path.lstat())
    except FileNotFoundError:
        return False


def _busy(name: str) -> UsageError:
    return UsageError(f"another process is writing {name}; wait for it, or choose another output")
