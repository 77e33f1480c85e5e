"""Exit codes: a row for every error, and documents that agree with the table."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from pipeline.cli import batch, video
from pipeline.cli.exit_codes import BUG, EXIT_CODES, exit_code
from pipeline.errors import BatchError, DeblurError, InputError

if TYPE_CHECKING:
    from collections.abc import Iterator

PAGE = Path(__file__).resolve().parents[3] / "docs" / "reference" / "exit-codes.md"
CODES = {0, *EXIT_CODES.values()}
OURS = ("network.errors", "pipeline.errors", "trt.errors")


def tree(root: type[DeblurError] = DeblurError) -> Iterator[type[DeblurError]]:
    """Every class of the tree that the packages define; not those of tests."""
    yield from (kind for below in root.__subclasses__() for kind in tree(below))
    if root.__module__ in OURS:
        yield root


@pytest.mark.parametrize("kind", list(tree()), ids=lambda kind: kind.__name__)
def test_every_error_has_a_row_of_its_own(kind: type[DeblurError]) -> None:
    assert kind in EXIT_CODES
    assert (exit_code(kind) == BUG) == (kind is DeblurError)


def test_an_error_without_a_row_gets_that_of_the_nearest_class_above() -> None:
    class SpecialError(InputError):
        pass

    assert exit_code(SpecialError) == exit_code(InputError) == 3
    assert exit_code(None) == 0
    assert exit_code(ZeroDivisionError) == BUG


def test_the_page_and_the_help_name_the_codes_of_the_table() -> None:
    of_video, of_batch = (
        {int(code) for code in re.findall(r"^  (\d+) ", text, re.MULTILINE)} for text in (video.EPILOG, batch.EPILOG)
    )
    assert of_video | of_batch == CODES
    assert of_video == CODES - {exit_code(BatchError)}
    assert {int(code) for code in re.findall(r"^\| (\d+) ", PAGE.read_text(encoding="utf-8"), re.MULTILINE)} == CODES
