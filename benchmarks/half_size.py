"""When a correction found at half the size is the better one, and what it costs. Prints markdown.

    python benchmarks/half_size.py PHOTOS

PHOTOS holds sharp pictures, which get strokes of known lengths. The time is of the engine alone, on smooth noise that
moves, both ways in turn.
"""

from __future__ import annotations

import sys
import time
from itertools import islice
from pathlib import Path
from statistics import fmean, median
from typing import TYPE_CHECKING

import numpy as np
from strokes import strokes

from network.evaluation.metrics import psnr
from network.evaluation.runners import Runner, runner_for
from network.planes import SCALES, PlaneBatch, PlaneSpec
from pipeline.engines.load import load_engine
from pipeline.system.machine import describe

if TYPE_CHECKING:
    from collections.abc import Sequence

LENGTHS = (16, 32, 48, 64)
PICTURES = 20
SIZES = ((1280, 720), (3840, 2160))


def scored(runners: list[Runner], photos: Path, length: int) -> list[list[float]]:
    """PSNR of the blurred picture and of each result, for each picture."""
    rows = []
    for sample in islice(strokes(photos, length), PICTURES):
        window = [None if place else sample.blurred for place in (1, 0, 1)]
        pictures = [sample.blurred, *(runner.run(window)[0] for runner in runners)]
        rows.append([psnr(picture, sample.sharp) for picture in pictures])
    return rows


def seconds_a_frame(spec: PlaneSpec, precision: str) -> list[float]:
    """Median time of a frame at each scale."""
    engines = [load_engine("openvino", precision=precision, scale=scale) for scale in SCALES]
    runs, taken = [], [[] for _ in SCALES]
    for engine in engines:
        batch, out = engine.buffers(spec, 4), engine.buffers(spec, 2)
        fill(batch)
        runs.append((engine, batch, out))
    for _ in range(7):
        for (engine, batch, out), times in zip(runs, taken, strict=True):
            begun = time.perf_counter()
            engine.run(batch, out, engine.info.window.consecutive(4, 1, 2))
            times.append((time.perf_counter() - begun) / 2)
    return [median(times[1:]) for times in taken]


def fill(batch: PlaneBatch) -> None:
    """Waves that move from frame to frame."""
    for plane in batch.planes:
        rows, columns = np.mgrid[: plane.shape[1], : plane.shape[2]]
        for index in range(batch.size):
            plane[index] = 128 + 60 * np.sin((columns + 3 * index) / 9) * np.cos((rows - 2 * index) / 13)


def report(photos: Path, lengths: Sequence[int] = LENGTHS, sizes: Sequence[tuple[int, int]] = SIZES) -> None:
    """Measures and prints, for strokes of some lengths and frames of some sizes."""
    runners = [runner_for(load_engine("openvino", precision="fp32", scale=scale)) for scale in SCALES]
    print(f"| stroke, {PICTURES} photographs, FP32 | blurred | `--scale 1` | `--scale 0.5` | half is better in |")
    print("| -- | -- | -- | -- | -- |")
    for length in lengths:
        rows = scored(runners, photos, length)
        means = " | ".join(f"{fmean(column):.2f} dB" for column in zip(*rows, strict=True))
        print(f"| {length} pixels | {means} | {sum(row[2] > row[1] for row in rows)} |", flush=True)
    print("\n| engine | `--scale 1` | `--scale 0.5` |\n| -- | -- | -- |")
    for width, height in sizes:
        for precision in ("fp32", "auto"):
            whole, half = seconds_a_frame(PlaneSpec(width, height), precision)
            print(f"| {width}x{height}, {precision} | {1000 * whole:.0f} ms | {1000 * half:.0f} ms |", flush=True)
    print(describe())


if __name__ == "__main__":
    report(Path(sys.argv[1]))
