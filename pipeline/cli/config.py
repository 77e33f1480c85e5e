"""A person's own defaults of options, in a TOML file with a table for each command."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pipeline.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Collection

    import click

CONFIG_VARIABLE = "DEBLUR_CONFIG"
"""Environment variable that names another file; empty for none."""


def config_file() -> Path | None:
    """The file of own defaults; None if there is none.

    Raises:
        UsageError: If the environment names a file that is not there.
    """
    named = os.environ.get(CONFIG_VARIABLE)
    if named is not None:
        path = Path(named)
        if named and not path.is_file():
            raise UsageError(f"there is no file {path}, which {CONFIG_VARIABLE} names")
        return path if named else None
    from platformdirs import user_config_path

    path = user_config_path("deblur", appauthor=False) / "config.toml"
    return path if path.is_file() else None


def own_defaults(path: Path, name: str, command: click.Command, commands: Collection[str]) -> dict[str, Any]:
    """Reads the defaults of a command's options.

    Args:
        path: A TOML file such as ``[video]``, ``crf = 20``: a table for each command, keys named as the long options.
        name: Name of the command.
        command: The command.
        commands: Names of all commands; a table with any other name is refused.

    Returns:
        The values by the names of the command's parameters, as click's ``default_map`` takes them.

    Raises:
        UsageError: If the file can't be read, or names a command or an option that is not there.
    """
    import tomllib  # most have no such file

    try:
        with path.open("rb") as file:
            tables = tomllib.load(file)
    except (OSError, tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise UsageError(f"{path} can't be read: {error}") from error
    for table, content in tables.items():
        if table not in commands or not isinstance(content, dict):
            raise UsageError(f"{path} has {table!r}, which is no command; each command has a table, such as [video]")
    options = {
        option.lstrip("-"): parameter.name or ""
        for parameter in command.params
        if parameter.param_type_name == "option"
        for option in (*parameter.opts, *parameter.secondary_opts)
        if option.startswith("--")
    }
    defaults = {}
    for key, value in tables.get(name, {}).items():
        if key not in options:
            raise UsageError(f"{path} has {key!r} in [{name}], but `deblur {name}` has no option --{key}")
        defaults[options[key]] = value if isinstance(value, bool | list) else str(value)
    return defaults
