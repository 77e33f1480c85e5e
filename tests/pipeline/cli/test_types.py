"""`--set NAME=VALUE`."""

from __future__ import annotations

from dataclasses import dataclass, field

import click
import pytest

from network.synth.profile import PROFILES
from pipeline.cli.types import changed


@dataclass(frozen=True)
class Record:
    count: int = 1
    rate: float = 0.5
    name: str = "plain"
    options: dict[str, int] = field(default_factory=dict)


def test_each_field_takes_a_value_of_its_own_type() -> None:
    record = changed(Record(), ("count=3", "rate=2", "name=other", "options={'a': 1}", "count=4"))
    assert record == Record(4, 2.0, "other", {"a": 1})
    assert isinstance(record.rate, float)
    assert changed(Record(), ()) == Record()


@pytest.mark.parametrize(
    ("assignment", "message"),
    [
        ("count", "'count' is not NAME=VALUE with a NAME of count, rate, name, options"),
        ("size=3", "'size=3' is not NAME=VALUE"),
        ("count=many", "count is a int, not 'many'"),
        ("count=1.5", "count is a int, not '1.5'"),
    ],
)
def test_anything_else_is_refused_in_one_line(assignment: str, message: str) -> None:
    with pytest.raises(click.BadParameter) as caught:
        changed(Record(), (assignment,))
    assert caught.value.message.startswith(message)
    assert caught.value.param_hint == "--set"


def test_what_the_record_refuses_is_said_in_its_words() -> None:
    with pytest.raises(click.BadParameter, match="compression must be from 0 to 1, not 2"):
        changed(PROFILES["handheld"], ("compression=2",))
