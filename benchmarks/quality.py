"""How good the shipped weights are, on every set and in every precision. Prints markdown, and says which bars hold.

    python benchmarks/quality.py EVAL --json docs/results/data/quality.json --page docs/results/quality.md

EVAL holds ``reds`` and ``reds_small``, each with folders SEQUENCE/blur and SEQUENCE/sharp, and ``photos``, sharp
pictures. REDS is blur averaged from real high-rate video, not a camera's own. Sequences are scored with the neighbours
of each frame, without a next frame (as live with ``--look-ahead 0``), and as single pictures. ``--set FOLDER`` adds any
data set that ``deblur evaluate`` reads; for GoPro::

    python benchmarks/quality.py EVAL --set GOPRO_Large/test

``--clips FILE...`` measures how steady real clips are before and after. Ends with 1 if a bar does not hold.
"""

from __future__ import annotations

import argparse
import sys
from dataclasses import asdict, dataclass, replace
from functools import partial
from itertools import islice
from pathlib import Path
from statistics import fmean
from typing import TYPE_CHECKING, Any

from quality_bars import bars
from quality_page import page
from strokes import LENGTHS, photographs, strokes

import deblur_stream
from network import catalogue, weights
from network.data.datasets import find_pairs
from network.evaluation.evaluate import Candidate, Sample, deblur_samples, read_samples
from network.evaluation.metrics import psnr
from network.evaluation.runners import Neighbours, deblur_in_order, runner_for
from network.evaluation.scoreboard import BLURRED, Scoreboard
from network.evaluation.temporal import SteadinessMeter
from network.files import write_json
from network.models.layers import fold_for_inference
from pipeline.engines.load import load_engine
from pipeline.system.machine import cpu_features, describe

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence

FOLDERS = ("reds", "reds_small")
UNCHANGED = 100.0
"""PSNR in dB that a picture without any change counts as."""


@dataclass(frozen=True)
class Case:
    """Pictures to score in one way.

    Attributes:
        name: Name of the set.
        neighbours: Neighbours that the network sees.
        samples: Function that reads the pictures.
    """

    name: str
    neighbours: Neighbours
    samples: Callable[[], Iterable[Sample]]


def blurred_cases(folder: Path, others: Sequence[Path]) -> Iterator[Case]:
    """Every set with a blurred and a sharp side."""
    for sets in FOLDERS:
        pairs = find_pairs(folder / sets)
        for sequence in dict.fromkeys(pair.sequence for pair in pairs):
            chosen = [pair for pair in pairs if pair.sequence == sequence]
            for neighbours in Neighbours:
                yield Case(f"{sets}/{sequence}", neighbours, partial(read_samples, chosen))
    for other in others:
        pairs = find_pairs(other)
        for neighbours in (Neighbours.BOTH, Neighbours.NONE):
            yield Case(other.resolve().name, neighbours, partial(read_samples, pairs))
    for length in LENGTHS:
        yield Case(f"photos, strokes of {length} pixels", Neighbours.NONE, partial(strokes, folder / "photos", length))


def sharp_cases(folder: Path, others: Sequence[Path]) -> Iterator[Case]:
    """Every set of sharp pictures, each its own ground truth."""

    def sharp(pairs: Iterable[Any]) -> Iterator[Sample]:
        for sample in read_samples(pairs):
            yield Sample(sample.name, sample.sharp, sample.sharp, sample.sequence)

    for sets in FOLDERS:
        pairs = find_pairs(folder / sets)
        for sequence in dict.fromkeys(pair.sequence for pair in pairs):
            chosen = [pair for pair in pairs if pair.sequence == sequence]
            yield Case(f"{sets}/{sequence}", Neighbours.BOTH, partial(sharp, chosen))
    for other in others:
        yield Case(other.resolve().name, Neighbours.BOTH, partial(sharp, find_pairs(other)))
    yield Case("photos", Neighbours.NONE, partial(photographs, folder / "photos"))


def scored(candidates: Sequence[Candidate], case: Case) -> dict[str, Any]:
    """The rows of one case: the blurred input, every candidate, and of sequences the ground truth; no times."""
    board = Scoreboard(candidates, video=True)
    for result in deblur_samples(candidates, case.samples(), neighbours=case.neighbours):
        board.add(result)
    rows = [asdict(replace(row, seconds_median=None, seconds_mean=None)) for row in board.rows()]
    return {"set": case.name, "neighbours": str(case.neighbours), "images": board.images, "rows": rows}


