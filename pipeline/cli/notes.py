"""Shows the library's log as notes on standard error."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from network.names import printable
from pipeline.cli.spelling import words
from pipeline.system.log import lines_to

if TYPE_CHECKING:
    from collections.abc import Callable


_DETAILS = "pipeline.cli.notes.details"


def tell_details(*, wanted: bool) -> None:
    """Says whether :func:`show_notes` shows details in the command that runs."""
    click.get_current_context().meta[_DETAILS] = wanted


def show_notes(*, quiet: bool = False, show: Callable[[str], object] | None = None) -> None:
    """Shows what the library logs until the command that runs has ended, details included where they are wanted.

    Args:
        quiet: Whether to show nothing.
        show: Function that takes a line; None prints it as a note.
    """
    if quiet:
        return
    context, tell = click.get_current_context(), words()

    def print_note(line: str) -> None:
        click.echo(f"note: {printable(tell(line))}", err=True)

    def print_detail(line: str) -> None:
        click.echo(f"detail: {printable(line)}", err=True)

    show_detail = print_detail if context.meta.get(_DETAILS) else None
    context.with_resource(lines_to(show or print_note, show_detail))
