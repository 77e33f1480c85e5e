"""How good weights are: real blur, synthesised blur, and the harm done to sharp pictures. Prints a markdown table.

    python benchmarks/quality.py EVAL --json quality.json

EVAL holds ``reds/SEQUENCE/blur`` and ``sharp``, and ``photos``: sharp pictures. From these, 64 pairs with blur
of 3 to 15 pixels are synthesised as by ``deblur synth --pairs 64 --seed 1 --set shortest=3 --set longest=15 --set
untouched=0``; ``--seed`` makes others.
"""

from __future__ import annotations

import argparse
import tempfile
from dataclasses import replace
from pathlib import Path
from statistics import fmean
from typing import TYPE_CHECKING, Any

import numpy as np

from network import catalogue, weights
from network.data.datasets import find_pairs
from network.data.pairs import pictures_in, read_picture
from network.evaluation.evaluate import (
    CONVENTION,
    Candidate,
    deblur_picture,
    deblur_samples,
    pool_samples,
    read_samples,
)
from network.evaluation.metrics import psnr
from network.evaluation.scoreboard import WARPING, Scoreboard
from network.files import write_json
from network.models.layers import fold_for_inference
from network.synth.make_pool import PoolOptions, make_pool
from network.synth.profile import PROFILES
from network.training.pool import Pool
from pipeline.system.machine import describe

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from numpy.typing import NDArray
    from torch import nn

    from network.evaluation.evaluate import Sample
    from network.synth.profile import BlurProfile

    Picture = NDArray[np.uint8]

SYNTHESISED = PoolOptions(pairs=64, seed=1)
LARGE = 100
"""Wavelength in pixels above which an error is one of brightness rather than of sharpness."""
HARMLESS = 40
"""PSNR in dB that a sharp picture should have against itself after the network."""
HEADINGS = {
    "images": "{}",
    "blurred_psnr": "{:.2f}",
    "psnr": "{:.2f}",
    "gain": "{:+.2f}",
    "worst_gain": "{:+.2f}",
    "made_worse": "{}",
    "blurred_ssim": "{:.4f}",
    "ssim": "{:.4f}",
}


def made_pairs(photos: Path, profile: BlurProfile, options: PoolOptions) -> Iterator[Sample]:
    """Pairs made from sharp pictures, kept nowhere."""
    with tempfile.TemporaryDirectory() as name:
        for _ in make_pool(pictures_in(photos), Path(name), profile, options):
            pass
        yield from pool_samples(Pool([Path(name)]))


def synthesised(photos: Path, options: PoolOptions = SYNTHESISED) -> Iterator[Sample]:
    """Pairs made from sharp pictures, with blur of 3 to 15 pixels."""
    profile = replace(PROFILES["handheld"], shortest=3.0, longest=15.0, untouched=0.0)
    return made_pairs(photos, profile, options)


def errors_by_size(blurred: Picture, output: Picture, sharp: Picture) -> NDArray[np.float64]:
    """Squared errors before and after, apart for what is larger than :data:`LARGE` and all the rest.

    Args:
        blurred: RGB, uint8 (H, W, 3).
        output: Result of the network, of the same shape.
        sharp: Ground truth, of the same shape.

    Returns:
        Array (2, 2): before and after, by large and the rest.
    """
    height, width = sharp.shape[:2]
    waves = np.hypot(np.fft.fftfreq(height)[:, None], np.fft.fftfreq(width))
    large = waves < 1 / LARGE
    powers = [
        np.square(np.abs(np.fft.fft2(sharp.astype(np.float32) - side, axes=(0, 1)))).sum(2)
        for side in (blurred, output)
    ]
    return np.array([[power[large].sum(), power[~large].sum()] for power in powers])


