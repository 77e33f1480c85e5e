"""Keeps this process among the ordinary ones, whatever priority a library takes for itself."""

from __future__ import annotations

import contextlib
import os
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator


@contextlib.contextmanager
def ordinary_scheduling() -> Iterator[None]:
    """Gives all threads of this process ordinary priority again after the block, on Linux; elsewhere does nothing.

    SVT-AV1, where it may (as root, so in most containers), gives its threads and the one that opens it the highest
    real-time priority. Then no other process of the machine gets a core while it encodes, and every thread and process
    started afterwards inherits that.

    Example:
        >>> with ordinary_scheduling():
        ...     container.start_encoding()
    """
    try:
        yield
    finally:
        if hasattr(os, "sched_setscheduler"):
            _reset_threads()


def _reset_threads() -> None:
    tasks = Path("/proc/self/task")
    for task in tasks.iterdir() if tasks.is_dir() else ():
        with contextlib.suppress(OSError):  # a thread that has just ended
            if os.sched_getscheduler(int(task.name)) == os.SCHED_FIFO:
                os.sched_setscheduler(int(task.name), os.SCHED_OTHER, os.sched_param(0))
