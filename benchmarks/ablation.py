"""The paper's two claims, tried on the real-time network: multi-scale helps, and the texture branch keeps detail.

    python benchmarks/ablation.py POOL EVAL/reds RUNS --steps 4000
        --json docs/results/data/ablation.json --plot docs/results/ablation.svg

Trains ``idc-rt`` with one scale and three, with and without the texture branch: the same steps, the same batches, the
same initial seed. Each run has its own folder in RUNS; run the script again to go on where it stopped. All are scored
on the same pairs; detail by the error of gradients where the ground truth has texture. With several seeds the spread
between them says which differences are chance.
"""

from __future__ import annotations

import argparse
import json
from dataclasses import asdict, dataclass, replace
from itertools import product
from pathlib import Path
from statistics import fmean
from typing import TYPE_CHECKING, Any

from network import weights
from network.cost import multiply_adds, parameters
from network.data.datasets import find_pairs
from network.evaluation.evaluate import CONVENTION, Candidate, deblur_samples, read_samples, score
from network.evaluation.metrics import detail_error, textured
from network.files import write_json
from network.models.layers import fold_for_inference
from network.training.loop import WEIGHTS, train
from network.training.pool import Pool
from network.training.recipes import PRESETS, Preset
from pipeline.bench.charts import Bar, Panel, chart
from pipeline.system.machine import describe

if TYPE_CHECKING:
    from collections.abc import Sequence

DETAIL = (
    "Detail error: mean absolute difference of forward differences, in codes of 255, over the quarter of the pixels "
    "with the strongest gradients in the ground truth"
)


@dataclass(frozen=True)
class Variant:
    """One form of the network.

    Attributes:
        scales: Number of scales that are supervised in training, 1 or 3.
        texture: Whether it has the texture branch.
    """

    scales: int
    texture: bool

    @property
    def name(self) -> str:
        """Name of the variant in tables."""
        return f"{self.scales} scale{'s' if self.scales > 1 else ''}, {'with' if self.texture else 'no'} texture branch"

    def run(self, runs: Path, seed: int) -> Path:
        """Name of the folder of its training."""
        return runs / f"scales{self.scales}_{'texture' if self.texture else 'plain'}_seed{seed}"


VARIANTS = tuple(Variant(scales, texture) for scales, texture in product((3, 1), (True, False)))


@dataclass(frozen=True)
class Figures:
    """What one trained network scores, means over images.

    Attributes:
        psnr: PSNR, in dB.
        gain: PSNR gained over the blurred input, in dB.
        ssim: SSIM, 0 to 1.
        detail_error: Error of gradients, from :func:`network.evaluation.metrics.detail_error`.
    """

    psnr: float
    gain: float
    ssim: float
    detail_error: float


def recipe(base: Preset, variant: Variant, seed: int) -> Preset:
    """The preset of a variant."""
    options = base.options | {"scales": variant.scales, "texture": variant.texture}
    return replace(base, options=options, seed=seed)


def train_all(base: Preset, pool: Pool, runs: Path, seeds: Sequence[int], device: str) -> None:
    """Trains what is not trained yet."""
    for seed, variant in product(seeds, VARIANTS):
        folder = variant.run(runs, seed)
        print(f"{folder.name}: to {base.steps} steps", flush=True)
        for progress in train(recipe(base, variant, seed), pool, folder, device=device):
            if progress.step % 100 == 0:
                print(f"  step {progress.step}: loss {progress.loss:.4f}, {progress.elapsed:.0f} s", flush=True)


def score_all(candidates: Sequence[Candidate], folder: Path, device: str) -> tuple[dict[str, Figures], Figures, int]:
    """Figures by candidate, those of the blurred input, and the number of images."""
    found: dict[str, list[Figures]] = {candidate.name: [] for candidate in candidates}
    blurred: list[Figures] = []
    for result in deblur_samples(candidates, read_samples(find_pairs(folder)), device):
        sample = result.sample
        where = textured(sample.sharp)
        scores = score(result, candidates)
        before = scores[0]
        error = detail_error(sample.blurred, sample.sharp, where)
        blurred.append(Figures(before.blurred_psnr, 0.0, before.blurred_ssim, error))
        for line, output in zip(scores, result.outputs, strict=True):
            error = detail_error(output, sample.sharp, where)
            found[line.candidate].append(Figures(line.psnr, line.gain, line.ssim, error))
    return {name: mean(figures) for name, figures in found.items()}, mean(blurred), len(blurred)


def mean(figures: Sequence[Figures]) -> Figures:
    """The mean of each figure."""
    rows = [asdict(each) for each in figures]
    return Figures(**{name: fmean(row[name] for row in rows) for name in rows[0]})


def differences(found: dict[str, dict[int, Figures]], figure: str, *, by: str) -> list[float]:
    """What ``scales`` or ``texture`` adds to a figure: one number a seed and state of the other."""
    changes = []
    for variant in VARIANTS:
        without = replace(variant, scales=1) if by == "scales" else replace(variant, texture=False)
        if without == variant:
            continue
        for seed, figures in found[variant.name].items():
            changes.append(getattr(figures, figure) - getattr(found[without.name][seed], figure))
    return changes


def verdict(changes: Sequence[float], *, better: int) -> str:
    """Confirmed or contradicted where all comparisons agree, else undecided.

    Args:
        changes: Changes of a figure by the paper's choice.
        better: Sign of a better figure: 1 where more is better, -1 where less is.
    """
    if all(change * better > 0 for change in changes):
        return "confirmed"
    return "contradicted" if all(change * better < 0 for change in changes) else "undecided"


