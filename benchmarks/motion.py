"""What other ways to find motion and to align cost, and what the pictures lose by them. Prints markdown.

    python benchmarks/motion.py EVAL --json motion.json
    python benchmarks/motion.py EVAL --only stride

EVAL holds ``reds``, as for `quality.py`. Each way takes the place of the pipeline's own for the shipped network in FP32
over both sequences in order. Time is that of one core for both neighbours of a frame, the median of rounds in which
every way has its turn: it counts processor time, so that other work does little harm.
"""

from __future__ import annotations

import argparse
import statistics
import sys
import time
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from statistics import fmean
from threading import Lock
from typing import TYPE_CHECKING, Any

import cv2
import numpy as np
from measure import table

from network.data.datasets import find_pairs
from network.data.planes import split, to_frame
from network.evaluation.evaluate import Sample, read_samples
from network.evaluation.metrics import detail_psnr, psnr
from network.evaluation.runners import deblur_in_order, runner_for
from network.files import write_json
from network.window import alignment, motion, stage
from pipeline.engines.load import load_engine
from pipeline.system.machine import describe

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from numpy.typing import NDArray

    from network.window.motion import Flow, Small

    Find = Callable[[Small, Small], Flow]
    Align = Callable[[tuple[NDArray[Any], ...], Flow, tuple[NDArray[Any], ...]], None]

ROUNDS = 25
_NO_MAP: Any = None


@dataclass(frozen=True)
class Way:
    """A way to find motion and to align.

    Attributes:
        name: What the table calls it.
        find: Takes the place of :func:`network.window.motion.find_flow`.
        align: Takes the place of :func:`network.window.alignment.align`.
    """

    name: str
    find: Find = motion.find_flow
    align: Align = alignment.align


def searched(
    stride: int, descents: int, finest: int = 0, median: int = 0, *, spreads: bool = True, normal: bool = True
) -> Find:
    """DIS with other settings than the pipeline's, and with a median over that many points of the flow."""
    dis = cv2.DISOpticalFlow.create(cv2.DISOPTICAL_FLOW_PRESET_ULTRAFAST)
    dis.setFinestScale(finest)
    dis.setPatchSize(8)
    dis.setPatchStride(stride)
    dis.setGradientDescentIterations(descents)
    dis.setUseSpatialPropagation(spreads)
    dis.setUseMeanNormalization(normal)
    lock = Lock()

    def find(present: Small, neighbour: Small) -> Flow:
        with lock:
            flow = np.asarray(dis.calc(present, neighbour, _NO_MAP), np.float32)
        return np.asarray(cv2.medianBlur(flow, median), np.float32) if median else flow

    return find


class OneAPair:
    """One search for a pair of frames; the flow to the earlier frame is the inverse of that to the later one.

    The flow of the last pairs is kept, as a pipeline would: half of the searches fall away.
    """

    def __init__(self, rounds: int) -> None:
        self._rounds, self._lock = rounds, Lock()
        self._order: dict[bytes, int] = {}
        self._flows: dict[tuple[int, int], Flow] = {}

    def __call__(self, present: Small, neighbour: Small) -> Flow:
        """See :func:`network.window.motion.find_flow`. Frames are known by their content, in the order they come."""
        with self._lock:
            here, there = (self._order.setdefault(each.tobytes(), len(self._order)) for each in (present, neighbour))
        if here < there:
            self._flows[here, there] = motion.find_flow(present, neighbour)
            return self._flows[here, there]
        onward = self._flows.get((there, here))
        return self.turned(motion.find_flow(neighbour, present) if onward is None else onward)

    def turned(self, flow: Flow) -> Flow:
        """The inverse, by the iteration g(x) = -f(x + g(x))."""
        back = -flow
        how = cv2.INTER_LINEAR | cv2.WARP_RELATIVE_MAP
        for _ in range(self._rounds):
            back = -np.asarray(cv2.remap(flow, back, _NO_MAP, how, None, cv2.BORDER_REPLICATE), np.float32)
        return back


