"""Shows the library's log as notes on standard error."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from network.names import printable
from pipeline.cli.spelling import words
from pipeline.system.log import lines_to

if TYPE_CHECKING:
    from collections.abc import Callable


def show_notes(*, quiet: bool = False, show: Callable[[str], object] | None = None) -> None:
    """Shows what the library logs until the command that runs has ended.

    Args:
        quiet: Whether to show nothing.
        show: Function that takes a line; None prints it as a note.
    """
    if quiet:
        return
    tell = words()

    def print_note(line: str) -> None:
        click.echo(f"note: {printable(tell(line))}", err=True)

    click.get_current_context().with_resource(lines_to(show or print_note))
