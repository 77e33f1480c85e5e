"""`deblur train`: trains a network on pools of windows or pairs."""

from __future__ import annotations

import math
from dataclasses import fields, replace
from pathlib import Path
from typing import TYPE_CHECKING

import click
from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn

from network.models import registry
from network.training.checkpoint import patches_of
from network.training.distributed import Processes, joined
from network.training.loop import CHECKPOINT, WEIGHTS, train
from network.training.recipes import PRESETS, Preset
from network.training.start import open_pool
from network.training.tensorboard import TensorBoardOptions
from pipeline.cli.groups import OutputLast
from pipeline.cli.notes import show_notes
from pipeline.cli.types import changed, literal

if TYPE_CHECKING:
    from collections.abc import Iterator

    from network.training.step import Progress as TrainingProgress

SMOOTHING = 0.98

DEFAULT = "idc-video"


@click.command(name="train", cls=OutputLast)
@click.argument("pools", nargs=-1, required=True, type=click.Path(path_type=Path, exists=True, file_okay=False))
@click.argument("run", type=click.Path(path_type=Path))
@click.option("--preset", type=click.Choice(sorted(PRESETS)), default=DEFAULT, show_default=True, help="The recipe.")
@click.option("--until", type=click.IntRange(1), metavar="PATCHES", help="End after so many patches over all runs.")
@click.option(
    "--fall-from",
    type=click.IntRange(0),
    metavar="PATCHES",
    help="Lower the learning rate from so many patches over all runs on (default: in proportion to --until).",
)
@click.option(
    "--set",
    "assignments",
    multiple=True,
    metavar="NAME=VALUE",
    help="Change a field of the recipe, or an option of its network, such as frames=1.",
)
@click.option("--from", "start_from", type=click.Path(path_type=Path), help="Weights to start from.")
@click.option("--device", default="cpu", show_default=True, help="A torch device.")
@click.option(
    "--checkpoint-minutes", type=click.FloatRange(min=0), default=10.0, show_default=True, help="Time between states."
)
@click.option("--tensorboard/--no-tensorboard", default=True, show_default=True, help="Write curves and pictures.")
@click.option(
    "--validation",
    type=click.Path(path_type=Path, exists=True, file_okay=False),
    help="A pool that TensorBoard shows patches of (default: of POOLS).",
)
@click.option(
    "--image-minutes", type=click.FloatRange(min=0), default=10.0, show_default=True, help="Time between pictures."
)
def train_command(
    pools: tuple[Path, ...],
    run: Path,
    *,
    preset: str,
    until: int | None,
    fall_from: int | None,
    assignments: tuple[str, ...],
    start_from: Path | None,
    device: str,
    checkpoint_minutes: float,
    tensorboard: bool,
    validation: Path | None,
    image_minutes: float,
) -> None:
    """Trains on POOLS (made by `deblur synth` or `deblur pack`) in the folder RUN.

    Run it again to go on where it stopped: at its end, by Ctrl-C, or by a power cut. `torchrun --nproc-per-node N -m
    pipeline.cli train ...` spreads each batch over N processes.
    """
    recipe = _recipe(PRESETS[preset], until, fall_from, assignments)
    shown = None
    if tensorboard:
        shown = TensorBoardOptions(open_pool(recipe, [validation]) if validation else None, image_minutes=image_minutes)
    console = Console(stderr=True)
    with joined(device) as (processes, own_device):
        console.quiet = not processes.leads
        show_notes(show=lambda line: console.print(line, markup=False, highlight=False, soft_wrap=True))
        steps = train(
            recipe,
            open_pool(recipe, pools),
            run,
            start_from=start_from,
            device=own_device,
            checkpoint_every=60 * checkpoint_minutes,
            processes=processes,
            tensorboard=shown,
        )
        try:
            last = _show(steps, recipe, console)
        except KeyboardInterrupt as error:
            if not processes.leads:
                return
            error.add_note(_way_on(run, recipe))
            raise
    if processes.leads:
        _summarise(last, run, processes)


def _recipe(preset: Preset, until: int | None, fall_from: int | None, assignments: tuple[str, ...]) -> Preset:
    """The preset with what the command line changes; a name that the recipe has not may be an option of its network."""
    names = [field.name for field in fields(preset)]
    recipe = changed(preset, tuple(text for text in assignments if text.partition("=")[0] in names))
    options = registry.option_names(recipe.network)
    for text in assignments:
        name, equals, value = text.partition("=")
        if name in options and equals:
            recipe = replace(recipe, options=recipe.options | {name: literal(value)})
        elif name not in names:
            raise click.BadParameter(
                f"{text!r} is not NAME=VALUE with a NAME of {', '.join((*names, *sorted(options)))}", param_hint="--set"
            )
    if until is not None:
        recipe = replace(recipe, until=until, fall_from=recipe.fall_from * until // recipe.until)
    return recipe if fall_from is None else replace(recipe, fall_from=fall_from)


def _way_on(run: Path, recipe: Preset) -> str:
    if not (run / CHECKPOINT).exists():
        return "that was before the first step: run the same command again"
    seen = patches_of(run / CHECKPOINT)
    return f"{run} holds the state after {seen} of {recipe.until} patches: run the same command again to go on"


def _show(steps: Iterator[TrainingProgress], recipe: Preset, console: Console) -> TrainingProgress | None:
    """Trains to the end with a progress bar, or with a line every hundred steps where there is no terminal.

    Returns:
        The last step's progress; None if there was nothing left to do.
    """
    columns = (
        TextColumn("{task.completed} of {task.total} patches"),
        BarColumn(),
        TextColumn(
            "gain {task.fields[gain]:.2f} dB  {task.fields[rate]:.0f} patches/s  "
            "data wait {task.fields[wait]:.1%}  left"
        ),
        TimeRemainingColumn(),
    )
    state: TrainingProgress | None = None
    gain, first = math.nan, None
    with Progress(*columns, console=console, disable=not console.is_terminal or console.quiet) as bar:
        task = bar.add_task("train", total=recipe.until, gain=gain, rate=0.0, wait=0.0)
        for state in steps:
            if first is None:
                first = state.patches - recipe.batch
                bar.reset(task, completed=first)  # so that the speed is not that of earlier starts
            if math.isfinite(state.gain):
                gain = SMOOTHING * gain + (1 - SMOOTHING) * state.gain if math.isfinite(gain) else state.gain
            rate, wait = (state.patches - first) / state.elapsed, state.waited / state.elapsed
            bar.update(task, completed=state.patches, gain=gain, rate=rate, wait=wait)
            if not console.is_terminal and state.step % 100 == 0:
                console.print(
                    f"{state.patches} of {recipe.until} patches: gain {gain:.2f} dB, {rate:.0f} patches/s, "
                    f"data wait {wait:.1%}",
                    soft_wrap=True,
                )
    return state


def _summarise(last: TrainingProgress | None, run: Path, processes: Processes) -> None:
    if last is not None:
        by = f" by {processes.count} processes" if processes.count > 1 else ""
        click.echo(
            f"{last.step} steps done{by}, {last.patches} patches over all runs; "
            f"{last.waited / last.elapsed:.1%} of the time went into waiting for data"
        )
    click.echo(f"weights: {run / WEIGHTS}")
