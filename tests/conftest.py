"""What every test needs."""

from __future__ import annotations

import gc
import os
import signal
from typing import TYPE_CHECKING

import pytest

from pipeline.system.log import lines_to

pytest.register_assert_rewrite("tests.support")

if TYPE_CHECKING:
    from collections.abc import Generator, Iterator

# What the user has had measured decides for no test, and no test writes it.
os.environ["DEBLUR_VERDICTS"] = ""

# The tensors of tests are small: on a busy machine threads wait for each other longer than they compute.
os.environ.setdefault("OMP_NUM_THREADS", "1")


@pytest.fixture(scope="session", autouse=True)
def interruptible() -> Iterator[None]:
    """Makes Ctrl-C work here and in child processes, even where a shell in the background started the tests.

    Such a shell has its children ignore SIGINT, and what is ignored stays so in their children.
    """
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


@pytest.fixture
def told() -> Iterator[list[str]]:
    """What the library logs in the test, a line each."""
    lines: list[str] = []
    with lines_to(lines.append):
        yield lines


@pytest.hookimpl(wrapper=True)
def pytest_collection() -> Generator[None, object, object]:
    """Takes libraries and the thousands of tests out of what a collection of garbage looks through.

    A run over a video collects several times, which took longer than the run itself.
    """
    gc.disable()
    try:
        return (yield)
    finally:
        gc.enable()
        gc.collect()
        gc.freeze()


def pytest_runtest_setup(item: pytest.Item) -> None:
    """Skips tests marked ``gpu`` where there is no CUDA device; with REQUIRE_GPU=1, they fail there."""
    if item.get_closest_marker("gpu") is None:
        return
    import torch

    if not torch.cuda.is_available():
        reason = "there is no CUDA device"
        if os.environ.get("REQUIRE_GPU") == "1":
            pytest.fail(f"{reason}, and REQUIRE_GPU=1 asks for one")
        pytest.skip(reason)
