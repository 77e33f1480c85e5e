"""Standard input and output for the demuxer and the muxer, where waiting for a silent pipe can be cancelled."""

from __future__ import annotations

import errno
import io
import os
import select
import stat
import sys
from typing import TYPE_CHECKING, cast

if TYPE_CHECKING:
    from typing import BinaryIO

    from typing_extensions import Buffer

POLL = 0.1
"""Interval at which a waiting read or write checks whether it was cancelled, in seconds."""

# On Windows select() knows sockets only; there a read waits for its producer, whom Ctrl-C reaches as well.
_CAN_WAIT = sys.platform != "win32"

_SAFE_WRITE = 512
"""Number of bytes that POSIX guarantees to write without blocking to a writable pipe; Linux guarantees 4096."""


class PipeReader(io.RawIOBase):
    """Reads a pipe until it ends or is cancelled. A file that stands in for the pipe can be sought.

    Args:
        name: Name of the pipe, for messages.
        stream: Open file with a descriptor, such as ``sys.stdin.buffer``; nothing may have been read from it.
    """

    def __init__(self, stream: BinaryIO, name: str) -> None:
        super().__init__()
        self.name = name
        self._descriptor = stream.fileno()
        self._is_file = stat.S_ISREG(os.fstat(self._descriptor).st_mode)
        self._begin = os.lseek(self._descriptor, 0, os.SEEK_CUR) if self._is_file else 0
        self._is_cancelled = False

    def read(self, size: int = -1, /) -> bytes:
        """Returns at most ``size`` bytes, as soon as there are any; empty at the end and after a cancel."""
        while not self._is_cancelled:
            if not _CAN_WAIT or select.select([self._descriptor], [], [], POLL)[0]:
                return os.read(self._descriptor, size if size >= 0 else 1 << 16)
        return b""

    def readable(self) -> bool:
        """True."""
        return True

    def seekable(self) -> bool:
        """Whether it is a file."""
        return self._is_file

    def seek(self, offset: int, whence: int = os.SEEK_SET, /) -> int:
        """Goes to a place in the file, counted from where it began.

        Raises:
            OSError: If it is a pipe.
        """
        shift = self._begin if whence == os.SEEK_SET else 0
        return os.lseek(self._descriptor, offset + shift, whence) - self._begin

    def tell(self) -> int:
        """The place in the file."""
        return self.seek(0, os.SEEK_CUR)

    def cancel(self) -> None:
        """Makes every read return empty, including one that is waiting. May be called from any thread."""
        self._is_cancelled = True


class PipeWriter(io.RawIOBase):
    """Writes a pipe until it is cancelled.

    Args:
        name: Name of the pipe, for messages.
        stream: Open file with a descriptor, such as ``sys.stdout.buffer``; it must have nothing left to flush.
    """

    def __init__(self, stream: BinaryIO, name: str) -> None:
        super().__init__()
        self.name = name
        self._descriptor = stream.fileno()
        self._is_cancelled = False
        self._step = getattr(select, "PIPE_BUF", _SAFE_WRITE) if _CAN_WAIT else 1 << 16

    def write(self, data: Buffer, /) -> int:
        """Writes all of ``data``.

        Returns:
            Length of ``data``, in bytes.

        Raises:
            BrokenPipeError: If the reader has closed the pipe, or if the pipe was cancelled.
        """
        rest = memoryview(data).cast("B")
        length = len(rest)
        while rest:
            if self._is_cancelled:
                raise BrokenPipeError(errno.EPIPE, "the pipe was cancelled")
            if not _CAN_WAIT or select.select([], [self._descriptor], [], POLL)[1]:
                rest = rest[os.write(self._descriptor, rest[: self._step]) :]
        return length

    def writable(self) -> bool:
        """True."""
        return True

    def cancel(self) -> None:
        """Makes every write raise an error, including one that is waiting. May be called from any thread."""
        self._is_cancelled = True


def standard_input() -> BinaryIO:
    """Opens standard input; where possible, reads from it can be cancelled."""
    return cast("BinaryIO", PipeReader(sys.stdin.buffer, "standard input"))


def standard_output() -> BinaryIO:
    """Opens standard output; where possible, writes to it can be cancelled."""
    return cast("BinaryIO", PipeWriter(sys.stdout.buffer, "standard output"))
