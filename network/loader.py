"""Batches made ahead of the steps that need them."""

from __future__ import annotations

import os
from collections import deque
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TYPE_CHECKING, Self

if TYPE_CHECKING:
    from collections.abc import Callable

    import torch
    from torch import Tensor

MOST_THREADS = 8


class Loader:
    """The batches of a run, in order.

    On the CPU one thread makes the next batch while a step computes: more would take cores from the training. For any
    other device, each thread makes a batch of its own, since one makes patches more slowly than a GPU learns from them.

    Args:
        make: Makes the batch of a step; called by several threads at a time.
        first: The first step.
        end: The step after the last.
        device: Where the training computes.
    """

    def __init__(self, make: Callable[[int], Tensor], first: int, end: int, device: torch.device) -> None:
        threads = 1 if device.type == "cpu" else min(MOST_THREADS, os.cpu_count() or 1)
        self._make, self._executor = make, ThreadPoolExecutor(threads, "loader")
        self._steps = iter(range(first, end))
        self._upcoming: deque[Future[Tensor]] = deque()
        for _ in range(threads):
            self._submit()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._executor.shutdown(cancel_futures=True)

    def __iter__(self) -> Self:
        return self

    def __next__(self) -> Tensor:
        """The next step's batch; raises what making it raised."""
        if not self._upcoming:
            raise StopIteration
        batch = self._upcoming.popleft().result()
        self._submit()
        return batch

    def _submit(self) -> None:
        step = next(self._steps, None)
        if step is not None:
            self._upcoming.append(self._executor.submit(self._make, step))