def measured(candidate: Candidate, samples: Iterable[Sample], *, video: bool = False) -> dict[str, Any]:
    """The figures of one set."""
    board = Scoreboard([candidate], video=video)
    errors = np.zeros((2, 2))
    for result in deblur_samples([candidate], samples):
        board.add(result)
        errors += errors_by_size(result.sample.blurred, result.outputs[0], result.sample.sharp)
    blurred, row, *rest = board.rows()
    found: dict[str, Any] = {
        "images": board.images,
        "blurred_psnr": blurred.psnr,
        "psnr": row.psnr,
        "gain": row.gain,
        "worst_gain": row.worst_gain,
        "made_worse": row.made_worse,
        "blurred_ssim": blurred.ssim,
        "ssim": row.ssim,
        "removed": dict(zip(("large", "rest"), (1 - errors[1] / errors[0]).tolist(), strict=True)),
    }
    for sharp in rest:
        found["warping_error"] = {
            "blurred": blurred.warping_error,
            "result": row.warping_error,
            "sharp": sharp.warping_error,
            "blurred_excess": blurred.warping_excess,
            "result_excess": row.warping_excess,
        }
    return found


def sharp_scores(network: nn.Module, photos: Path) -> list[float]:
    """PSNR of each sharp picture against itself after the network."""
    return [psnr(picture, deblur_picture(network, picture)) for picture in map(read_picture, pictures_in(photos))]


def harm_to_sharp(network: nn.Module, photos: Path) -> dict[str, float]:
    """PSNR of sharp pictures against themselves after the network, over all of them."""
    scores = sharp_scores(network, photos)
    return {
        "images": len(scores),
        "mean": fmean(scores),
        "worst": min(scores),
        "harmless": sum(score > HARMLESS for score in scores),
    }


def main() -> None:
    """Measures, prints, and writes JSON."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("folder", type=Path)
    parser.add_argument("--weights", type=Path, help="a .safetensors file (default: the shipped one)")
    parser.add_argument("--json", type=Path, help="write the result here")
    parser.add_argument("--seed", type=int, default=SYNTHESISED.seed, help="of the synthesised pairs (default: 1)")
    arguments = parser.parse_args()
    file = arguments.weights or catalogue.weights_file(catalogue.DEFAULT)
    if file is None:
        raise SystemExit("no weights come with this checkout; give --weights")
    network, header = weights.load(file)
    candidate = Candidate(header.network, fold_for_inference(network))
    reds, photos = arguments.folder / "reds", arguments.folder / "photos"
    rows = {
        "REDS, real blur": measured(candidate, read_samples(find_pairs(reds)), video=True),
        "photos, synthesised blur of 3 to 15 pixels": measured(
            candidate, synthesised(photos, replace(SYNTHESISED, seed=arguments.seed))
        ),
    }
    harm = harm_to_sharp(network, photos)
    print("| set | images | blurred PSNR | PSNR | gain | worst gain | made worse | blurred SSIM | SSIM |")
    print("|---|---:|---:|---:|---:|---:|---:|---:|---:|")
    for name, row in rows.items():
        print(f"| {name} | {' | '.join(form.format(row[key]) for key, form in HEADINGS.items())} |")
    print(
        f"\n{harm['images']} sharp photographs come out with {harm['mean']:.1f} dB against themselves, "
        f"{harm['harmless']} of them with more than {HARMLESS} dB, "
        f"the worst with {harm['worst']:.1f} dB.\n"
    )
    for name, row in rows.items():
        print(
            f"Of the squared error on {name}, {row['removed']['large']:.0%} of what is larger than {LARGE} pixels is "
            f"gone, and {row['removed']['rest']:.0%} of the rest.\n"
        )
        if errors := row.get("warping_error"):
            print(
                f"Warping error on {name}: blurred {errors['blurred']:.2e}, result {errors['result']:.2e}, "
                f"ground truth {errors['sharp']:.2e}.\n"
            )
    print(f"{CONVENTION}. {WARPING}. Weights {header.digest[:12]}.")
    if arguments.json:
        found = {"weights": header.digest, "sets": rows, "sharp": harm, "machine": describe()}
        write_json(arguments.json, found)


if __name__ == "__main__":
    main()
