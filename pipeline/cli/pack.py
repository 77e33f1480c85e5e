"""`deblur pack`: a pool for training from a data set of blurred and sharp pictures."""

from __future__ import annotations

from pathlib import Path

import click
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from network.counting import count_of
from network.data.datasets import AUTO, LAYOUTS, find_pairs
from network.data.pack import PackOptions, pack
from network.data.pack_windows import SIZE, pack_windows
from pipeline.errors import OutputError

LINE_EVERY = 500
"""Number of pairs between two lines of progress where there is no terminal."""


@click.command(name="pack")
@click.argument("source", type=click.Path(path_type=Path, exists=True, file_okay=False))
@click.argument("pool", type=click.Path(path_type=Path, file_okay=False))
@click.option(
    "--layout",
    type=click.Choice([AUTO, *LAYOUTS]),
    default=AUTO,
    show_default=True,
    help="How the data set lies on the disk.",
)
@click.option("--split", default="", metavar="NAME", help="Only the pairs of this split, such as train (default: all).")
@click.option(
    "--size",
    type=click.IntRange(32),
    help=f"Cut pictures into tiles of this height and width (default: {SIZE}; with --pairs, whole).",
)
@click.option("--pairs", "as_pairs", is_flag=True, help="Pack RGB pairs, for networks that see one picture.")
@click.option("--workers", type=click.IntRange(1), default=2, show_default=True, help="Threads that decode pictures.")
def pack_command(
    source: Path, pool: Path, *, layout: str, split: str, size: int | None, as_pairs: bool, workers: int
) -> None:
    """Packs the data set in SOURCE into the folder POOL, for `deblur train`.

    Frames are packed as windows, with their neighbours in the sequence. Run it again to go on where it stopped.
    """
    pairs = find_pairs(source, layout, split=split)
    columns = (TextColumn("pairs"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    console = Console(stderr=True)
    with Progress(*columns, console=console, disable=not console.is_terminal) as bar:
        task = bar.add_task("pack", total=len(pairs))
        try:
            for done in (pack if as_pairs else pack_windows)(pairs, pool, PackOptions(size or 0, workers)):
                bar.update(task, completed=done)
                if not console.is_terminal and done and done % LINE_EVERY == 0:
                    console.print(f"{done} of {count_of(len(pairs), 'pair')}")
        except OSError as error:
            raise OutputError(f"{pool} can't be written: {error.strerror or error}; run it again to go on") from error
    click.echo(f"pool: {pool}, {count_of(len(pairs), 'pair')}")
