"""OpenVINO's core: one a process, for as long as the process lives.

Its plugin for processors gives the thread that loads it another stack for signals, and takes that stack's memory away
when the last user of the core is gone. Where two cores end in the order in which they were made, the thread is left
with a stack that is no more, and the next signal, Ctrl-C included, kills the process by a segmentation fault (seen with
OpenVINO 2026.4).
"""

from __future__ import annotations

from functools import cache

import openvino as ov


@cache
def openvino_core() -> ov.Core:
    """The core that everything in this process shares."""
    return ov.Core()
