"""``deblur completion``."""

from __future__ import annotations

import click
from click.shell_completion import get_completion_class


@click.command()
@click.argument("shell", type=click.Choice(["bash", "zsh", "fish"]))
@click.pass_context
def completion(ctx: click.Context, *, shell: str) -> None:
    r"""Prints a script that completes commands and options in SHELL.

    \b
    bash:  deblur completion bash > ~/.local/share/bash-completion/completions/deblur
    zsh:   deblur completion zsh > a folder in $fpath, as _deblur
    fish:  deblur completion fish > ~/.config/fish/completions/deblur.fish
    """
    kind = get_completion_class(shell)
    assert kind is not None
    click.echo(kind(ctx.find_root().command, {}, "deblur", "_DEBLUR_COMPLETE").source())
