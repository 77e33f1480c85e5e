"""`deblur synth`: pairs for training from sharp photographs."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import click

from network.pairs import pictures_in
from network.synth.pool import PoolOptions, make_pool
from network.synth.profile import PROFILES


@click.command(name="synth")
@click.argument("sources", nargs=-1, required=True, type=click.Path(path_type=Path, exists=True, file_okay=False))
@click.argument("out", type=click.Path(path_type=Path))
@click.option(
    "--profile",
    type=click.Choice(sorted(PROFILES)),
    default="handheld",
    show_default=True,
    help="Kind of motion.",
)
@click.option("--shortest", type=click.FloatRange(0), help="Shortest blur in pixels (default: the profile's).")
@click.option("--longest", type=click.FloatRange(0), help="Longest blur in pixels (default: the profile's).")
@click.option("--pairs", type=click.IntRange(1), default=4096, show_default=True, help="Number of pairs.")
@click.option("--size", type=click.IntRange(32), default=160, show_default=True, help="Height and width of a pair.")
@click.option("--seed", type=int, default=0, show_default=True, help="The same seed gives the same pairs.")
@click.option("--workers", type=click.IntRange(1), default=2, show_default=True, help="Processes.")
def synth(
    sources: tuple[Path, ...],
    out: Path,
    *,
    profile: str,
    shortest: float | None,
    longest: float | None,
    pairs: int,
    size: int,
    seed: int,
    workers: int,
) -> None:
    """Blurs the sharp photographs in SOURCES and writes a pool of pairs to OUT."""
    photos = [photo for folder in sources for photo in pictures_in(folder)]
    blur = PROFILES[profile]
    blur = replace(
        blur,
        shortest=blur.shortest if shortest is None else shortest,
        longest=blur.longest if longest is None else longest,
    )
    if size % 2:
        raise click.BadParameter("must be even", param_hint="--size")
    if blur.longest < blur.shortest:
        raise click.BadParameter(f"must be at least {blur.shortest:g}", param_hint="--longest")
    click.echo(f"{len(photos)} photographs, profile {profile}, blur {blur.shortest:g} to {blur.longest:g} pixels")
    for done in make_pool(photos, out, blur, PoolOptions(pairs, size, seed, workers)):
        click.echo(f"{done} of {pairs} pairs")
