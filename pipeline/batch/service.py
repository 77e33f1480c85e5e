"""How a long run treats the machine: its priority, and how it pauses."""

from __future__ import annotations

import contextlib
import os
import signal
import sys
import threading
import time
from typing import TYPE_CHECKING

from pipeline.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Iterator


def lower_priority(steps: int) -> None:
    """Lets other programs go first.

    Args:
        steps: As of the program ``nice``: 1 to 19.

    Raises:
        UsageError: If this system knows no such thing.
    """
    if sys.platform == "win32":
        raise UsageError("--nice is not known on Windows; use `start /low /wait deblur batch ...` instead")
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
