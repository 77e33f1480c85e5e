"""Calibrates `deblur video --skip-sharp`: quality against the share of frames that pass the network by.

    python benchmarks/skip_sharp.py EVAL --json docs/results/data/skip_sharp.json --plot docs/results/skip_sharp.svg

EVAL is laid out as for ``quality.py``: ``reds/SEQUENCE/blur`` and ``sharp``, ``reds_small`` likewise, where blur is of
few pixels, and ``photos``, sharp pictures, of which pairs with strokes of 4 to 16 pixels are made. The network sees
frames with their neighbours. Every picture is judged for itself: the hysteresis of the command lets fewer frames pass
than this. The recommended threshold is the highest at which no set of blurred pictures loses more than ``--loss``; it
belongs into ``pipeline/runner/skip.py`` as ``AUTO_THRESHOLD``.
"""

from __future__ import annotations

import argparse
import statistics
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from measure import table
from strokes import photographs, strokes

from network.colour import LUMA_WEIGHTS
from network.data.datasets import find_pairs
from network.evaluation.evaluate import CONVENTION, Candidate, deblur_samples, read_samples
from network.evaluation.metrics import psnr
from network.files import write_json
from network.planes import Matrix, PlaneSpec
from pipeline.bench.charts import Curve, Curves, chart
from pipeline.bench.rates import rate_of
from pipeline.engines.load import load_engine
from pipeline.runner.sharpness import blur_estimate
from pipeline.runner.skip import AUTO_THRESHOLD
from pipeline.runner.trial import Trial
from pipeline.system.machine import describe

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence

    from numpy.typing import NDArray

    from network.evaluation.evaluate import Sample
    from pipeline.runner.protocols import Engine

    Picture = NDArray[np.uint8]

THRESHOLDS = tuple(step / 100 for step in range(101))
COST_LIMIT = 0.03
LENGTHS = (4, 8, 16)
"""Lengths in pixels of the strokes that blur the photographs."""


@dataclass(frozen=True)
class Judged:
    """Figures of one picture.

    Attributes:
        estimate: Estimate of the picture's blur, 0 to 1.
        before: PSNR of the picture against the truth, in dB; infinite for a picture that is the truth.
        after: PSNR of the network's result.
    """

    estimate: float
    before: float
    after: float


@dataclass(frozen=True)
class Point:
    """Figures of a set of pictures at one threshold.

    Attributes:
        threshold: Highest estimate at which a picture passes, 0 to 1.
        share: Share of the pictures that pass, 0 to 1.
        psnr: Mean PSNR over all pictures, in dB; infinite where an untouched picture is the truth.
        loss: Loss of mean PSNR against the mean with no picture passing, in dB; negative for a gain.
    """

    threshold: float
    share: float
    psnr: float
    loss: float


def luma_of(picture: Picture) -> Picture:
    """The Y plane of RGB (H, W, 3) by BT.709, in full range."""
    red, blue = LUMA_WEIGHTS[Matrix.BT709]
    weights = np.array([red, 1 - red - blue, blue])
    luma: Picture = np.rint(picture @ weights).astype(np.uint8)
    return luma


def judge(engine: Engine, samples: Iterable[Sample]) -> list[Judged]:
    """Judges pictures, each given with the truth, those of a sequence in order."""
    return [
        Judged(
            blur_estimate(luma_of(result.sample.blurred)),
            psnr(result.sample.blurred, result.sample.sharp),
            psnr(result.outputs[0], result.sample.sharp),
        )
        for result in deblur_samples([Candidate("engine", engine)], samples)
    ]


def sharp_sides(samples: Iterable[Sample]) -> Iterator[Sample]:
    """The sharp sides of pairs, as pictures that are the truth already."""
    for sample in samples:
        yield replace(sample, blurred=sample.sharp)


def curve_of(judged: Sequence[Judged]) -> list[Point]:
    """What the thresholds make of a set."""
    everything = statistics.fmean(each.after for each in judged)
    points = []
    for threshold in THRESHOLDS:
        passes = [each.estimate <= threshold for each in judged]
        kept = [each.before if passed else each.after for each, passed in zip(judged, passes, strict=True)]
        mean = statistics.fmean(kept)
        points.append(Point(threshold, statistics.fmean(passes), mean, everything - mean))
    return points


def recommend(curves: Iterable[Sequence[Point]], loss: float) -> float:
    """The highest threshold up to which no curve loses more than ``loss``, in dB; 0 if there is none."""
    found = 1.0
    for points in curves:
        allowed = 0.0
        for point in points:
            if point.loss > loss:
                break
            allowed = point.threshold
        found = min(found, allowed)
    return found


