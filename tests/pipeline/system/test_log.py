"""The library's logger: silent by itself, and heard by whoever asks."""

from __future__ import annotations

import logging
import subprocess
import sys
from pathlib import Path

import pytest

from pipeline.system.log import LOGGER, lines_to

SILENT = "import logging, network; logging.getLogger('deblur.engines').warning('heard')"


def test_a_program_without_handlers_hears_nothing() -> None:
    done = subprocess.run(  # noqa: S603 - our own script
        [sys.executable, "-c", SILENT],
        capture_output=True,
        timeout=60,
        check=True,
        cwd=Path(__file__).parents[3],
    )
    assert (done.stdout, done.stderr) == (b"", b"")


def test_details_go_where_they_are_wanted_alone() -> None:
    logger, lines, details = logging.getLogger("deblur.details"), list[str](), list[str]()
    with lines_to(lines.append):
        logger.debug("left out")
    with lines_to(lines.append, details.append):
        logger.debug("a detail")
        logger.info("a line")
    assert (lines, details) == (["a line"], ["a detail"])


def test_lines_of_every_part_are_heard_until_the_context_is_left() -> None:
    logger, lines = logging.getLogger(LOGGER), list[str]()
    before = logger.level, list(logger.handlers)
    with lines_to(lines.append):
        logging.getLogger("deblur.engines").info("building %s", "an engine")
        logging.getLogger("deblur.trt").warning("the driver is another one")
        logging.getLogger("other").warning("not ours")
    logging.getLogger("deblur.engines").warning("too late")
    assert lines == ["building an engine", "the driver is another one"]
    assert (logger.level, logger.handlers) == before


def test_the_context_is_left_in_order_after_an_error() -> None:
    handlers = list(logging.getLogger(LOGGER).handlers)
    with pytest.raises(ZeroDivisionError), lines_to(lambda _line: 1 / 0):
        logging.getLogger("deblur.engines").warning("nobody can bear it")
    assert logging.getLogger(LOGGER).handlers == handlers
