"""`deblur evaluate`: scores weights on pairs of blurred and sharp pictures."""

from __future__ import annotations

from pathlib import Path

import click

from network import catalogue, weights
from network.datasets import find_pairs
from network.evaluate import Score, evaluate, markdown, write_scores
from network.layers import fold_for_inference
from pipeline.errors import UsageError


@click.command(name="evaluate")
@click.argument("folder", type=click.Path(path_type=Path, exists=True, file_okay=False))
@click.option(
    "--weights",
    "weights_file",
    type=click.Path(path_type=Path),
    help="A .safetensors file (default: shipped).",
)
@click.option("--device", default="cpu", show_default=True, help="A torch device.")
@click.option("--out", type=click.Path(path_type=Path), help="Folder for scores.csv and scores.json.")
def evaluate_command(folder: Path, weights_file: Path | None, device: str, out: Path | None) -> None:
    """Scores a network on FOLDER, which holds blur/ and sharp/ at any depth."""
    shipped = catalogue.weights_file(catalogue.DEFAULT)
    if (chosen := weights_file or shipped) is None:
        raise UsageError("no weights come with this installation; give --weights FILE.safetensors")
    network, header = weights.load(chosen)
    network = fold_for_inference(network).to(device)
    scores: list[Score] = []
    for score in evaluate(network, find_pairs(folder), device):
        scores.append(score)
        click.echo(
            f"{score.name}: {score.blurred_psnr:.2f} -> {score.psnr:.2f} dB ({score.gain:+.2f}), "
            f"SSIM {score.blurred_ssim:.4f} -> {score.ssim:.4f}"
        )
    click.echo(f"\n{header.network}, weights {header.digest[:12]}\n\n{markdown(scores, folder.name)}")
    if out is not None:
        write_scores(scores, out)
