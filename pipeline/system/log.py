"""The lines of the logger `deblur`, which the library writes for the user, and how to receive them.

The library logs what takes long and what it did otherwise than asked, and installs no handler: a program that imports
it decides by Python's ``logging`` what becomes of that. The command line prints it.
"""

from __future__ import annotations

import contextlib
import logging
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

LOGGER = "deblur"
"""Name of the logger above all loggers of the library."""


class _Lines(logging.Handler):
    """Hands the text of every record on."""

    def __init__(self, show: Callable[[str], object]) -> None:
        super().__init__()
        self._show = show

    def emit(self, record: logging.LogRecord) -> None:
        self._show(record.getMessage())


@contextlib.contextmanager
def lines_to(show: Callable[[str], object]) -> Iterator[None]:
    """Hands every line of the library to a function, from whatever thread it comes, until the context is left.

    Args:
        show: Takes a line.

    Example::

        with lines_to(print):
            engine = load_engine("tensorrt")
    """
    logger, handler = logging.getLogger(LOGGER), _Lines(show)
    level = logger.level
    logger.addHandler(handler)
    logger.setLevel(logging.INFO)
    try:
        yield
    finally:
        logger.setLevel(level)
        logger.removeHandler(handler)
