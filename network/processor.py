"""The processor of this machine: its name and its instruction sets."""

from __future__ import annotations

import contextlib
import functools
import platform


@functools.cache
def processor_name() -> str:
    """Name of the processor as its maker gives it, such as ``AMD Ryzen 9 7950X``; elsewhere, the architecture."""
    from archspec import cpu  # only now: it reads its tables of processors when it is imported

    name = None
    with contextlib.suppress(OSError):  # it asks the processor by code of its own, which hardened systems refuse
        name = cpu.brand_string()
    return (name or platform.processor() or platform.machine()).strip()


@functools.cache
def processor_flags() -> frozenset[str]:
    """Instruction sets by Linux's names, such as ``avx512_vnni``, on other systems too; empty where nobody knows."""
    from archspec.cpu.detect import detected_info

    return frozenset(detected_info().features)
