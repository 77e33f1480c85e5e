"""Batches made ahead: their order, how many at a time, and where they end."""

from __future__ import annotations

import threading
import time

import pytest
import torch

from network.data.prefetch import made_ahead, threads_for
from network.errors import DataError


@pytest.mark.parametrize("threads", [1, 3, 40])
def test_batches_come_in_order_and_end_with_the_run(threads: int) -> None:
    made: list[int] = []

    def make(step: int) -> torch.Tensor:
        time.sleep(0.02 * (step % 3 == 0))  # some are ready later than those after them
        made.append(step)
        return torch.tensor(step)

    assert [int(batch) for batch in made_ahead(make, range(5, 25), threads)] == list(range(5, 25))
    assert sorted(made) == list(range(5, 25))


@pytest.mark.timeout(30)
def test_threads_make_batches_at_the_same_time() -> None:
    together = threading.Barrier(3)

    def make(step: int) -> torch.Tensor:
        together.wait(timeout=10)
        return torch.tensor(step)

    assert [int(batch) for batch in made_ahead(make, range(9), 3)] == list(range(9))


def test_training_on_the_cpu_shares_it_with_one_thread_alone() -> None:
    threads = set()

    def make(step: int) -> torch.Tensor:
        threads.add(threading.get_ident())
        return torch.tensor(step)

    assert len(list(made_ahead(make, range(9), threads_for(torch.device("cpu"))))) == 9
    assert len(threads) == 1


def test_what_goes_wrong_in_a_thread_is_raised_at_its_step() -> None:
    def make(step: int) -> torch.Tensor:
        if step == 2:
            raise DataError("no such pair")
        return torch.tensor(step)

    batches = made_ahead(make, range(9), 3)
    assert [int(next(batches)), int(next(batches))] == [0, 1]
    with pytest.raises(DataError, match="no such pair"):
        next(batches)
