"""A click group whose subcommands are imported only when they are used."""

from __future__ import annotations

import difflib
import importlib
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import click

from pipeline.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Mapping


@dataclass(frozen=True, slots=True)
class LazyCommand:
    """Where a subcommand is, and what the group says about it without importing it.

    Attributes:
        target: Location of a :class:`click.Command`, as ``module:attribute``.
        help: Help of the command in one line.
        extra: Optional extra of the distribution that it needs; empty where it needs none.
    """

    target: str
    help: str
    extra: str = ""

    def load(self) -> click.Command:
        """Imports the command."""
        module, _, attribute = self.target.partition(":")
        command = getattr(importlib.import_module(module), attribute)
        if not isinstance(command, click.Command):
            raise TypeError(f"{self.target} is no click command")
        return command


class LazyGroup(click.Group):
    """A group of :class:`LazyCommand`, listed in their order.

    Args:
        entries: Subcommands by name.
        options: Arguments of :class:`click.Group`.
    """

    def __init__(self, *, entries: Mapping[str, LazyCommand], **options: Any) -> None:
        super().__init__(**options)
        self._entries = entries

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """Finds the subcommand; for a mistyped one, names what comes close."""
        try:
            return super().resolve_command(ctx, args)
        except click.UsageError as error:
            close = difflib.get_close_matches(args[0], self._entries, n=2)
            if not close:
                raise
            text = f"{error.message.rstrip('.')} (did you mean {' or '.join(close)}?)"
            raise click.UsageError(text, ctx) from error

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002 - click's signature
        """Names of the subcommands."""
        return list(self._entries)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:  # noqa: ARG002
        """Imports a subcommand; None if there is none of this name."""
        entry = self._entries.get(cmd_name)
        if entry is None:
            return None
        try:
            return entry.load()
        except ModuleNotFoundError as error:
            raise _missing(cmd_name, entry, error) from error

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:  # noqa: ARG002
        """Lists the subcommands without importing them."""
        with formatter.section("Commands"):
            formatter.write_dl([(name, entry.help) for name, entry in self._entries.items()])

    def invoke(self, ctx: click.Context) -> Any:
        """Runs the subcommand; one that imports a library of an extra only as it runs is covered too."""
        try:
            return super().invoke(ctx)
        except ModuleNotFoundError as error:
            name = ctx.invoked_subcommand
            if name is None:  # the command itself could not be imported
                raise
            raise _missing(name, self._entries[name], error) from error


def _missing(command: str, entry: LazyCommand, error: ModuleNotFoundError) -> Exception:
    """The error to raise for a missing module; ``error`` itself if the module is our own, which is a bug."""
    from pipeline.system.libraries import OWN_PACKAGES  # costs more than the help needs

    module = (error.name or "").partition(".")[0]
    if module in OWN_PACKAGES:
        return error
    package = f"deblur-stream[{entry.extra}]" if entry.extra else "deblur-stream"
    return UsageError(f'`deblur {command}` needs the Python module {module}: pip install "{package}"')
