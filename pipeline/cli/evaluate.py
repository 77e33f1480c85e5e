"""`deblur evaluate`: scores weights on pairs of blurred and sharp pictures, and on sequences of them."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING, cast

import click
import torch

from network import catalogue, weights
from network.data.datasets import AUTO, LAYOUTS, find_pairs
from network.errors import first_line
from network.evaluation.evaluate import Candidate, Sample, deblur_samples, pool_samples, read_samples
from network.evaluation.runners import Neighbours
from network.evaluation.scoreboard import Scoreboard, markdown, write_scores
from network.evaluation.tiles import Tiling
from network.evaluation.windows import deblur_windows
from network.files import write_text
from network.models.layers import fold_for_inference
from network.training.pool import Pool, holds_pool
from network.training.windows import WindowPool, holds_windows
from pipeline.engines.load import load_engine
from pipeline.engines.precision import PRECISIONS
from pipeline.engines.registry import engine_names
from pipeline.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from pipeline.runner.protocols import WindowEngine

NAME_DIGITS = 12


@dataclass(frozen=True, slots=True)
class _Origin:
    """Where a candidate comes from, as the files say it."""

    name: str
    file: str
    network: str
    digest: str
    options: dict[str, object] | None = None
    backend: str | None = None
    precision: str | None = None

    def __str__(self) -> str:
        if self.options is None:
            return f"{self.name}: {self.file}, {self.backend}, {self.precision}"
        return f"{self.name}: {self.file}, options {self.options}"


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
@click.option("--singles", is_flag=True, help="Take each frame of a sequence for a picture without neighbours.")
@click.option(
    "--video", is_flag=True, help="Also measure how steady sequences are: the flow-warping error, and flicker."
)
@click.option(
    "--engine",
    type=click.Choice(engine_names()),
    help="Score what this engine makes of the weights, which may then be any file that it reads (default: PyTorch).",
)
@click.option(
    "--precision",
    "precisions",
    multiple=True,
    type=click.Choice(PRECISIONS),
    help="The engine's arithmetic; given several times, each is a row.",
)
@click.option(
    "--tile", type=click.IntRange(min=1), metavar="PIXELS", help="Give a network of RGB squares of this side."
)
@click.option(
    "--tile-margin",
    type=click.IntRange(min=0),
    default=64,
    show_default=True,
    metavar="PIXELS",
    help="What a tile sees beyond its own part.",
)
@click.option("--device", default="cpu", show_default=True, help="A torch device, such as cuda.")
@click.option("--out", type=click.Path(path_type=Path), help="Folder for scores.csv, scores.json and scores.md.")
def evaluate_command(
    folder: Path,
    *,
    files: tuple[Path, ...],
    layout: str,
    split: str,
    singles: bool,
    video: bool,
    engine: str | None,
    precisions: tuple[str, ...],
    tile: int | None,
    tile_margin: int,
    device: str,
    out: Path | None,
) -> None:
    """Scores networks on FOLDER: pairs of blurred and sharp pictures, as data sets lay them out, or a pool of training.

    A network over time sees the frames of a sequence with their neighbours, in the order of their names.

    Prints a line an image, and a table.
    """
    on_engine = engine is not None or bool(precisions)
    if on_engine and (tile is not None or device != "cpu"):
        raise UsageError("an engine has a device of its own, and no tiles; leave out --device and --tile")
    _check_device(device)
    tiling = None if tile is None else Tiling(tile, tile_margin)
    windows = _windows(folder, layout, split, video=video, tile=tile)
    samples = iter(()) if windows else _samples(folder, layout, split, video=video)
    if on_engine:
        candidates, origins = _engines(files, engine or AUTO, precisions or (AUTO,))
    else:
        candidates, origins = _networks(files, device)
    board = Scoreboard(candidates, video=video)
    neighbours = Neighbours.NONE if singles else Neighbours.BOTH
    results = (
        deblur_windows(candidates, windows, device, neighbours)
        if windows
        else deblur_samples(candidates, samples, device, tiling, neighbours)
    )
    for result in results:
        for score in board.add(result):
            click.echo(
                f"{score.name}: {score.blurred_psnr:.2f} -> {score.psnr:.2f} dB ({score.gain:+.2f}), "
                f"detail {score.detail_gain:+.2f}, SSIM {score.blurred_ssim:.4f} -> {score.ssim:.4f}"
                + (f", {score.candidate}" if len(candidates) > 1 else "")
            )
    caption = f"{folder.resolve().name}: {board.images} images, {_seen(board, neighbours)}, {engine or device}"
    if tiling is not None:
        caption += f", tiles of {tiling.size} with margins of {tiling.margin}"
    table = markdown(board.rows(), caption)
    click.echo("\n" + table)
    for origin in origins:
        click.echo(str(origin))
    if out is not None:
        facts = {
            "folder": folder.resolve().name,
            "neighbours": str(neighbours),
            "device": None if on_engine else device,
            "tiling": None if tiling is None else asdict(tiling),
            "networks": [asdict(origin) for origin in origins],
        }
        write_scores(board, out, facts)
        write_text(out / "scores.md", table)


def _seen(board: Scoreboard, neighbours: Neighbours) -> str:
    """What the networks saw beside each image."""
    if all(score.frames == 1 for score in board.scores):
        return "each by itself"
    sequences = len({score.sequence for score in board.scores if score.sequence})
    if not sequences:
        return f"windows, each frame with its neighbours ({neighbours})"
    return f"{sequences} sequences, each frame with its neighbours ({neighbours})"


def _windows(folder: Path, layout: str, split: str, *, video: bool, tile: int | None) -> WindowPool | None:
    """The pool of windows that a folder is; None for another folder."""
    if layout != AUTO or not holds_windows(folder):
        return None
    if video or split or tile is not None:
        raise UsageError(f"{folder} is a pool of windows; leave out --video, --split and --tile")
    return WindowPool([folder])


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
        raise UsageError(
            f"torch can't use the device {device!r} here ({first_line(error)}); give --device cpu"
        ) from error


def _networks(files: tuple[Path, ...], device: str) -> tuple[list[Candidate], list[_Origin]]:
    """The networks in PyTorch, and for each what it is and where it comes from."""
    shipped = catalogue.weights_file(catalogue.DEFAULT)
    if not files and shipped is None:
        raise UsageError("no weights come with this installation; give --weights FILE.safetensors")
    candidates: list[Candidate] = []
    origins: list[_Origin] = []
    for file in files or (shipped,):
        assert file is not None, "refused above"
        network, header = weights.load(file)
        name = f"{header.network} {header.digest[:NAME_DIGITS]}"
        _check_new(name, candidates, file)
        candidates.append(Candidate(name, fold_for_inference(network).to(device)))
        origins.append(_Origin(name, file.name, header.network, header.digest, header.options))
    return candidates, origins


def _engines(
    files: tuple[Path, ...], engine: str, precisions: tuple[str, ...]
) -> tuple[list[Candidate], list[_Origin]]:
    """The weights in an engine, in every precision, and for each what it is and where it comes from."""
    candidates: list[Candidate] = []
    origins: list[_Origin] = []
    for file in files or (None,):
        for precision in precisions:
            loaded = load_engine(engine, weights=file, precision=precision)
            info = loaded.info
            name = f"{info.network} {info.digest[:NAME_DIGITS]} {info.precision}"
            _check_new(name, candidates, file or precision)
            candidates.append(Candidate(name, cast("WindowEngine", loaded)))
            said = "shipped" if file is None else file.name
            origins.append(
                _Origin(name, said, info.network, info.digest, backend=info.backend, precision=info.precision)
            )
    return candidates, origins


def _check_new(name: str, candidates: list[Candidate], given: object) -> None:
    if name in {candidate.name for candidate in candidates}:
        raise UsageError(f"{given} means the same weights as another that was given; give each once")
