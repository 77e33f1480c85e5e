"""`deblur train`: trains a network on pools of pairs."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click
from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn

from network.training.checkpoint import step_of
from network.training.distributed import Processes, joined
from network.training.loop import CHECKPOINT, WEIGHTS, train
from network.training.pool import Pool
from network.training.recipes import PRESETS, Preset
from network.training.tensorboard import TensorBoardOptions
from pipeline.cli.notes import show_notes
from pipeline.cli.types import changed

if TYPE_CHECKING:
    from collections.abc import Iterator

    from network.training.step import Progress as TrainingProgress

SMOOTHING = 0.98


@click.command(name="train")
@click.argument("pools", nargs=-1, required=True, type=click.Path(path_type=Path, exists=True, file_okay=False))
@click.argument("run", type=click.Path(path_type=Path))
@click.option("--preset", type=click.Choice(sorted(PRESETS)), default="idc-rt", show_default=True, help="The recipe.")
@click.option("--set", "assignments", multiple=True, metavar="NAME=VALUE", help="Change a field of the recipe.")
@click.option("--from", "start_from", type=click.Path(path_type=Path), help="Weights to start from.")
@click.option("--device", default="cpu", show_default=True, help="A torch device.")
@click.option(
    "--checkpoint-minutes", type=click.FloatRange(min=0), default=10.0, show_default=True, help="Time between states."
)
@click.option("--tensorboard/--no-tensorboard", default=True, show_default=True, help="Write curves and pictures.")
@click.option(
    "--validation",
    type=click.Path(path_type=Path, exists=True, file_okay=False),
    help="A pool whose pairs TensorBoard shows (default: of POOLS).",
)
@click.option(
    "--image-minutes", type=click.FloatRange(min=0), default=10.0, show_default=True, help="Time between pictures."
)
def train_command(
    pools: tuple[Path, ...],
    run: Path,
    *,
    preset: str,
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
    recipe = changed(PRESETS[preset], assignments)
    shown = None
    if tensorboard:
        shown = TensorBoardOptions(Pool([validation]) if validation else None, image_minutes=image_minutes)
    console = Console(stderr=True)
    with joined(device) as (processes, own_device):
        console.quiet = not processes.leads
        show_notes(show=lambda line: console.print(line, markup=False, highlight=False, soft_wrap=True))
        steps = train(
            recipe,
            Pool(list(pools)),
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


def _way_on(run: Path, recipe: Preset) -> str:
    if not (run / CHECKPOINT).exists():
        return "that was before the first step: run the same command again"
    step = step_of(run / CHECKPOINT)
    return f"{run} holds the state after step {step} of {recipe.steps}: run the same command again to go on"


def _show(steps: Iterator[TrainingProgress], recipe: Preset, console: Console) -> TrainingProgress | None:
    """Trains to the end with a progress bar, or with a line every hundred steps where there is no terminal.

    Returns:
        The last step's progress; None if there was nothing left to do.
    """
    columns = (
        TextColumn("step {task.completed} of {task.total}"),
        BarColumn(),
        TextColumn(
            "loss {task.fields[loss]:.4f}  {task.fields[rate]:.0f} images/s  data wait {task.fields[wait]:.1%}  left"
        ),
        TimeRemainingColumn(),
    )
    state: TrainingProgress | None = None
    loss, first = 0.0, None
    with Progress(*columns, console=console, disable=not console.is_terminal or console.quiet) as bar:
        task = bar.add_task("train", total=recipe.steps, loss=0.0, rate=0.0, wait=0.0)
        for state in steps:
            if first is None:
                first = state.step - 1
                bar.reset(task, completed=first)  # so that the speed is not that of earlier starts
            loss = state.loss if loss == 0 else SMOOTHING * loss + (1 - SMOOTHING) * state.loss
            rate = (state.step - first) * recipe.batch / state.elapsed
            wait = state.waited / state.elapsed
            bar.update(task, completed=state.step, loss=loss, rate=rate, wait=wait)
            if not console.is_terminal and state.step % 100 == 0:
                console.print(
                    f"step {state.step} of {recipe.steps}: loss {loss:.4f}, {rate:.0f} images/s, data wait {wait:.1%}",
                    soft_wrap=True,
                )
    return state


def _summarise(last: TrainingProgress | None, run: Path, processes: Processes) -> None:
    if last is not None:
        by = f" by {processes.count} processes" if processes.count > 1 else ""
        click.echo(
            f"{last.step} steps done{by}; {last.waited / last.elapsed:.1%} of the time went into waiting for data"
        )
    click.echo(f"weights: {run / WEIGHTS}")
