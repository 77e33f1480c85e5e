"""What every test needs."""

from __future__ import annotations

import signal
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collections.abc import Iterator


@pytest.fixture(scope="session", autouse=True)
def interruptible() -> Iterator[None]:
    """Makes Ctrl-C work here and in child processes, even where a shell in the background started the tests.

    Such a shell has its children ignore SIGINT, and what is ignored stays so in their children.
    """
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)
