"""Signals: Ctrl-C and SIGTERM, also where a library loses the exception that they raise; pausing; priority."""

from __future__ import annotations

import contextlib
import os
import signal
import sys
import threading
import time
from typing import TYPE_CHECKING, NoReturn

from pipeline.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from types import FrameType

_seen: list[int] = []


def install_signal_handlers() -> list[int]:
    """Makes SIGTERM do what Ctrl-C does: `timeout`, `docker stop` and service managers end a program by it.

    Returns:
        A list to which each such signal is appended as it comes.
    """
    _seen.clear()

    def interrupt(number: int, _frame: FrameType | None) -> NoReturn:
        _seen.append(number)
        raise KeyboardInterrupt

    for number in (signal.SIGINT, signal.SIGTERM):
        if signal.getsignal(number) is not signal.SIG_IGN:  # as for a job in the background
            signal.signal(number, interrupt)
    return _seen


def raise_if_lost() -> None:
    """Raises again what should have ended the work at hand.

    The main thread meets a signal wherever it is at that moment. In a function that C calls, such as those by which
    PyAV reads and writes, the exception is set aside, and forgotten where the C function then succeeds.

    Raises:
        KeyboardInterrupt: In the main thread, if a signal has come since :func:`watch`.
    """
    if _seen and threading.current_thread() is threading.main_thread():
        raise KeyboardInterrupt


def lower_priority(steps: int) -> None:
    """Lets other programs go first.

    Args:
        steps: Steps as the program ``nice`` counts them, 1 to 19.

    Raises:
        UsageError: If this system knows no such thing.
    """
    if sys.platform == "win32":
        raise UsageError("`nice` is not known on Windows; use `start /low /wait deblur batch ...` instead")
    os.nice(steps)


class Pauses:
    """Counts how long the process was paused.

    Attributes:
        seconds: Paused so far.
    """

    def __init__(self) -> None:
        self.seconds = 0.0

    @contextlib.contextmanager
    def watched(self) -> Iterator[None]:
        """Makes SIGTSTP (Ctrl-Z) pause the process, and SIGCONT (``fg``, ``kill -CONT``) let it go on.

        The system does as much by itself in a shell, but ignores SIGTSTP for a process without one, such as in a
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
