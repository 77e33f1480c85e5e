"""`deblur train`: trains a network on pools of pairs."""

from __future__ import annotations

import ast
from dataclasses import fields, replace
from pathlib import Path
from typing import Any

import click
from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn

from network.pool import Pool
from network.presets import PRESETS, Preset
from network.train import WEIGHTS, train

SMOOTHING = 0.98


def _changed(preset: Preset, assignments: tuple[str, ...]) -> Preset:
    """The preset with ``name=value`` changes; values are Python literals, or plain words."""
    kinds = {field.name: type(getattr(preset, field.name)) for field in fields(preset)}
    changes: dict[str, Any] = {}
    for assignment in assignments:
        name, equals, text = assignment.partition("=")
        if not equals or name not in kinds:
            raise click.BadParameter(
                f"{assignment!r} is not NAME=VALUE with a NAME of {', '.join(kinds)}", param_hint="--set"
            )
        try:
            value = ast.literal_eval(text)
        except (ValueError, SyntaxError):
            value = text
        if kinds[name] is float and isinstance(value, int):
            value = float(value)
        if not isinstance(value, kinds[name]):
            raise click.BadParameter(f"{name} is a {kinds[name].__name__}, not {text!r}", param_hint="--set")
        changes[name] = value
    return replace(preset, **changes)


@click.command(name="train")
@click.argument("pools", nargs=-1, required=True, type=click.Path(path_type=Path, exists=True, file_okay=False))
@click.argument("run", type=click.Path(path_type=Path))
@click.option("--preset", type=click.Choice(sorted(PRESETS)), default="idc-rt", show_default=True, help="The recipe.")
@click.option("--set", "assignments", multiple=True, metavar="NAME=VALUE", help="Change a field of the recipe.")
@click.option("--from", "start_from", type=click.Path(path_type=Path), help="Weights to start from.")
@click.option("--device", default="cpu", show_default=True, help="A torch device.")
def train_command(
    pools: tuple[Path, ...],
    run: Path,
    *,
    preset: str,
    assignments: tuple[str, ...],
    start_from: Path | None,
    device: str,
) -> None:
    """Trains on POOLS (made by `deblur synth`) in the folder RUN; run it again to go on where it stopped."""
    recipe = _changed(PRESETS[preset], assignments)
    columns = (
        TextColumn("step {task.completed} of {task.total}"),
        BarColumn(),
        TextColumn("loss {task.fields[loss]:.4f}  {task.fields[rate]:.0f} images/s  data wait {task.fields[wait]:.1%}"),
        TimeRemainingColumn(),
    )
    console = Console(stderr=True)
    loss, first = 0.0, None
    with Progress(*columns, console=console, disable=not console.is_terminal) as bar:
        task = bar.add_task("train", total=recipe.steps, loss=0.0, rate=0.0, wait=0.0)
        for state in train(recipe, Pool(list(pools)), run, start_from=start_from, device=device):
            first = state.step - 1 if first is None else first
            loss = state.loss if loss == 0 else SMOOTHING * loss + (1 - SMOOTHING) * state.loss
            rate = (state.step - first) * recipe.batch / state.elapsed
            wait = state.waited / state.elapsed
            bar.update(task, completed=state.step, loss=loss, rate=rate, wait=wait)
            if not console.is_terminal and state.step % 100 == 0:
                console.print(
                    f"step {state.step} of {recipe.steps}: loss {loss:.4f}, {rate:.0f} images/s, data wait {wait:.1%}"
                )
    click.echo(f"weights: {run / WEIGHTS}")
