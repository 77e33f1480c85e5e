"""Types of options that several commands share, and the options that guard against hostile and broken inputs."""

from __future__ import annotations

import ast
import functools
import re
from dataclasses import fields, replace
from typing import TYPE_CHECKING, Any, TypeVar

import click

from network.errors import NetworkError
from pipeline.engines.precision import PRECISIONS
from pipeline.job import Isolation, Limits
from pipeline.runner.skip import AUTO_THRESHOLD

if TYPE_CHECKING:
    from collections.abc import Callable

    from _typeshed import DataclassInstance

    Record = TypeVar("Record", bound=DataclassInstance)

_HELP = {
    "width": "Pixels across that a picture may have.",
    "height": "Pixels down that a picture may have.",
    "pixels": "Pixels that a picture may have.",
    "frames": "Frames that the video may have.",
    "duration": "Seconds that the video may last.",
    "streams": "Streams that the file may have.",
    "attachments": "Attached files and cover pictures that the file may have.",
    "attachment_bytes": "Bytes that all attachments may have together.",
    "decoded_bytes": "Bytes that all decoded frames may have together.",
}

_UNITS = {"": 1, "k": 1000, "m": 1000**2, "g": 1000**3, "t": 1000**4}


class Limit(click.ParamType[Any]):
    """A number above 0, with K, M, G or T for thousands and so on; or ``none``."""

    name = "limit"

    def __init__(self, *, is_whole: bool) -> None:
        self._is_whole = is_whole

    def convert(
        self, value: str | float | None, param: click.Parameter | None, ctx: click.Context | None
    ) -> float | int | None:
        """Turns what was typed into a number; ``none`` into None."""
        if value is None or str(value).lower() == "none":
            return None
        match = re.fullmatch(r"(\d+(?:\.\d+)?)([kmgt]?)", str(value).lower())
        number = float(match[1]) * _UNITS[match[2]] if match else 0.0
        if number <= 0 or (self._is_whole and number < 1):
            self.fail(f"{value!r} is no limit; write a number such as 4000 or 2G, or none", param, ctx)
        return int(number) if self._is_whole else number


def guard_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """Adds ``--max-...`` for every limit, ``--isolate`` and ``--hang-timeout`` to a command.

    The command gets two arguments for them: ``limits`` (:class:`pipeline.job.Limits`) and ``isolation``
    (:class:`pipeline.job.Isolation`, None for decoding in this process), both as
    :class:`pipeline.job.SourceOptions` takes them.
    """

    @functools.wraps(command)
    def wrapped(*args: Any, isolate: bool, hang_timeout: float, **options: Any) -> Any:
        limits = Limits(**{field.name: options.pop(f"max_{field.name}") for field in fields(Limits)})
        isolation = Isolation(hang_timeout) if isolate else None
        return command(*args, limits=limits, isolation=isolation, **options)

    for field in reversed(fields(Limits)):
        default = "none" if field.default is None else str(field.default)
        wrapped = click.option(
            f"--max-{field.name.replace('_', '-')}",
            type=Limit(is_whole=field.name != "duration"),
            default=default,
            show_default=True,
            help=_HELP[field.name],
        )(wrapped)
    wrapped = click.option(
        "--hang-timeout",
        type=click.FloatRange(min=0, min_open=True),
        default=Isolation().timeout,
        show_default=True,
        help="With --isolate, seconds without any progress after which decoding is given up.",
    )(wrapped)
    return click.option(
        "--isolate", is_flag=True, help="Decode in a process of its own, which may crash without harm."
    )(wrapped)


class SkipSharp(click.ParamType[Any]):
    """``auto``, ``off``, or a threshold from 0 to 1; becomes the threshold, or None for off."""

    name = "auto|off|threshold"

    def convert(self, value: str | float, param: click.Parameter | None, ctx: click.Context | None) -> float | None:
        """Turns what was typed into a threshold."""
        if value == "off":
            return None
        if value == "auto":
            return AUTO_THRESHOLD
        try:
            threshold = float(value)
        except ValueError:
            threshold = -1.0
        if not 0 <= threshold <= 1:  # also false for NaN
            self.fail(f"{value!r} is no threshold; write auto, off, or a number from 0 to 1", param, ctx)
        return threshold


precision_option = click.option(
    "--precision",
    type=click.Choice(PRECISIONS),
    default="auto",
    show_default=True,
    help="The network's arithmetic; auto takes int8 where the processor is made for it.",
)


def changed(record: Record, assignments: tuple[str, ...]) -> Record:
    """A copy with ``name=value`` changes; values are Python literals, or plain words.

    Args:
        record: A frozen dataclass, each field of which keeps the type of its value.
        assignments: Such as ``("steps=100", "rate=1e-3")``; the last one of a name counts.

    Raises:
        click.BadParameter: If an assignment has no known name, a value of another type, or one that the dataclass
            refuses.
    """
    kinds = {field.name: type(getattr(record, field.name)) for field in fields(record)}
    changes: dict[str, Any] = {}
    for assignment in assignments:
        name, equals, text = assignment.partition("=")
        if not equals or name not in kinds:
            raise click.BadParameter(
                f"{assignment!r} is not NAME=VALUE with a NAME of {', '.join(kinds)}", param_hint="--set"
            )
        try:
            value = ast.literal_eval(text)
        except (ValueError, SyntaxError):
            value = text
        if kinds[name] is float and isinstance(value, int):
            value = float(value)
        if not isinstance(value, kinds[name]):
            raise click.BadParameter(f"{name} is a {kinds[name].__name__}, not {text!r}", param_hint="--set")
        changes[name] = value
    try:
        return replace(record, **changes)
    except NetworkError as error:
        raise click.BadParameter(str(error), param_hint="--set") from error
