"""What the neighbours and the paper's texture branch add to the network over time.

    python benchmarks/ablation.py POOL HELD_OUT RUNS --until 24000 --json ablation.json --plot ablation.svg

Trains ``idc-video`` on the same windows with three frames and with the present one alone, each with and without the
texture branch: the same steps, the same patches, the same initial seed. Each run has its own folder in RUNS; run the
script again to go on where it stopped. All are scored on the windows of HELD_OUT, a pool of other pictures. With
several seeds the spread between them says which differences are chance.
"""

from __future__ import annotations

import argparse
import json
import math
from dataclasses import asdict, dataclass, replace
from itertools import product
from pathlib import Path
from statistics import fmean
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from measure import table

from network import weights
from network.cost import parameters
from network.files import write_json
from network.training.loop import WEIGHTS, train
from network.training.recipes import PRESETS, Preset
from network.training.windows import WindowPool
from pipeline.bench.charts import Bar, Panel, chart
from pipeline.system.machine import describe

if TYPE_CHECKING:
    from collections.abc import Sequence

PRESET = PRESETS["idc-video"]
PATCHES = 16
"""Patches that are scored at a time."""


@dataclass(frozen=True)
class Variant:
    """One form of the network.

    Attributes:
        frames: Number of frames that it sees, 1 or 3.
        texture: Whether it has the texture branch.
    """

    frames: int
    texture: bool

    @property
    def name(self) -> str:
        """Name of the variant in tables."""
        return f"{self.frames} frame{'s' if self.frames > 1 else ''}, {'with' if self.texture else 'no'} texture branch"

    def run(self, runs: Path, seed: int) -> Path:
        """Name of the folder of its training."""
        return runs / f"frames{self.frames}_{'texture' if self.texture else 'plain'}_seed{seed}"


VARIANTS = tuple(Variant(frames, texture) for frames, texture in product((3, 1), (True, False)))


def recipe(base: Preset, variant: Variant, seed: int) -> Preset:
    """The preset of a variant."""
    return replace(base, options=base.options | asdict(variant), seed=seed)


def train_all(base: Preset, pool: WindowPool, runs: Path, seeds: Sequence[int], device: str) -> None:
    """Trains what is not trained yet."""
    for seed, variant in product(seeds, VARIANTS):
        folder = variant.run(runs, seed)
        print(f"{folder.name}: to {base.until} patches", flush=True)
        for progress in train(recipe(base, variant, seed), pool, folder, device=device):
            if progress.step % 100 == 0:
                print(f"  {progress.patches} patches: loss {progress.loss:.4f}, {progress.elapsed:.0f} s", flush=True)


@torch.no_grad()
def gain_on(pool: WindowPool, file: Path, patch: int, count: int, device: str) -> float:
    """Mean gain of luma's PSNR over blurred patches, in dB; the same patches for all weights."""
    network = weights.load(file)[0].to(device)
    gains = []
    for first in range(0, count, PATCHES):
        rngs = [np.random.default_rng([1, number]) for number in range(first, min(first + PATCHES, count))]
        examples = pool.examples(pool.batch(rngs, patch), network.window, torch.device(device))  # type: ignore[arg-type]
        gains.append(examples.gain(network.forward_scales(*examples.inputs)[0]))  # type: ignore[operator]
    return fmean(gain for gain in gains if math.isfinite(gain))


def differences(found: dict[str, dict[int, float]], *, by: str) -> list[float]:
    """What three frames, or the texture branch, add: one number a seed and state of the other."""
    changes = []
    for variant in VARIANTS:
        without = replace(variant, frames=1) if by == "frames" else replace(variant, texture=False)
        if without != variant:
            changes += [gain - found[without.name][seed] for seed, gain in found[variant.name].items()]
    return changes


def verdict(changes: Sequence[float]) -> str:
    """Confirmed or contradicted where all comparisons agree, else undecided."""
    if all(change > 0 for change in changes):
        return "confirmed"
    return "contradicted" if all(change < 0 for change in changes) else "undecided"


def main(words: Sequence[str] | None = None) -> None:
    """Trains, scores, prints, and writes."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("pool", type=Path, help="windows to train on, made by `deblur synth` or `deblur pack`")
    parser.add_argument("held_out", type=Path, help="windows to score on")
    parser.add_argument("runs", type=Path, help="folder for the runs")
    parser.add_argument("--until", type=int, default=24000, help="patches of each run; the last third lowers the rate")
    parser.add_argument("--seeds", type=int, nargs="+", default=[0])
    parser.add_argument("--batch", type=int, default=PRESET.batch)
    parser.add_argument("--patch", type=int, default=PRESET.patch)
    parser.add_argument("--rate", type=float, default=PRESET.rate)
    parser.add_argument("--options", type=json.loads, default={}, help="JSON: of the network, such as its widths")
    parser.add_argument("--scored", type=int, default=512, help="patches to score on")
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--json", type=Path, help="write the figures here")
    parser.add_argument("--plot", type=Path, help="write an SVG here")
    arguments = parser.parse_args(words)
    base = replace(
        PRESET,
        options=arguments.options,
        until=arguments.until,
        fall_from=arguments.until * 2 // 3,
        warmup=min(PRESET.warmup, arguments.until // arguments.batch // 10),
        batch=arguments.batch,
        patch=arguments.patch,
        rate=arguments.rate,
    )
    pool, held_out = WindowPool([arguments.pool]), WindowPool([arguments.held_out])
    train_all(base, pool, arguments.runs, arguments.seeds, arguments.device)
    found = {
        variant.name: {
            seed: gain_on(
                held_out, variant.run(arguments.runs, seed) / WEIGHTS, base.patch, arguments.scored, arguments.device
            )
            for seed in arguments.seeds
        }
        for variant in VARIANTS
    }
    counts = {
        variant.name: parameters(weights.load(variant.run(arguments.runs, arguments.seeds[0]) / WEIGHTS)[0])
        for variant in VARIANTS
    }
    rows = [("method", "gain, dB", "parameters")]
    rows += [(name, f"{fmean(gains.values()):+.3f}", f"{counts[name]:,}") for name, gains in found.items()]
    print(f"\n{table(rows)}\nThe coarse scales' heads are among the parameters, and run in training only.\n")
    claims: dict[str, dict[str, Any]] = {}
    for claim, by in (("neighbours add PSNR", "frames"), ("the texture branch adds PSNR", "texture")):
        changes = differences(found, by=by)
        claims[claim] = {"changes": changes, "mean": fmean(changes), "verdict": verdict(changes)}
        print(f"{claim}: {verdict(changes)}, {fmean(changes):+.3f} dB on average of {len(changes)}")
    if arguments.json:
        content: dict[str, Any] = {
            "recipe": asdict(base),
            "seeds": arguments.seeds,
            "pools": {"trained": pool.digest, "scored": held_out.digest},
            "gains": {name: {str(seed): gain for seed, gain in gains.items()} for name, gains in found.items()},
            "parameters": counts,
            "claims": claims,
            "machine": describe(),
        }
        write_json(arguments.json, content)
    if arguments.plot:
        bars = tuple(Bar(name, tuple(gains.values())) for name, gains in found.items())
        panel = Panel("Gain in PSNR of luma over the blurred input (dB)", "{:+.3f}", bars)
        arguments.plot.write_text(chart([panel]), encoding="utf-8")


if __name__ == "__main__":
    main()
