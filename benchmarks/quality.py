"""How good weights are: real blur, synthesised blur, and the harm done to sharp pictures. Prints a markdown table.

    python benchmarks/quality.py EVAL --json quality.json

EVAL holds ``reds/SEQUENCE/blur`` and ``sharp``, and ``photos``: sharp pictures. From these, 64 pairs of 160x160 with
blur of 3 to 15 pixels are synthesised with seed 1.
"""

from __future__ import annotations

import argparse
import json
import tempfile
from dataclasses import replace
from pathlib import Path
from statistics import fmean
from typing import TYPE_CHECKING

import numpy as np
from measure import machine

from network import catalogue, weights
from network.datasets import find_pairs
from network.evaluate import CONVENTION, deblur_picture, evaluate
from network.layers import fold_for_inference
from network.metrics import psnr, ssim
from network.pairs import pictures_in, read_picture
from network.synth.pool import PoolOptions, make_pool
from network.synth.profile import PROFILES

if TYPE_CHECKING:
    from torch import nn


def real_blur(network: nn.Module, folder: Path) -> dict[str, float]:
    """Scores on the real pairs below a folder."""
    scores = list(evaluate(network, find_pairs(folder)))
    return _row(
        [score.blurred_psnr for score in scores],
        [score.psnr for score in scores],
        [score.blurred_ssim for score in scores],
        [score.ssim for score in scores],
    )


def synthesised_blur(network: nn.Module, photos: Path) -> dict[str, float]:
    """Scores on pairs made from sharp pictures."""
    profile = replace(PROFILES["handheld"], shortest=3.0, longest=15.0, untouched=0.0)
    with tempfile.TemporaryDirectory() as name:
        for _ in make_pool(pictures_in(photos), Path(name), profile, PoolOptions(pairs=64, size=160, seed=1)):
            pass
        pairs = np.load(Path(name) / "pairs_0000000.npy")
    triples = [(blurred, deblur_picture(network, blurred), sharp) for blurred, sharp in pairs]
    return _row(
        [psnr(blurred, sharp) for blurred, _, sharp in triples],
        [psnr(result, sharp) for _, result, sharp in triples],
        [ssim(blurred, sharp) for blurred, _, sharp in triples],
        [ssim(result, sharp) for _, result, sharp in triples],
    )


def harm_to_sharp(network: nn.Module, photos: Path) -> dict[str, float]:
    """PSNR of sharp pictures against themselves after the network."""
    scores = [psnr(picture, deblur_picture(network, picture)) for picture in map(read_picture, pictures_in(photos))]
    return {"images": len(scores), "mean": fmean(scores), "worst": min(scores)}


def _row(
    blurred: list[float], result: list[float], blurred_ssim: list[float], result_ssim: list[float]
) -> dict[str, float]:
    gains = [after - before for before, after in zip(blurred, result, strict=True)]
    return {
        "images": len(gains),
        "blurred_psnr": fmean(blurred),
        "psnr": fmean(result),
        "gain": fmean(gains),
        "worst_gain": min(gains),
        "made_worse": sum(gain < 0 for gain in gains),
        "blurred_ssim": fmean(blurred_ssim),
        "ssim": fmean(result_ssim),
    }


def main() -> None:
    """Measures, prints, and writes JSON."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("folder", type=Path)
    parser.add_argument("--weights", type=Path, help="a .safetensors file (default: the shipped one)")
    parser.add_argument("--json", type=Path, help="write the result here")
    arguments = parser.parse_args()
    file = arguments.weights or catalogue.weights_file(catalogue.DEFAULT)
    if file is None:
        raise SystemExit("no weights come with this checkout; give --weights")
    network, header = weights.load(file)
    fold_for_inference(network)
    rows = {
        "REDS, real blur": real_blur(network, arguments.folder / "reds"),
        "photos, synthesised blur of 3 to 15 pixels": synthesised_blur(network, arguments.folder / "photos"),
    }
    harm = harm_to_sharp(network, arguments.folder / "photos")
    print("| set | images | blurred PSNR | PSNR | gain | worst gain | made worse | blurred SSIM | SSIM |")
    print("|---|---:|---:|---:|---:|---:|---:|---:|---:|")
    for name, row in rows.items():
        print(
            f"| {name} | {row['images']} | {row['blurred_psnr']:.2f} | {row['psnr']:.2f} | {row['gain']:+.2f} "
            f"| {row['worst_gain']:+.2f} | {row['made_worse']} | {row['blurred_ssim']:.4f} | {row['ssim']:.4f} |"
        )
    print(
        f"\n{harm['images']} sharp photographs come out with {harm['mean']:.1f} dB against themselves, "
        f"the worst with {harm['worst']:.1f} dB.\n\n{CONVENTION}. Weights {header.digest[:12]}."
    )
    if arguments.json:
        found = {"weights": header.digest, "sets": rows, "sharp": harm, "machine": machine()}
        arguments.json.write_text(json.dumps(found, indent=2) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
