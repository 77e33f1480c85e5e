"""What the network does around lamps and the trails they leave at night: does it ring, does it help?

    python benchmarks/lamps.py EVAL/photos --json lamps.json

Pairs are made from sharp photographs: darkened, with a few lamps many times as bright as white, and a straight stroke
in linear light, so that lamps leave clipped trails. Looked at are the pixels within 12 of one that is clipped. A
network rings where its output is darker than anything within 7 pixels, before the blur or after it, or brighter.
"""

from __future__ import annotations

import argparse
from dataclasses import asdict, dataclass
from pathlib import Path
from statistics import fmean
from typing import TYPE_CHECKING

import cv2
import numpy as np
from measure import table
from strokes import light_of, stroked

from network import catalogue
from network.data.pairs import pictures_in, read_picture
from network.evaluation.evaluate import Candidate, deblur_samples
from network.evaluation.metrics import psnr
from network.files import write_json
from network.models.layers import fold_for_inference
from network.weights import load
from pipeline.system.machine import describe

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from numpy.typing import NDArray

    from network.evaluation.evaluate import Sample

    Picture = NDArray[np.uint8]

DARKNESS, LAMPS = 0.15, 6
CLIPPED = 250
REACH, NEIGHBOURS = 25, 15
"""Sides of the squares: around a clipped pixel, and for the darkest and brightest of what is near."""


@dataclass(frozen=True)
class Night:
    """Figures of one pair.

    Attributes:
        gain: PSNR gained over the whole picture, in dB.
        gain_at_lamps: PSNR gained near clipped pixels, in dB.
        darker: Codes of 255 by which 99 % of the samples there are at most darker than anything near.
        brighter: Codes of 255 by which 99 % of the samples there are at most brighter than anything near.
    """

    gain: float
    gain_at_lamps: float
    darker: float
    brighter: float


def nights(photos: Path, pairs: int, size: int) -> Iterator[Sample]:
    """Pairs of pictures at night, each with lamps."""
    pictures = pictures_in(photos)
    for number in range(pairs):
        rng = np.random.default_rng([3, number])
        picture = read_picture(pictures[number % len(pictures)])
        top, left = (int(rng.integers(0, max(length - size, 0) + 1)) for length in picture.shape[:2])
        light = DARKNESS * light_of(picture[top : top + size, left : left + size])
        height, width = light.shape[:2]
        for _ in range(LAMPS):
            place = (int(rng.integers(width)), int(rng.integers(height)))
            colour = rng.uniform(4, 40) * rng.uniform(0.5, 1, 3)
            cv2.circle(light, place, int(rng.integers(1, 5)), colour.tolist(), cv2.FILLED, cv2.LINE_AA)
        yield stroked(f"{number}", light, int(rng.integers(6, 25)), rng.uniform(0, np.pi))


def judge(blurred: Picture, output: Picture, sharp: Picture) -> Night | None:
    """Judges one pair, RGB (H, W, 3); None where nothing is clipped."""
    clipped = (blurred.max(2) >= CLIPPED).astype(np.uint8)
    near = (cv2.dilate(clipped, np.ones((REACH, REACH), np.uint8)) > 0) & (clipped == 0)
    if not near.any():
        return None
    square = np.ones((NEIGHBOURS, NEIGHBOURS), np.uint8)
    darkest = cv2.erode(np.minimum(blurred, sharp), square).astype(int)
    brightest = cv2.dilate(np.maximum(blurred, sharp), square).astype(int)
    return Night(
        psnr(output, sharp) - psnr(blurred, sharp),
        psnr(output[near][None], sharp[near][None]) - psnr(blurred[near][None], sharp[near][None]),
        float(np.percentile(np.maximum(darkest - output, 0)[near], 99)),
        float(np.percentile(np.maximum(output - brightest, 0)[near], 99)),
    )


def measure(photos: Path, weights: Path, pairs: int, size: int) -> list[Night]:
    """Judges as many pairs as there are with lamps among ``pairs``."""
    network, header = load(weights)
    candidate = Candidate(header.network, fold_for_inference(network))
    found = (
        judge(each.sample.blurred, each.outputs[0], each.sample.sharp)
        for each in deblur_samples([candidate], nights(photos, pairs, size))
    )
    return [each for each in found if each is not None]


def main(words: Sequence[str] | None = None) -> None:
    """Measures, prints, and writes JSON."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("photos", type=Path, help="a folder of sharp photographs")
    parser.add_argument("--weights", type=Path, default=catalogue.weights_file(catalogue.DEFAULT))
    parser.add_argument("--pairs", type=int, default=48)
    parser.add_argument("--size", type=int, default=320, help="of a pair, in pixels")
    parser.add_argument("--json", type=Path, help="write the result here")
    options = parser.parse_args(words)
    found = measure(options.photos, options.weights, options.pairs, options.size)
    rows = [("nights with lamps", "mean", "worst")]
    for name, values, worst in (
        ("gain, whole picture, dB", [each.gain for each in found], min),
        ("gain near lamps, dB", [each.gain_at_lamps for each in found], min),
        ("darker than anything near, codes", [each.darker for each in found], max),
        ("brighter than anything near, codes", [each.brighter for each in found], max),
    ):
        rows.append((name, f"{fmean(values):.2f}", f"{worst(values):.2f}"))
    print(f"{len(found)} of {options.pairs} pairs have something clipped\n{table(rows)}")
    if options.json:
        facts = {"pairs": [asdict(each) for each in found], "machine": describe()}
        write_json(options.json, facts)


if __name__ == "__main__":
    main()
