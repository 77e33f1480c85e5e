"""Time and memory that a command uses. For the scripts beside this one."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

ROOT = Path(__file__).resolve().parents[1]

_LAUNCHER = """
import json, os, subprocess, sys
process = subprocess.Popen(sys.argv[1:])
_, status, usage = os.wait4(process.pid, 0)
print(json.dumps([os.waitstatus_to_exitcode(status), usage.ru_utime + usage.ru_stime, usage.ru_maxrss]))
"""
"""Linux counts what the starting process had in memory towards the peak of what it starts, so that has to be small."""


@dataclass(frozen=True)
class Cost:
    """Time and memory that a process used.

    Attributes:
        wall: Seconds from start to end.
        cpu: Seconds of processor time, of all its threads.
        peak: Bytes of memory at its largest (resident set).
    """

    wall: float
    cpu: float
    peak: int


def run_deblur(arguments: Sequence[object]) -> Cost:
    """Runs ``deblur`` in a process of its own.

    Raises:
        SystemExit: If it fails, with its own message, or the system can't tell what a process used.
    """
    if not hasattr(os, "wait4"):
        sys.exit("this benchmark needs os.wait4, which Windows does not have")
    path = os.pathsep.join(filter(None, [str(ROOT), os.environ.get("PYTHONPATH")]))
    command = [sys.executable, "-m", "pipeline.cli", *map(str, arguments)]
    started = time.perf_counter()
    with tempfile.TemporaryFile() as said:
        launched = subprocess.run(  # noqa: S603
            [sys.executable, "-S", "-c", _LAUNCHER, *command],
            stdout=subprocess.PIPE,
            stderr=said,
            env={**os.environ, "PYTHONPATH": path},
            check=True,
        )
        code, cpu, peak = json.loads(launched.stdout.splitlines()[-1])
        said.seek(0)
        if code:
            sys.exit(f"deblur {' '.join(map(str, arguments))} ended with {code}: {said.read().decode()}")
    unit = 1 if sys.platform == "darwin" else 1024
    return Cost(time.perf_counter() - started, cpu, peak * unit)


def table(rows: Sequence[Sequence[str]]) -> str:
    """Rows of equal length in columns: the first to the left, the others to the right."""
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    lines = []
    for first, *others in rows:
        cells = [cell.rjust(width) for cell, width in zip(others, widths[1:], strict=True)]
        lines.append("  ".join([first.ljust(widths[0]), *cells]))
    return "\n".join(lines)
