"""`deblur synth`: windows for training from sharp photographs and videos."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import click

from network.counting import count_of
from network.errors import DataError
from network.synth.film import BORDER
from network.synth.make_pool import PoolOptions, keep_ring, make_pool
from network.synth.profile import PROFILES, BlurProfile
from network.synth.sources import find_sources, fit_sources
from pipeline.cli.groups import OutputLast
from pipeline.cli.notes import show_notes
from pipeline.cli.types import changed
from pipeline.errors import OutputError

_NAMES_SHOWN = 10


@click.command(name="synth", cls=OutputLast)
@click.argument("sources", nargs=-1, required=True, type=click.Path(path_type=Path, exists=True))
@click.argument("out", type=click.Path(path_type=Path, file_okay=False))
@click.option(
    "--profile",
    type=click.Choice(sorted(PROFILES)),
    default="handheld",
    show_default=True,
    help="Kind of motion.",
)
@click.option("--shortest", type=click.FloatRange(0), help="Shortest blur in pixels (default: the profile's).")
@click.option("--longest", type=click.FloatRange(0), help="Longest blur in pixels (default: the profile's).")
@click.option(
    "--set",
    "assignments",
    multiple=True,
    metavar="NAME=VALUE",
    help="Change a field of the profile, such as noise=0 for clean windows; an unknown name lists them.",
)
@click.option("--windows", type=click.IntRange(1), default=4096, show_default=True, help="Number of windows.")
@click.option("--size", type=click.IntRange(48), default=320, show_default=True, help="Height and width of a window.")
@click.option("--seed", type=click.IntRange(0), default=0, show_default=True, help="The same seed, the same windows.")
@click.option(
    "--video-share",
    type=click.FloatRange(0, 1),
    default=0.5,
    show_default=True,
    help="Share of the windows made from video, where SOURCES hold both.",
)
@click.option("--keep-blurred", is_flag=True, help="Use sources that are themselves blurred or upscaled, too.")
@click.option("--workers", type=click.IntRange(1), default=2, show_default=True, help="Processes.")
@click.option(
    "--ring", is_flag=True, help="Go on when OUT is full: replace the oldest windows by new ones, until Ctrl-C."
)
@click.option(
    "--pause",
    type=click.FloatRange(0),
    default=120.0,
    show_default=True,
    help="Seconds between two replacements of --ring, for training to have the cores.",
)
def synth(
    sources: tuple[Path, ...],
    out: Path,
    *,
    profile: str,
    shortest: float | None,
    longest: float | None,
    assignments: tuple[str, ...],
    windows: int,
    size: int,
    seed: int,
    video_share: float,
    keep_blurred: bool,
    workers: int,
    ring: bool,
    pause: float,
) -> None:
    """Makes windows of three blurred frames from the sharp photographs and videos in SOURCES, as a pool in OUT.

    SOURCES are folders or files. Over a photograph, a camera moves along a random path; of video, consecutive frames
    are averaged.
    """
    blur = changed(_with_lengths(PROFILES[profile], shortest, longest), assignments)
    try:
        options = PoolOptions(windows, size, seed, workers, detailed=not keep_blurred, video_share=video_share)
    except DataError as error:
        raise click.BadParameter(str(error), param_hint="--size") from error
    photos, videos = find_sources(sources)
    fit = fit_sources(photos, videos, size + 2 * BORDER, keep_blurred=keep_blurred, workers=workers)
    _tell_left_out(fit.left_out, len(photos) + len(videos), keep_blurred=keep_blurred)
    for name, fault in fit.notes:
        click.echo(f"{name} {fault}; what there is of it is used", err=True)
    if not fit.photos and not fit.videos:
        raise DataError("none of the sources is fit to make windows of; see the reasons above, and add sharp ones")
    counts = [count_of(len(fit.photos), "photograph")] if fit.photos else []
    counts += [count_of(len(fit.videos), "video")] if fit.videos else []
    click.echo(
        f"{' and '.join(counts)}, profile {profile}, blur {blur.shortest:g} to {blur.longest:g} pixels",
    )
    show_notes(show=lambda line: click.echo(line, err=True))
    if ring:
        made = keep_ring(fit.photos, out, blur, options, fit.videos, pause=pause)
    else:
        made = make_pool(fit.photos, out, blur, options, fit.videos)
    try:
        for done in made:
            click.echo(f"{done} of {count_of(windows, 'window')}")
    except OSError as error:
        raise OutputError(f"{out} can't be written: {error.strerror or error}; run it again to go on") from error


def _with_lengths(profile: BlurProfile, shortest: float | None, longest: float | None) -> BlurProfile:
    try:
        return replace(
            profile,
            shortest=profile.shortest if shortest is None else shortest,
            longest=profile.longest if longest is None else longest,
        )
    except DataError as error:
        raise click.BadParameter(str(error), param_hint="--shortest and --longest") from error


def _tell_left_out(left_out: list[tuple[str, str]], count: int, *, keep_blurred: bool) -> None:
    """Names what is not used, by reason: a few names of those that share one, as there may be hundreds."""
    names: dict[str, list[str]] = {}
    for name, reason in left_out:
        names.setdefault(reason, []).append(name)
    for reason, those in names.items():
        shown = ", ".join(those[:_NAMES_SHOWN]) + (
            f" and {len(those) - _NAMES_SHOWN} more" * (len(those) > _NAMES_SHOWN)
        )
        click.echo(f"left out {len(those)} of {count_of(count, 'source')}: {shown} ({reason})", err=True)
    if any("blurred" in reason or "sharp" in reason for reason in names) and not keep_blurred:
        click.echo("--keep-blurred uses blurred and upscaled sources too", err=True)
