"""Scores a network on pairs by the field's conventions."""

from __future__ import annotations

import csv
import json
import time
from dataclasses import asdict, dataclass, fields
from statistics import fmean
from typing import TYPE_CHECKING

import torch

from network.metrics import psnr, ssim
from network.pairs import read_pair

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence
    from pathlib import Path

    import numpy as np
    from numpy.typing import NDArray
    from torch import nn

    from network.pairs import Pair

CONVENTION = (
    "PSNR over RGB of the 8-bit rounded result, SSIM with gaussian weights (sigma 1.5, 11x11, sample covariance off), "
    "no crop, means over images"
)


@dataclass(frozen=True, slots=True)
class Score:
    """One picture's figures.

    Attributes:
        name: Of the pair.
        blurred_psnr: Of the input against the ground truth, in dB.
        psnr: Of the result, in dB.
        blurred_ssim: Of the input.
        ssim: Of the result.
        seconds: Time of the network alone.
    """

    name: str
    blurred_psnr: float
    psnr: float
    blurred_ssim: float
    ssim: float
    seconds: float

    @property
    def gain(self) -> float:
        """PSNR won by the network, in dB."""
        return self.psnr - self.blurred_psnr


def deblur_picture(network: nn.Module, picture: NDArray[np.uint8], device: str = "cpu") -> NDArray[np.uint8]:
    """One picture through a network, rounded to 8 bits.

    Args:
        network: In evaluation mode, on ``device``.
        picture: RGB, uint8 (H, W, 3).
        device: A torch device.

    Returns:
        RGB, uint8 (H, W, 3).
    """
    image = torch.from_numpy(picture).to(device).permute(2, 0, 1)[None].float() / 255
    with torch.inference_mode():
        result = network(image)[0].permute(1, 2, 0)
    codes: NDArray[np.uint8] = (result * 255).round().clamp(0, 255).to(torch.uint8).cpu().numpy()
    return codes


def evaluate(network: nn.Module, pairs: Iterable[Pair], device: str = "cpu") -> Iterator[Score]:
    """Scores a network picture by picture.

    Args:
        network: In evaluation mode, on ``device``.
        pairs: What to score it on.
        device: A torch device.

    Yields:
        One score a pair.

    Raises:
        DataError: If a pair can't be read.
    """
    for pair in pairs:
        blurred, sharp = read_pair(pair)
        begun = time.perf_counter()
        result = deblur_picture(network, blurred, device)
        seconds = time.perf_counter() - begun
        yield Score(
            pair.name,
            psnr(blurred, sharp),
            psnr(result, sharp),
            ssim(blurred, sharp),
            ssim(result, sharp),
            seconds,
        )


def mean(scores: Sequence[Score]) -> Score:
    """The mean of every figure, named ``mean``."""
    columns = [field.name for field in fields(Score) if field.name != "name"]
    return Score("mean", *(fmean(getattr(score, column) for score in scores) for column in columns))


def markdown(scores: Sequence[Score], title: str) -> str:
    """One row of a table like the paper's Table 2, with its heading and the convention below."""
    total = mean(scores)
    worst = min(score.gain for score in scores)
    return (
        "| set | images | blurred PSNR | PSNR | gain | worst gain | blurred SSIM | SSIM | s/image |\n"
        "|---|---:|---:|---:|---:|---:|---:|---:|---:|\n"
        f"| {title} | {len(scores)} | {total.blurred_psnr:.2f} | {total.psnr:.2f} | {total.gain:+.2f} | {worst:+.2f} "
        f"| {total.blurred_ssim:.4f} | {total.ssim:.4f} | {total.seconds:.3f} |\n\n{CONVENTION}.\n"
    )


def write_scores(scores: Sequence[Score], out: Path) -> None:
    """Writes ``scores.csv`` (a row a picture) and ``scores.json`` (with the mean) into a folder."""
    out.mkdir(parents=True, exist_ok=True)
    rows = [asdict(score) | {"gain": score.gain} for score in scores]
    with (out / "scores.csv").open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, rows[0].keys())
        writer.writeheader()
        writer.writerows(rows)
    total = mean(scores)
    summary = {"convention": CONVENTION, "mean": asdict(total) | {"gain": total.gain}, "images": rows}
    (out / "scores.json").write_text(json.dumps(summary, indent=1), encoding="utf-8")
