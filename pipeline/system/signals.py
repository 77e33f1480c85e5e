"""Signals and priority: Ctrl-C, SIGTERM, SIGHUP (also where a library loses the exception of one), and pausing."""

from __future__ import annotations

import contextlib
import os
import signal
import stat
import sys
import threading
import time
from typing import TYPE_CHECKING, NoReturn

from pipeline.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from types import FrameType

_seen: list[int] = []

_HANGUP: int | None = getattr(signal, "SIGHUP", None)
"""Signal by which a terminal that is closed ends its programs; None on Windows."""


def install_signal_handlers() -> list[int]:
    """Makes SIGTERM and SIGHUP do the same as Ctrl-C.

    `timeout`, `docker stop` and service managers end a program by SIGTERM, a terminal that is closed by SIGHUP.

    Returns:
        List to which the number of each such signal is appended when it comes.
    """
    _seen.clear()

    def interrupt(number: int, _frame: FrameType | None) -> NoReturn:
        _seen.append(number)
        if number == _HANGUP:
            _leave_terminal()
        raise KeyboardInterrupt

    for number in (signal.SIGINT, signal.SIGTERM, _HANGUP):
        # Ignored is what a shell ignores for a job in the background, and what nohup does.
        if number is not None and signal.getsignal(number) is not signal.SIG_IGN:
            signal.signal(number, interrupt)
    return _seen


def _leave_terminal() -> None:
    """Sends what is still written to a terminal to nowhere: it is gone, and an error would stop the tidying up."""
    for descriptor in (1, 2):
        with contextlib.suppress(OSError):
            if stat.S_ISCHR(os.fstat(descriptor).st_mode):
                nowhere = os.open(os.devnull, os.O_WRONLY)
                os.dup2(nowhere, descriptor)
                os.close(nowhere)


def raise_if_lost() -> None:
    """Raises the exception of a signal again if a library has lost it.

    A signal raises its exception wherever the main thread is at that moment. In a function that C calls, such as those
    by which PyAV reads and writes, the exception is stored, and lost if the C function then succeeds.

    Raises:
        KeyboardInterrupt: In the main thread, if a signal has come since :func:`install_signal_handlers`.
    """
    if _seen and threading.current_thread() is threading.main_thread():
        raise KeyboardInterrupt


def lower_priority(steps: int) -> None:
    """Lowers the priority of this process, so that other programs go first.

    Args:
        steps: Number of steps, as the program ``nice`` counts them, 1 to 19.

    Raises:
        UsageError: If the system does not support it.
    """
    if sys.platform == "win32":
        raise UsageError("`nice` is not known on Windows; use `start /low /wait deblur batch ...` instead")
    os.nice(steps)


class Pauses:
    """Counts how long the process was paused.

    Attributes:
        seconds: Total length of all pauses so far, in seconds.
    """

    def __init__(self) -> None:
        self.seconds = 0.0

    @contextlib.contextmanager
    def watched(self) -> Iterator[None]:
        """Makes SIGTSTP (Ctrl-Z) pause the process, and SIGCONT (``fg``, ``kill -CONT``) let it go on.

        In a shell, the system does this by itself. It ignores SIGTSTP for a process without a shell, such as in a
        container or under a service manager. On Windows, which has no such signals, and outside the main thread this
        does nothing.
        """
        if sys.platform == "win32" or threading.current_thread() is not threading.main_thread():
            yield
            return
        before = signal.signal(signal.SIGTSTP, lambda _number, _frame: self._pause())
        try:
            yield
        finally:
            signal.signal(signal.SIGTSTP, before)

    def _pause(self) -> None:
        started = time.monotonic()
        if sys.platform != "win32":
            os.kill(os.getpid(), signal.SIGSTOP)  # returns when the process is let go on
        self.seconds += time.monotonic() - started
