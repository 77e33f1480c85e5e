"""`deblur evaluate`: scores weights on pairs of blurred and sharp pictures."""

from __future__ import annotations

from dataclasses import asdict
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING

import click
import torch

from network import catalogue, weights
from network.data.datasets import AUTO, LAYOUTS, find_pairs
from network.evaluation.evaluate import Candidate, Sample, deblur_samples, pool_samples, read_samples
from network.evaluation.scoreboard import Scoreboard, markdown, write_scores
from network.evaluation.tiles import Tiling
from network.files import write_text
from network.models.layers import fold_for_inference
from network.training.pool import Pool, holds_pool
from pipeline.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Iterator

NAME_DIGITS = 12


@click.command(name="evaluate")
@click.argument("folder", type=click.Path(path_type=Path, exists=True, file_okay=False))
@click.option(
    "--weights",
    "files",
    multiple=True,
    type=click.Path(path_type=Path),
    help="A .safetensors file; may be given several times (default: shipped).",
)
@click.option(
    "--layout",
    type=click.Choice([AUTO, *LAYOUTS]),
    default=AUTO,
    show_default=True,
    help="How FOLDER is laid out.",
)
@click.option("--split", default="", metavar="NAME", help="Only pairs below a folder of this name, such as test.")
@click.option("--video", is_flag=True, help="Also measure how steady sequences are: the flow-warping error.")
@click.option("--tile", type=click.IntRange(min=1), metavar="PIXELS", help="Give the network squares of this side.")
@click.option(
    "--tile-margin",
    type=click.IntRange(min=0),
    default=64,
    show_default=True,
    metavar="PIXELS",
    help="What a tile sees beyond its own part; from 203 on, tiles change nothing for idc-rt.",
)
@click.option("--device", default="cpu", show_default=True, help="A torch device, such as cuda.")
@click.option("--out", type=click.Path(path_type=Path), help="Folder for scores.csv, scores.json and scores.md.")
def evaluate_command(
    folder: Path,
    *,
    files: tuple[Path, ...],
    layout: str,
    split: str,
    video: bool,
    tile: int | None,
    tile_margin: int,
    device: str,
    out: Path | None,
) -> None:
    """Scores networks on FOLDER: pairs of blurred and sharp pictures, as data sets lay them out, or a pool of pairs.

    Prints a line an image, and a table. Times are those of the network alone.
    """
    _check_device(device)
    tiling = None if tile is None else Tiling(tile, tile_margin)
    samples = _samples(folder, layout, split, video=video)
    candidates, origins = _load(files, device)
    board = Scoreboard(candidates, video=video)
    for result in deblur_samples(candidates, samples, device, tiling):
        for score in board.add(result):
            click.echo(
                f"{score.name}: {score.blurred_psnr:.2f} -> {score.psnr:.2f} dB ({score.gain:+.2f}), "
                f"SSIM {score.blurred_ssim:.4f} -> {score.ssim:.4f}"
                + (f", {score.candidate}" if len(candidates) > 1 else "")
            )
    caption = f"{folder.resolve().name}: {board.images} images, {device}"
    if tiling is not None:
        caption += f", tiles of {tiling.size} with margins of {tiling.margin}"
    table = markdown(board.rows(), caption)
    click.echo("\n" + table)
    for origin in origins:
        click.echo(f"{origin['name']}: {origin['file']}, options {origin['options']}")
    if out is not None:
        facts = {
            "folder": folder.resolve().name,
            "device": device,
            "tiling": None if tiling is None else asdict(tiling),
            "networks": origins,
        }
        write_scores(board, out, facts)
        write_text(out / "scores.md", table)


def _samples(folder: Path, layout: str, split: str, *, video: bool) -> Iterator[Sample]:
    if layout == AUTO and holds_pool(folder):
        if video or split:
            raise UsageError(f"{folder} is a pool of pairs, without sequences or splits; leave out --video and --split")
        return pool_samples(Pool([folder]))
    pairs = find_pairs(folder, layout, split=split)
    if video and not any(pair.sequence and pair.sequence == later.sequence for pair, later in pairwise(pairs)):
        raise UsageError(f"--video needs frames that follow each other, and {folder} holds none; leave it out")
    return read_samples(pairs)


def _check_device(device: str) -> None:
    try:
        torch.empty(0, device=device)
    except (RuntimeError, AssertionError) as error:  # a name that torch knows, without the device or its support
        reason = str(error).splitlines()[0]
        raise UsageError(f"torch can't use the device {device!r} here ({reason}); give --device cpu") from error


def _load(files: tuple[Path, ...], device: str) -> tuple[list[Candidate], list[dict[str, object]]]:
    """The networks, and for each what it is and where it comes from."""
    shipped = catalogue.weights_file(catalogue.DEFAULT)
    if not files and shipped is None:
        raise UsageError("no weights come with this installation; give --weights FILE.safetensors")
    candidates: list[Candidate] = []
    origins: list[dict[str, object]] = []
    for file in files or (shipped,):
        assert file is not None, "refused above"
        network, header = weights.load(file)
        name = f"{header.network} {header.digest[:NAME_DIGITS]}"
        if name in {candidate.name for candidate in candidates}:
            raise UsageError(f"{file} holds the same weights as another file that was given; give each once")
        candidates.append(Candidate(name, fold_for_inference(network).to(device)))
        origin: dict[str, object] = {
            "name": name,
            "file": file.name,
            "network": header.network,
            "options": header.options,
        }
        origins.append(origin | {"digest": header.digest})
    return candidates, origins
