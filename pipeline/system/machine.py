"""What machine this is: processor, cores, instruction sets, memory. Each fact is None where the system won't tell."""

from __future__ import annotations

import os
import platform
import sys
from importlib import import_module, metadata
from pathlib import Path
from typing import Any

_CPUINFO = Path("/proc/cpuinfo")
_STATUS = Path("/proc/self/status")

FEATURES = {
    "AVX2": ({"avx2"}, "AVX2"),
    "AVX-512": ({"avx512f"}, "AVX512F"),
    "VNNI": ({"avx512_vnni", "avx_vnni"}, "AVX512VNNI"),
    "AMX": ({"amx_tile"}, ""),
    "BF16": ({"avx512_bf16", "amx_bf16"}, ""),
}
"""Instruction sets that decide how fast a network runs: Linux's names of each, and numpy's (empty: it has none)."""


def processor() -> str:
    """The processor's name, as the system gives it."""
    return _cpuinfo("model name") or platform.processor() or platform.machine()


def cores() -> int:
    """Logical processors that this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def memory() -> int | None:
    """Bytes of memory of the machine."""
    if sys.platform == "win32":
        return None
    try:
        return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    except (ValueError, OSError):
        return None


def peak_memory() -> int | None:
    """Bytes of memory of this process at its largest so far (resident set)."""
    if _STATUS.is_file():  # what the system counts for the process holds that of the process that started it
        for line in _STATUS.read_text(encoding="utf-8", errors="replace").splitlines():
            if line.startswith("VmHWM:"):
                return int(line.split()[1]) * 1024
    if sys.platform == "win32":
        return None
    import resource  # other systems alone have it

    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak if sys.platform == "darwin" else peak * 1024


def cpu_features() -> dict[str, bool | None]:
    """Which of :data:`FEATURES` the processor has; None where nobody knows."""
    flags = set(_cpuinfo("flags").split())
    if flags:
        return {name: bool(names & flags) for name, (names, _) in FEATURES.items()}
    known = _numpy_features()
    found: dict[str, bool | None] = {name: known.get(numpy_name) for name, (_, numpy_name) in FEATURES.items()}
    if not found["VNNI"]:
        found["VNNI"] = None  # numpy knows the one that came with AVX-512 alone
    return found


def describe() -> dict[str, Any]:
    """The machine as reports state it; ``load_at_start`` tells whether it was busy with something else."""
    return {
        "processor": processor(),
        "cores": cores(),
        "features": cpu_features(),
        "memory_bytes": memory(),
        "load_at_start": os.getloadavg()[0] if hasattr(os, "getloadavg") else None,
        "versions": versions(),
    }


def _cpuinfo(key: str) -> str:
    """The first entry of that name in Linux's description of the processor; empty elsewhere."""
    if not _CPUINFO.is_file():
        return ""
    for line in _CPUINFO.read_text(encoding="utf-8", errors="replace").splitlines():
        name, _, value = line.partition(":")
        if name.strip() == key:
            return value.strip()
    return ""


def _numpy_features() -> dict[str, bool]:
    """What numpy found as it chose its own code; it has no public function that returns it."""
    try:
        inside = import_module("numpy._core._multiarray_umath")
    except ImportError:
        return {}
    return dict(getattr(inside, "__cpu_features__", {}))


def versions() -> dict[str, str]:
    """Versions of this program, Python, the system, and the libraries that a run depends on, where installed."""
    found = {"python": platform.python_version(), "system": platform.platform()}
    for name in ("deblur-stream", "av", "numpy", "openvino", "torch"):
        try:
            found[name] = metadata.version(name)
        except metadata.PackageNotFoundError:
            continue
    return found
