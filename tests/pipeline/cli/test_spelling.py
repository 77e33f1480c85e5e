"""The options that a message names, as the command spells them."""

from __future__ import annotations

from dataclasses import fields

import pytest

from pipeline.cli.batch import batch
from pipeline.cli.doctor import doctor
from pipeline.cli.spelling import spelled
from pipeline.cli.video import video
from pipeline.job import Limits


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("out.mp4 exists; add `overwrite` to replace it", "out.mp4 exists; add --overwrite to replace it"),
        ("use `format`, such as `format` matroska", "use --format, such as --format matroska"),
        ("with another `acceleration` or `isolation`", "with another --hwaccel or --isolate"),
        ("no progress for 2 s (`isolation.timeout`)", "no progress for 2 s (--hang-timeout)"),
        ("in one piece by `segments=None`", "in one piece by --segment 0"),
        ("the GPU with `gate.duplicates=False`, without", "the GPU with --every-frame, without"),
        ("or add `segments.fresh`", "or add --fresh"),
        ("run `deblur doctor` and `ray start`", "run `deblur doctor` and `ray start`"),
        ("a file named `{0}` or `elephant`", "a file named `{0}` or `elephant`"),
    ],
)
def test_fields_become_options(text: str, expected: str) -> None:
    assert spelled(text, video) == expected


@pytest.mark.parametrize("name", [field.name for field in fields(Limits)])
def test_every_limit_has_an_option(name: str) -> None:
    assert (
        spelled(f"raise `limits.{name}` to process it", video) == f"raise --max-{name.replace('_', '-')} to process it"
    )


def test_the_commands_own_parameters_say_how_a_field_is_spelled() -> None:
    assert spelled("put {folder} into `template`", batch) == "put {folder} into --name"
    assert spelled("put {folder} into `template`", video) == "put {folder} into `template`"
    assert spelled("add `overwrite`", doctor) == "add `overwrite`"
    assert spelled("add `overwrite`", None) == "add `overwrite`"
