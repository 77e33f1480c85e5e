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
    """How many threads shall make batches.

    Args:
        device: Device of the training. Beside the CPU's own work there is room for one; of any other device, it
            takes several to keep up with its steps.
    """
    return 1 if device.type == "cpu" else min(MOST_THREADS, os.cpu_count() or 1)


def made_ahead(make: Callable[[Key], Value], keys: Iterable[Key], threads: int) -> Generator[Value]:
    """What is made of each key, in order; so many are being made while the caller is busy with the last one.

    Args:
        make: Called by several threads at a time. What it raises is raised in its turn.
        keys: Steps of a run, say.
        threads: How many.
    """
    with ThreadPoolExecutor(threads) as executor:
        waiting: deque[Future[Value]] = deque()
        for key in keys:
            waiting.append(executor.submit(make, key))
            if len(waiting) > threads:
                yield waiting.popleft().result()
        while waiting:
            yield waiting.popleft().result()