def main(words: Sequence[str] | None = None) -> None:
    """Trains, scores, prints, and writes."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("pool", type=Path, help="pairs to train on, made by `deblur synth` or `deblur pack`")
    parser.add_argument("evaluation", type=Path, help="pairs to score on, as `deblur evaluate` reads them")
    parser.add_argument("runs", type=Path, help="folder for the runs")
    parser.add_argument("--steps", type=int, default=4000, help="of each run; the last third lowers the rate")
    parser.add_argument("--seeds", type=int, nargs="+", default=[0])
    parser.add_argument("--batch", type=int, default=PRESETS["idc-rt"].batch)
    parser.add_argument("--patch", type=int, default=PRESETS["idc-rt"].patch)
    parser.add_argument("--optimiser", default=PRESETS["idc-rt"].optimiser)
    parser.add_argument("--rate", type=float, default=PRESETS["idc-rt"].rate)
    parser.add_argument("--options", type=json.loads, default={}, help="JSON: of the network, such as its widths")
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--json", type=Path, help="write the figures here")
    parser.add_argument("--plot", type=Path, help="write an SVG here")
    arguments = parser.parse_args(words)
    base = replace(
        PRESETS["idc-rt"],
        options=arguments.options,
        steps=arguments.steps,
        warmup=min(PRESETS["idc-rt"].warmup, arguments.steps // 10),
        decay=max(1, arguments.steps // 3),
        batch=arguments.batch,
        patch=arguments.patch,
        optimiser=arguments.optimiser,
        rate=arguments.rate,
    )
    pool = Pool([arguments.pool])
    train_all(base, pool, arguments.runs, arguments.seeds, arguments.device)
    candidates, costs = [], {}
    for seed, variant in product(arguments.seeds, VARIANTS):
        network = weights.load(variant.run(arguments.runs, seed) / WEIGHTS)[0]
        fold_for_inference(network)
        costs[variant.name] = {"parameters": parameters(network), "gmac_720p": multiply_adds(network, 720, 1280) / 1e9}
        candidates.append(Candidate(variant.run(arguments.runs, seed).name, network.to(arguments.device)))
    scored, blurred, images = score_all(candidates, arguments.evaluation, arguments.device)
    by_seed = {
        variant.name: {seed: scored[variant.run(arguments.runs, seed).name] for seed in arguments.seeds}
        for variant in VARIANTS
    }
    claims: dict[str, dict[str, Any]] = {
        claim: {"changes": changes, "mean": fmean(changes), "verdict": verdict(changes, better=better)}
        for claim, changes, better in (
            ("three scales add PSNR (dB)", differences(by_seed, "psnr", by="scales"), 1),
            ("the texture branch adds PSNR (dB)", differences(by_seed, "psnr", by="texture"), 1),
            ("the texture branch lowers the detail error", differences(by_seed, "detail_error", by="texture"), -1),
        )
    }
    print("\n" + table(by_seed, blurred, costs))
    print("The coarse scales' heads are among the parameters, and run in training only.\n")
    for claim, outcome in claims.items():
        print(f"{claim}: {outcome['verdict']}, {', '.join(f'{change:+.3f}' for change in outcome['changes'])}")
    print(
        f"\n{images} images, {arguments.steps} steps of {base.batch} patches of {base.patch}. {CONVENTION}. {DETAIL}."
    )
    if arguments.json:
        found: dict[str, Any] = {
            "recipe": asdict(base),
            "seeds": arguments.seeds,
            "pool": pool.digest,
            "images": images,
            "blurred": asdict(blurred),
            "variants": {
                name: {"by_seed": {seed: asdict(each) for seed, each in figures.items()}} | costs[name]
                for name, figures in by_seed.items()
            },
            "claims": claims,
            "machine": describe(),
        }
        write_json(arguments.json, found)
    if arguments.plot:
        arguments.plot.write_text(plot(by_seed, blurred), encoding="utf-8")


def table(by_seed: dict[str, dict[int, Figures]], blurred: Figures, costs: dict[str, dict[str, Any]]) -> str:
    """A markdown table: the blurred input and a row a variant, means over seeds."""
    lines = [
        "| method | PSNR | SSIM | gain | detail error | parameters | GMAC at 720p |",
        "|---|---:|---:|---:|---:|---:|---:|",
        f"| blurred input | {blurred.psnr:.2f} | {blurred.ssim:.4f} |  | {blurred.detail_error:.3f} |  |  |",
    ]
    for name, figures in by_seed.items():
        row, cost = mean(list(figures.values())), costs[name]
        lines.append(
            f"| {name} | {row.psnr:.2f} | {row.ssim:.4f} | {row.gain:+.3f} | {row.detail_error:.3f} "
            f"| {cost['parameters']:,} | {cost['gmac_720p']:.1f} |"
        )
    return "\n".join(lines) + "\n"


def plot(by_seed: dict[str, dict[int, Figures]], blurred: Figures) -> str:
    """Gain, and detail error taken away, by variant."""

    def bars(figure: str, sign: int, base: float) -> tuple[Bar, ...]:
        return tuple(
            Bar(name, tuple(sign * (getattr(each, figure) - base) for each in figures.values()))
            for name, figures in by_seed.items()
        )

    return chart(
        [
            Panel("Gain in PSNR over the blurred input (dB)", "{:+.3f}", bars("gain", 1, 0.0)),
            Panel(
                "Detail error taken off the blurred input's", "{:+.3f}", bars("detail_error", -1, blurred.detail_error)
            ),
        ]
    )


if __name__ == "__main__":
    main()
