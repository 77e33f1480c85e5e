"""Ctrl-C and SIGTERM, also where a library loses the exception that they raise."""

from __future__ import annotations

import signal
import threading
from typing import TYPE_CHECKING, NoReturn

if TYPE_CHECKING:
    from types import FrameType

_seen: list[int] = []


def watch() -> list[int]:
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
