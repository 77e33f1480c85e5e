"""The logger `deblur`, by which the library writes lines for the user, and a way to receive them.

The library logs work that takes long, and where it did something other than asked. It installs no handler: a program
that imports it decides by Python's ``logging`` where the lines go. The command line prints them.
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
    """Logging handler that passes the text of every record to one of two functions."""

    def __init__(self, show: Callable[[str], object], show_detail: Callable[[str], object]) -> None:
        super().__init__()
        self._show, self._show_detail = show, show_detail

    def emit(self, record: logging.LogRecord) -> None:
        show = self._show if record.levelno >= logging.INFO else self._show_detail
        show(record.getMessage())


@contextlib.contextmanager
def lines_to(show: Callable[[str], object], show_detail: Callable[[str], object] | None = None) -> Iterator[None]:
    """Passes every log line of the library, from any thread, to a function until the context is left.

    Args:
        show: Function that is called with each line.
        show_detail: Function that is called with each line of the level DEBUG; None leaves these out.

    Example::

        with lines_to(print):
            engine = load_engine("tensorrt")
    """
    logger, handler = logging.getLogger(LOGGER), _Lines(show, show_detail or show)
    level = logger.level
    logger.addHandler(handler)
    logger.setLevel(logging.INFO if show_detail is None else logging.DEBUG)
    try:
        yield
    finally:
        logger.setLevel(level)
        logger.removeHandler(handler)