def nearest(planes: tuple[NDArray[Any], ...], flow: Flow, out: tuple[NDArray[Any], ...]) -> None:
    """Aligns by the nearest sample."""
    how = cv2.INTER_NEAREST | cv2.WARP_RELATIVE_MAP
    for plane, target in zip(planes, out, strict=True):
        cv2.remap(plane, _shift(flow, plane), _NO_MAP, how, target, cv2.BORDER_REPLICATE)


def chroma_nearest(planes: tuple[NDArray[Any], ...], flow: Flow, out: tuple[NDArray[Any], ...]) -> None:
    """Aligns chroma by the nearest sample, luma as ever."""
    alignment.align(planes[:1], flow, out[:1])
    nearest(planes[1:], flow, out[1:])


def fixed_point(planes: tuple[NDArray[Any], ...], flow: Flow, out: tuple[NDArray[Any], ...]) -> None:
    """Aligns by maps in fixed point, shared by both chroma planes."""
    for shape in dict.fromkeys(plane.shape for plane in planes):
        chosen = [number for number, plane in enumerate(planes) if plane.shape == shape]
        places = _shift(flow, planes[chosen[0]])
        places += _grid(*shape)
        maps = cv2.convertMaps(places, _NO_MAP, cv2.CV_16SC2)
        for number in chosen:
            cv2.remap(planes[number], *maps, cv2.INTER_LINEAR, out[number], cv2.BORDER_REPLICATE)


def in_bands(planes: tuple[NDArray[Any], ...], flow: Flow, out: tuple[NDArray[Any], ...], rows: int = 12) -> None:
    """Aligns a band of the picture at a time, so that its maps stay in the processor's cache."""
    how = cv2.INTER_LINEAR | cv2.WARP_RELATIVE_MAP
    for plane, target in zip(planes, out, strict=True):
        scale = plane.shape[0] // flow.shape[0]
        for top in range(0, flow.shape[0], rows):
            first, last = max(top - 1, 0), min(top + rows + 1, flow.shape[0])
            part = flow[first:last] * np.float32(scale)
            part[..., 1] += np.float32(top * scale)
            shift = cv2.resize(part, (plane.shape[1], len(part) * scale), interpolation=cv2.INTER_LINEAR)
            made = target[top * scale : (top + rows) * scale]
            begin = (top - first) * scale
            cv2.remap(plane, shift[begin : begin + len(made)], _NO_MAP, how, made, cv2.BORDER_REPLICATE)


@cache
def _grid(height: int, width: int) -> NDArray[np.float32]:
    down, across = np.indices((height, width), np.float32)
    return np.dstack((across, down))


def _shift(flow: Flow, plane: NDArray[Any]) -> NDArray[np.float32]:
    scale = np.float32(plane.shape[0] / flow.shape[0])
    return np.asarray(cv2.resize(flow * scale, plane.shape[::-1], interpolation=cv2.INTER_LINEAR), np.float32)


def ways() -> Iterator[Way]:
    """What the others are compared with comes first."""
    yield Way("stride 4, 20 descents", searched(4, 20))
    yield Way("stride 5, 12 descents, median of 3", searched(5, 12, median=3))
    yield Way("stride 6, 20 descents, median of 3", searched(6, 20, median=3))
    yield Way("stride 4, 12 descents, median of 3", searched(4, 12, median=3))
    yield Way("stride 5, 12 descents", searched(5, 12))
    yield Way("finest scale 1, stride 4, 12 descents, median of 3", searched(4, 12, 1, median=3))
    yield Way("one search a pair, the other flow its inverse", OneAPair(2))
    yield Way("chroma aligned by the nearest sample", searched(4, 20), chroma_nearest)
    yield Way("all aligned by the nearest sample", searched(4, 20), nearest)
    yield Way("stride 6, 20 descents", searched(6, 20))
    yield Way("no propagation between patches", searched(4, 20, spreads=False))
    yield Way("no normalisation of patches", searched(4, 20, normal=False))
    yield Way("stride 4, 12 descents", searched(4, 12))
    yield Way("maps in fixed point", searched(4, 20), fixed_point)
    yield Way("maps in bands of 48 rows", searched(4, 20), in_bands)


