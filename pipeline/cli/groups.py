"""Options in groups, such that the help of a command with many of them can be read; and options as one record."""

from __future__ import annotations

import functools
from copy import copy
from dataclasses import fields
from typing import TYPE_CHECKING, Any, TypeVar

import click
import cloup

if TYPE_CHECKING:
    from collections.abc import Callable

    from _typeshed import DataclassInstance

INPUT = cloup.OptionGroup("Input")
OUTPUT = cloup.OptionGroup("Output")
MEASUREMENT = cloup.OptionGroup("Measurement")
PAGE = cloup.OptionGroup("Page for browsers")
ENGINE = cloup.OptionGroup("Network and engine")
FRAMES = cloup.OptionGroup("Frames left as they are")
SPEED = cloup.OptionGroup("Speed")
RESUME = cloup.OptionGroup("Work that is interrupted")
LIMITS = cloup.OptionGroup("Guards against hostile and broken input")

_ORDER = (INPUT, MEASUREMENT, OUTPUT, PAGE, ENGINE, FRAMES, SPEED, RESUME, LIMITS)

_Command = TypeVar("_Command", bound="Callable[..., Any]")


class OutputLast(click.Command):
    """A command whose last argument is its output, behind any number of inputs.

    Where but one is given, click would take it for the output, and say that the input is missing.
    """

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Reads what was typed."""
        typed = list(args)
        try:
            return super().parse_args(ctx, args)
        except click.MissingParameter as error:
            arguments = [param for param in self.get_params(ctx) if isinstance(param, click.Argument)]
            if len(arguments) < 2 or error.param is not arguments[0] or arguments[0].nargs != -1:
                raise
            values, _, _ = self.make_parser(ctx).parse_args(typed)
            given = values.get(arguments[-1].name or "")
            if not isinstance(given, str):
                raise
            name = arguments[-1].make_metavar(ctx)
            raise click.UsageError(f"{name} is missing: name it behind {given!r}", ctx) from error


class GroupedCommand(OutputLast, cloup.Command):
    """A command whose help shows the groups above in their order, and then the options without a group."""

    def __init__(self, *args: Any, params: list[click.Parameter] | None = None, **options: Any) -> None:
        params = sorted(params or [], key=_place)
        own: dict[cloup.OptionGroup, cloup.OptionGroup] = {}
        for param in params:
            group = getattr(param, "group", None)
            if group is not None:
                # A group holds the options of one command, and commands share ours.
                param.group = own.setdefault(group, copy(group))  # type: ignore[attr-defined]
        super().__init__(*args, params=params, **options)


def _place(param: click.Parameter) -> int:
    group = getattr(param, "group", None)
    return _ORDER.index(group) if group in _ORDER else len(_ORDER)


def added(*options: Callable[[Any], Any]) -> Callable[[_Command], _Command]:
    """A decorator that adds several options to a command, in their order."""

    def add(command: _Command) -> _Command:
        for option in reversed(options):
            command = option(command)
        return command

    return add


def as_record(record: type[DataclassInstance], name: str) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """A decorator that gives a command some of its options as one argument.

    Args:
        record: Frozen dataclass with a field for each of these options.
        name: Name of the argument.
    """

    def wrap(command: Callable[..., Any]) -> Callable[..., Any]:
        @functools.wraps(command)
        def wrapped(*args: Any, **options: Any) -> Any:
            typed = {field.name: options.pop(field.name) for field in fields(record)}
            return command(*args, **{name: record(**typed)}, **options)

        return wrapped

    return wrap
