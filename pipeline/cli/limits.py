"""The options that guard against hostile and broken inputs, shared by the commands that read files of strangers."""

from __future__ import annotations

import functools
import re
from dataclasses import fields
from typing import TYPE_CHECKING, Any

import click

from pipeline.decode.limits import Limits
from pipeline.isolation import Isolation

if TYPE_CHECKING:
    from collections.abc import Callable

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

    The command gets two arguments for them: ``limits`` (:class:`pipeline.decode.limits.Limits`) and ``isolation``
    (:class:`pipeline.isolation.Isolation`, None for decoding in this process), both as
    :class:`pipeline.decode.source.SourceOptions` takes them.
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
