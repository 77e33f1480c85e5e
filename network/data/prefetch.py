"""Batches of a training, or decoded pairs, made by threads ahead of whoever needs them."""

from __future__ import annotations

import os
from collections import deque
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TYPE_CHECKING, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Iterable

    import torch

Key = TypeVar("Key")
Value = TypeVar("Value")

MOST_THREADS = 8


def threads_for(device: torch.device) -> int:
    """Number of threads that should make batches.

    Args:
        device: Device of the training. Beside the CPU's own work there is room for one; of any other device, it
            takes several to keep up with its steps.
    """
    return 1 if device.type == "cpu" else min(MOST_THREADS, os.cpu_count() or 1)


def made_ahead(make: Callable[[Key], Value], keys: Iterable[Key], threads: int) -> Generator[Value]:
    """Yields the result for each key, in order; threads make the next ones while the caller uses the last one.

    Args:
        make: Function that makes the result of a key; several threads call it. An error is raised at its key's turn.
        keys: Keys, such as the steps of a run.
        threads: Number of threads.
    """
    with ThreadPoolExecutor(threads) as executor:
        waiting: deque[Future[Value]] = deque()
        for key in keys:
            waiting.append(executor.submit(make, key))
            if len(waiting) > threads:
                yield waiting.popleft().result()
        while waiting:
            yield waiting.popleft().result()
