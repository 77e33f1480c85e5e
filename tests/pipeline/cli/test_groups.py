"""Options in groups, and options as one record."""

from __future__ import annotations

import re
from dataclasses import dataclass

import click
import cloup
import pytest
from click.testing import CliRunner

from pipeline.cli.groups import INPUT, LIMITS, OUTPUT, GroupedCommand, added, as_record
from pipeline.cli.main import group


def help_of(command: click.Command) -> dict[str, list[str]]:
    """The options that a command's help names under each heading."""
    text = CliRunner().invoke(command, ["--help"], standalone_mode=True).output
    found: dict[str, list[str]] = {}
    for line in text.splitlines():
        if re.fullmatch(r"[A-Z][A-Za-z ]+:", line):
            heading = line[:-1]
        elif line.startswith(("  -", "  --")):
            found.setdefault(heading, []).append(line.split(maxsplit=1)[0].rstrip(","))
    return found


@cloup.command(cls=GroupedCommand)
@cloup.option("--guard", group=LIMITS)
@cloup.option("--loose")
@cloup.option("--into", group=OUTPUT)
@cloup.option("--from", "from_", group=INPUT)
def first(**_options: str) -> None:
    """Has options in groups."""


@cloup.command(cls=GroupedCommand)
@cloup.option("--other", group=INPUT)
def second(**_options: str) -> None:
    """Shares a group with the first one."""


def test_groups_stand_in_one_order_and_options_without_a_group_last() -> None:
    found = help_of(first)
    assert list(found) == ["Input", "Output", LIMITS.title, "Other options"]
    assert found["Input"] == ["--from"]
    assert found["Other options"] == ["--loose", "--help"]


def test_commands_that_share_a_group_show_their_own_options_alone() -> None:
    assert help_of(second)["Input"] == ["--other"]
    assert help_of(first)["Input"] == ["--from"]


@pytest.mark.parametrize("name", ["video", "batch", "live", "bench"])
def test_the_help_of_a_long_command_is_in_groups(name: str) -> None:
    command = group.get_command(click.Context(group), name)
    assert command is not None
    found = help_of(command)
    assert {"Input", "Output", "Network and engine", "Speed"} <= set(found)
    named = [option for options in found.values() for option in options]
    assert len(named) == len(set(named)) == len([p for p in command.params if isinstance(p, click.Option)]) + 1
    assert "--weights" in found["Network and engine"]
    assert "--threads" in found["Speed"]


@dataclass(frozen=True)
class Pair:
    """Two options."""

    one: int
    two: str


@dataclass(frozen=True)
class Whole:
    """A record with another one in it."""

    pair: Pair
    three: bool


def test_options_become_records_that_hold_records() -> None:
    got: list[object] = []

    @click.command()
    @added(
        click.option("--one", type=int),
        click.option("--two", default="2"),
        click.option("--three", is_flag=True),
        as_record(Pair, "pair"),
        as_record(Whole, "whole"),
    )
    @click.option("--four")
    def command(**options: object) -> None:
        got.append(options)

    command.main(["--one", "1", "--three", "--four", "4"], standalone_mode=False)
    assert got == [{"whole": Whole(Pair(1, "2"), three=True), "four": "4"}]