def times(chosen: list[Way], frames: list[NDArray[np.uint8]], rounds: int = ROUNDS) -> list[tuple[float, float]]:
    """Milliseconds of one core to find and to align both neighbours of the middle one of three frames, for each way."""
    planes = [(luma, chroma[0], chroma[1]) for luma, chroma in map(split, frames)]
    smalls = [motion.averaged(each[0]) for each in planes]
    out = tuple(np.empty_like(plane) for plane in planes[0])
    found: list[tuple[list[float], list[float]]] = [([], []) for _ in chosen]
    for _ in range(rounds):
        for way, (finding, aligning) in zip(chosen, found, strict=True):
            started = time.thread_time()
            if isinstance(way.find, OneAPair):  # the earlier pair is known from the window before
                flows = [way.find.turned(motion.find_flow(smalls[1], smalls[2]))]
                flows *= 2
            else:
                flows = [way.find(smalls[1], smalls[side]) for side in (0, 2)]
            between = time.thread_time()
            for side, flow in zip((0, 2), flows, strict=True):
                way.align(planes[side], flow, out)
            finding.append(between - started)
            aligning.append(time.thread_time() - between)
    return [(1000 * statistics.median(finding), 1000 * statistics.median(aligning)) for finding, aligning in found]


def quality(way: Way, runner: Any, sequences: list[list[Sample]]) -> list[dict[str, float]]:
    """PSNR and detail of each sequence, deblurred with a way in place of the pipeline's own."""
    kept: dict[str, Any] = {"find_flow": stage.find_flow, "align": stage.align}
    try:
        stage.find_flow, stage.align = way.find, way.align  # type: ignore[assignment]
        results = [list(deblur_in_order(runner, [each.blurred for each in samples])) for samples in sequences]
    finally:
        stage.find_flow, stage.align = kept["find_flow"], kept["align"]
    return [
        {
            name: fmean(measure(output, each.sharp) for output, each in zip(outputs, samples, strict=True))
            for name, measure in (("psnr", psnr), ("detail", detail_psnr))
        }
        for outputs, samples in zip(results, sequences, strict=True)
    ]


def main() -> None:
    """Measures, prints, and writes JSON."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("folder", type=Path)
    parser.add_argument("--only", default="", help="ways whose names hold this, beside the first one")
    parser.add_argument("--no-quality", action="store_true", help="measure time alone")
    parser.add_argument("--threads", type=int, help="of the engine")
    parser.add_argument("--json", type=Path, help="write the result here")
    arguments = parser.parse_args()
    machine = describe()
    first, *others = ways()
    chosen = [first, *(way for way in others if arguments.only in way.name)]
    pairs = find_pairs(arguments.folder / "reds")
    names = list(dict.fromkeys(pair.sequence for pair in pairs))
    sequences = [list(read_samples([pair for pair in pairs if pair.sequence == name])) for name in names]
    costs = times(chosen, [to_frame(np.float32(sample.blurred) / 255) for sample in sequences[0][1:4]])
    rows = [("way", "flow, ms", "alignment, ms", *(f"{name}, {what}" for name in names for what in ("dB", "detail")))]
    runner = runner_for(load_engine("openvino", precision="fp32", threads=arguments.threads))
    found: list[dict[str, Any]] = []
    for way, (finding, aligning) in zip(chosen, costs, strict=True):
        scores = [] if arguments.no_quality else quality(way, runner, sequences)
        found.append({"way": way.name, "flow_ms": finding, "align_ms": aligning, "sequences": scores})
        print(f"{way.name}: {scores}", file=sys.stderr, flush=True)
        lost = [
            f"{score[what] - base[what]:+.3f}"
            for score, base in zip(scores, found[0]["sequences"], strict=True)
            for what in ("psnr", "detail")
        ]
        rows.append((way.name, f"{finding:.1f}", f"{aligning:.1f}", *(lost or [""] * (2 * len(names)))))
    print(f"{machine['processor']}, {machine['cores']} cores; milliseconds of one core a frame")
    print(table(rows))
    if arguments.json:
        write_json(arguments.json, {"ways": found, "machine": machine})


if __name__ == "__main__":
    main()
