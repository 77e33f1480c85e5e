"""Ordinary scheduling priority for this process, also where a library raises its own priority."""

from __future__ import annotations

import contextlib
import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator


@contextlib.contextmanager
def ordinary_scheduling() -> Iterator[None]:
    """Gives all threads of this process ordinary priority again after the block, on Linux; elsewhere does nothing.

    With the rights of root, as in most containers, SVT-AV1 gives the highest real-time priority to its threads and to
    the thread that opens it. Then no other process of the machine gets a core while it encodes. Every thread and
    process started afterwards inherits the priority.

    Example:
        >>> with ordinary_scheduling():
        ...     container.start_encoding()
    """
    try:
        yield
    finally:
        if sys.platform == "linux" and hasattr(os, "sched_setscheduler"):
            for task in Path("/proc/self/task").iterdir():
                _reset(int(task.name))


if sys.platform == "linux":

    def _reset(thread: int) -> None:
        with contextlib.suppress(OSError):  # a thread that has just ended
            if os.sched_getscheduler(thread) == os.SCHED_FIFO:
                os.sched_setscheduler(thread, os.SCHED_OTHER, os.sched_param(0))