def median_seconds(work: Callable[[], object], seconds: float) -> float:
    """Seconds of one call. The first call does not count; calls are repeated for that many seconds."""

    def step() -> int:
        work()
        return 1

    return statistics.median(rate_of(step, seconds)[1])


def cost_of(engine: Engine, width: int, height: int, seconds: float) -> dict[str, float]:
    """Seconds that the estimate and the network take for a frame, each measured for ``seconds``."""
    trial = Trial(engine, PlaneSpec(width, height), 1)
    trial.fill()
    estimate = median_seconds(lambda: blur_estimate(trial.blurred.planes[0][0]), seconds)
    network = median_seconds(trial.run, seconds)
    return {"width": width, "height": height, "estimate_s": estimate, "network_s": network, "share": estimate / network}


def plot(curves: dict[str, list[Point]], blurred: Iterable[str]) -> str:
    """Loss against the share that passes, and that share against the threshold."""

    def thinned(points: Sequence[Point]) -> list[Point]:
        return [point for index, point in enumerate(points) if index % 5 == 0]

    losses = [
        Curve(name, tuple(dict.fromkeys((100 * point.share, point.loss) for point in curves[name]))) for name in blurred
    ]
    shares = [
        Curve(name, tuple((point.threshold, 100 * point.share) for point in thinned(points)))
        for name, points in curves.items()
    ]
    return chart(
        [
            Curves("PSNR lost (dB)", "Pictures of the set that pass the network by (%)", tuple(losses)),
            Curves("Pictures that pass the network by (%)", "Threshold", tuple(shares)),
        ]
    )


def main(arguments: Sequence[str] | None = None) -> None:
    """Measures, prints, and writes JSON and SVG."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("folder", type=Path)
    parser.add_argument("--engine", default="openvino", help="what runs the network")
    parser.add_argument("--weights", type=Path, help="other than the shipped ones")
    parser.add_argument("--loss", type=float, default=0.01, help="dB that a set may lose")
    parser.add_argument("--frame", default="1280x720", help="size at which the estimate's time is measured")
    parser.add_argument("--seconds", type=float, default=5.0, help="to measure its time")
    parser.add_argument("--threads", type=int, help="of the engine")
    parser.add_argument("--json", type=Path, help="write the result here")
    parser.add_argument("--plot", type=Path, help="draw it here")
    options = parser.parse_args(arguments)
    facts = describe()
    photos = options.folder / "photos"
    engine = load_engine(options.engine, None, options.weights, threads=options.threads)

    made = [sample for length in LENGTHS for sample in strokes(photos, length)]
    judged = {"photos, blurred": judge(engine, made), "photos, sharp": judge(engine, photographs(photos))}
    for name, title in (("reds", "REDS"), ("reds_small", "REDS, small")):
        pairs = find_pairs(options.folder / name)
        judged[f"{title}, blurred"] = judge(engine, read_samples(pairs))
        judged[f"{title}, sharp"] = judge(engine, sharp_sides(read_samples(pairs)))
    blurred = [name for name in judged if name.endswith("blurred")]
    curves = {name: curve_of(each) for name, each in judged.items()}
    threshold = recommend((curves[name] for name in blurred), options.loss)
    cost = cost_of(engine, *map(int, options.frame.split("x")), options.seconds)

    rows = [("set", "pictures", "before dB", "after dB", "pass", "loss dB")]
    for name, each in judged.items():
        point = next(point for point in curves[name] if point.threshold == threshold)
        before, after = (statistics.fmean(getattr(one, side) for one in each) for side in ("before", "after"))
        loss = f"{point.loss:.4f}" if name in blurred else ""
        rows.append((name, f"{len(each)}", f"{before:.2f}", f"{after:.2f}", f"{point.share:.0%}", loss))
    print(table(rows))
    print(f"recommended threshold: {threshold:.2f} (loses at most {options.loss:g} dB); in use: {AUTO_THRESHOLD:.2f}")
    print(
        f"the estimate takes {1000 * cost['estimate_s']:.2f} ms, {cost['share']:.1%} of the network's "
        f"{1000 * cost['network_s']:.1f} ms at {options.frame} (at most {COST_LIMIT:.0%})"
    )
    print(f"{CONVENTION}. {engine.info.network}, {engine.info.precision}, weights {engine.info.digest[:12]}.")
    if options.json:
        sets = {
            name: {"pictures": [vars(one) for one in each], "curve": [vars(point) for point in curves[name]]}
            for name, each in judged.items()
        }
        found = {"loss": options.loss, "threshold": threshold, "cost": cost, "sets": sets}
        info = {"weights": engine.info.digest, "precision": engine.info.precision, "machine": facts}
        write_json(options.json, found | info)
    if options.plot:
        options.plot.write_text(plot(curves, blurred), encoding="utf-8")


if __name__ == "__main__":
    main()
