"""The command-line spelling of the options that a message names.

Messages of the library name an option by its field, between backticks: ``add `overwrite` to replace it``. Here the
name becomes the option of the command that runs: ``add --overwrite to replace it``. The spelling comes from the
command's own parameters, so there is nothing to keep up to date but the few fields whose parameter has another name.
"""

from __future__ import annotations

import re
from functools import partial
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from collections.abc import Callable

_FIELD = re.compile(r"`([a-z_]+(?:\.[a-z_]+)?(?:=\w+)?)`")

_PARAMETERS = {
    "acceleration": "hwaccel",
    "address": "ray",
    "continued": "dashcam",
    "gate.duplicates": "every_frame",
    "gate.duplicates=False": "every_frame",
    "gate.sharp": "skip_sharp",
    "isolation": "isolate",
    "isolation.timeout": "hang_timeout",
    "segments.fresh": "fresh",
    "segments.seconds": "segment",
    "segments=None": "segment",
}
"""Fields whose parameter has another name. ``limits.x`` is ``max_x`` for every x."""

_VALUES = {"segments=None": " 0"}
"""Text that follows an option for which the command line has another value."""


def words() -> Callable[[str], str]:
    """What puts the options of the command that runs in place of the fields that a text names; for any thread."""
    context = click.get_current_context(silent=True)
    return partial(spelled, command=None if context is None else context.command)


def spelled(text: str, command: click.Command | None) -> str:
    """Puts the options of a command in place of the fields that a text names.

    Args:
        text: Message of the library.
        command: Command that runs; None leaves the text as it is.

    Returns:
        The text. A name for which the command has no option stays as it is.
    """
    if command is None or "`" not in text:
        return text
    options = {
        (parameter.name or "").strip("_"): max(parameter.opts, key=len)
        for parameter in command.params
        if parameter.param_type_name == "option"
    }

    def option(match: re.Match[str]) -> str:
        field = match[1]
        name = _PARAMETERS.get(field, f"max_{field.removeprefix('limits.')}" if "limits." in field else field)
        return options[name] + _VALUES.get(field, "") if name in options else match[0]

    return _FIELD.sub(option, text)
