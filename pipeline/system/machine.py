"""Facts of the machine: processor, cores, instruction sets, memory. A fact that the system does not give is None."""

from __future__ import annotations

import os
import platform
import sys
from importlib import metadata
from pathlib import Path
from typing import Any

import psutil

from network.processor import processor_flags, processor_name

_STATUS = Path("/proc/self/status")

FEATURES = {
    "AVX2": {"avx2"},
    "AVX-512": {"avx512f"},
    "VNNI": {"avx512_vnni", "avx_vnni"},
    "AMX": {"amx_tile"},
    "BF16": {"avx512_bf16", "amx_bf16"},
}
"""Instruction sets that decide how fast a network runs, each with processor flags; any one of the flags will do."""


def cores() -> int:
    """Number of logical processors that this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def memory() -> int:
    """Size of the machine's memory, in bytes."""
    return int(psutil.virtual_memory().total)


def peak_memory() -> int | None:
    """Peak memory of this process so far (resident set), in bytes."""
    if _STATUS.is_file():  # what the system counts for the process holds that of the process that started it
        for line in _STATUS.read_text(encoding="utf-8", errors="replace").splitlines():
            if line.startswith("VmHWM:"):
                return int(line.split()[1]) * 1024
    if sys.platform == "win32":
        return getattr(psutil.Process().memory_info(), "peak_wset", None)
    import resource  # other systems alone have it

    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak if sys.platform == "darwin" else peak * 1024


def cpu_features() -> dict[str, bool | None]:
    """Whether the processor has each of :data:`FEATURES`; None where unknown."""
    flags = processor_flags()
    return {name: bool(names & flags) if flags else None for name, names in FEATURES.items()}


def describe() -> dict[str, Any]:
    """Describes the machine for reports; ``load_at_start`` shows whether it was busy with something else."""
    return {
        "processor": processor_name(),
        "cores": cores(),
        "features": cpu_features(),
        "memory_bytes": memory(),
        "load_at_start": os.getloadavg()[0] if hasattr(os, "getloadavg") else None,
        "versions": versions(),
    }


def versions() -> dict[str, str]:
    """Versions of this program, Python, the system, and the libraries that a run depends on, where installed."""
    found = {"python": platform.python_version(), "system": platform.platform()}
    for name in ("deblur-stream", "av", "numpy", "opencv-python-headless", "openvino", "torch"):
        try:
            found[name] = metadata.version(name)
        except metadata.PackageNotFoundError:
            continue
    return found
