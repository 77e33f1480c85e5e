"""The options that guard against hostile and broken inputs."""

from __future__ import annotations

import functools
from dataclasses import fields
from typing import TYPE_CHECKING, Any

import click
import cloup

from pipeline.cli.groups import LIMITS
from pipeline.cli.types import Limit
from pipeline.job import Isolation, Limits

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
        wrapped = cloup.option(
            f"--max-{field.name.replace('_', '-')}",
            type=Limit(is_whole=field.name != "duration"),
            default=default,
            show_default=True,
            help=_HELP[field.name],
            group=LIMITS,
        )(wrapped)
    wrapped = cloup.option(
        "--hang-timeout",
        type=click.FloatRange(min=0, min_open=True),
        default=Isolation().timeout,
        show_default=True,
        help="With --isolate, seconds without any progress after which decoding is given up.",
        group=LIMITS,
    )(wrapped)
    return cloup.option(
        "--isolate", is_flag=True, help="Decode in a process of its own, which may crash without harm.", group=LIMITS
    )(wrapped)
