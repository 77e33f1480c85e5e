"""Standard input and output as the demuxer and the muxer use them, such that a silent pipe never blocks for good."""

from __future__ import annotations

import errno
import io
import os
import select
import sys
from typing import TYPE_CHECKING, cast

if TYPE_CHECKING:
    from typing import BinaryIO

    from typing_extensions import Buffer

POLL = 0.1
"""Seconds after which a pipe that is waited for is found to be cancelled."""

# On Windows select() knows sockets only; there a read waits for its producer, whom Ctrl-C reaches as well.
_CAN_WAIT = sys.platform != "win32"

_SAFE_WRITE = 512
"""Bytes that POSIX lets every pipe take without blocking once it is writable; Linux has 4096."""


class PipeReader(io.RawIOBase):
    """Reads a pipe until it ends or is cancelled.

    Args:
        name: For messages.
        stream: An open file with a descriptor, such as ``sys.stdin.buffer``; nothing of it may have been read.
    """

    def __init__(self, stream: BinaryIO, name: str) -> None:
        super().__init__()
        self.name = name
        self._descriptor = stream.fileno()
        self._is_cancelled = False

    def read(self, size: int = -1, /) -> bytes:
        """At most ``size`` bytes, as soon as there are any; empty at the end and once cancelled."""
        while not self._is_cancelled:
            if not _CAN_WAIT or select.select([self._descriptor], [], [], POLL)[0]:
                return os.read(self._descriptor, size if size >= 0 else 1 << 16)
        return b""

    def readable(self) -> bool:
        """True."""
        return True

    def cancel(self) -> None:
        """Makes every read, one that waits included, return empty. May be called from any thread."""
        self._is_cancelled = True


class PipeWriter(io.RawIOBase):
    """Writes a pipe until it is cancelled.

    Args:
        name: For messages.
        stream: An open file with a descriptor, such as ``sys.stdout.buffer``; it must have nothing left to flush.
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
            The length of ``data`` in bytes.

        Raises:
            BrokenPipeError: If the reader has gone, or the pipe was cancelled.
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
        """Makes every write, one that waits included, raise. May be called from any thread."""
        self._is_cancelled = True


def standard_input() -> BinaryIO:
    """Standard input, such that it can be cancelled."""
    return cast("BinaryIO", PipeReader(sys.stdin.buffer, "standard input"))


def standard_output() -> BinaryIO:
    """Standard output, such that it can be cancelled."""
    return cast("BinaryIO", PipeWriter(sys.stdout.buffer, "standard output"))