def kept(candidates: Sequence[Candidate], case: Case) -> dict[str, Any]:
    """How much of sharp pictures every candidate keeps: PSNR against themselves."""
    found: dict[str, list[float]] = {candidate.name: [] for candidate in candidates}
    for result in deblur_samples(candidates, case.samples(), neighbours=case.neighbours):
        for candidate, output in zip(candidates, result.outputs, strict=True):
            found[candidate.name].append(min(psnr(output, result.sample.sharp), UNCHANGED))
    rows = [{"method": name, "psnr": fmean(values), "least": min(values)} for name, values in found.items()]
    images = len(found[candidates[0].name])
    return {"set": case.name, "neighbours": str(case.neighbours), "images": images, "rows": rows}


def steadiness(candidate: Candidate, file: Path, frames: int) -> dict[str, Any]:
    """How steady a clip is before and after; its motion is that of the input, since there is no ground truth."""
    with deblur_stream.open_video(file) as video:
        pictures = [frame.rgb for frame in islice(video, frames)]
    meter = SteadinessMeter(1)
    for before, after in zip(pictures, deblur_in_order(runner_for(candidate.network), pictures), strict=True):
        meter.add(file.name, before, [after])
    rows = [
        {"method": name, **asdict(found)} for name, found in zip((BLURRED, candidate.name), meter.mean, strict=True)
    ]
    return {"set": file.name, "images": len(pictures), "rows": rows}


def shipped(precisions: Sequence[str]) -> tuple[list[Candidate], str, str]:
    """The shipped weights in OpenVINO, FP32 first; with their network and digest."""
    if not precisions:
        precisions = ["fp32"]
        precisions += ["bf16"] if cpu_features()["BF16"] else []
        precisions += ["int8"] if catalogue.int8_file(catalogue.DEFAULT) else []
    engines = [load_engine("openvino", precision=precision) for precision in precisions]
    names = [f"{engine.info.network} {engine.info.precision}" for engine in engines]
    candidates = [Candidate(name, engine) for name, engine in zip(names, engines, strict=True)]
    return candidates, engines[0].info.network, engines[0].info.digest


def of_file(path: Path) -> tuple[list[Candidate], str, str]:
    """A file of weights in PyTorch; with its network and digest."""
    network, header = weights.load(path)
    return [Candidate(f"{header.network} fp32", fold_for_inference(network))], header.network, header.digest


def _command(options: argparse.Namespace) -> str:
    """What was typed, without the places of files."""
    words = ["python benchmarks/quality.py EVAL", *(f"--set {each.name}" for each in options.set)]
    words += [f"--weights {options.weights.name}"] if options.weights else []
    words += [f"--precision {each}" for each in options.precision]
    words += ["--clips CLIPS"] if options.clips else []
    return " ".join(words)


def main(words: Sequence[str] | None = None) -> int:
    """Measures, prints, and writes JSON and a page."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("folder", type=Path)
    parser.add_argument("--set", type=Path, action="append", default=[], help="another data set; may be repeated")
    parser.add_argument(
        "--clips", type=Path, nargs="+", default=[], help="video files, to see how steady they come out"
    )
    parser.add_argument("--frames", type=int, default=24, help="of each clip (default: 24)")
    parser.add_argument("--weights", type=Path, help="a .safetensors file, run by PyTorch (default: the shipped ones)")
    parser.add_argument("--precision", action="append", default=[], help="of the shipped weights (default: all)")
    parser.add_argument("--json", type=Path, help="write the result here")
    parser.add_argument("--page", type=Path, help="write the tables here")
    options = parser.parse_args(words)
    candidates, network, digest = of_file(options.weights) if options.weights else shipped(options.precision)
    machine = describe()

    def told(done: dict[str, Any]) -> dict[str, Any]:
        print(f"{done['set']}, {done.get('neighbours', 'clip')}", file=sys.stderr)
        return done

    found = {
        "command": _command(options),
        "network": network,
        "weights": digest,
        "sets": [told(scored(candidates, case)) for case in blurred_cases(options.folder, options.set)],
        "sharp": [told(kept(candidates, case)) for case in sharp_cases(options.folder, options.set)],
        "clips": [told(steadiness(candidates[0], file, options.frames)) for file in options.clips],
        "machine": machine,
    }
    checked = bars(found)
    found["bars"] = [asdict(bar) for bar in checked]
    text = page(found)
    print(text)
    if options.json:
        write_json(options.json, found)
    if options.page:
        options.page.write_text(text, encoding="utf-8")
    return 0 if all(bar.holds for bar in checked) else 1


if __name__ == "__main__":
    sys.exit(main())
