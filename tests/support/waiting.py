"""Waiting until something is true."""

from __future__ import annotations

import asyncio
import time
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable

PATIENCE = 60.0
"""Seconds that a browser on a busy machine gets for anything."""


def wait_until(condition: Callable[[], Any], seconds: float = 20.0) -> None:
    """Waits until something is true, or fails."""
    deadline = time.perf_counter() + seconds
    while not condition():
        assert time.perf_counter() < deadline, "it never came true"
        time.sleep(0.01)


async def wait_until_async(condition: Callable[[], Any], seconds: float = PATIENCE) -> None:
    """Waits until something is true, or fails; other coroutines run meanwhile."""
    deadline = time.perf_counter() + seconds
    while not condition():
        assert time.perf_counter() < deadline, "it never came true"
        await asyncio.sleep(0.02)
