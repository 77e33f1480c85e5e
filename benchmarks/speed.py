"""Every figure of speed in the README, from one run. Prints markdown and writes JSON with the machine's data.

    python benchmarks/speed.py --json docs/results/data/speed.json --plot docs/results/speed.svg
    python benchmarks/speed.py --quick

Takes about 12 minutes on two cores. Each engine and size is measured in a process of its own. Ratios hold on other
machines of a like kind; rates are those of this one, and only if nothing else runs on it.
"""

from __future__ import annotations

import argparse
import tempfile
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from measure import run_deblur
from memory import make_clip, make_piece
from overlap import measure as measure_overlap

from network import catalogue
from network.files import write_json
from pipeline.bench.charts import Curve, Curves, chart
from pipeline.bench.isolate import isolated
from pipeline.bench.measure import Case, Measured, measure
from pipeline.bench.synthetic import write_clip
from pipeline.engines.flops import matrix_rate, network_flops
from pipeline.engines.load import load_engine
from pipeline.errors import EngineError, UsageError
from pipeline.job import SinkOptions
from pipeline.system.machine import describe

ENGINES = (("openvino", "fp32"), ("openvino", "int8"), ("onnxruntime", "fp32"), ("torch", "fp32"))
MEMORY_LIMIT = 4 * 2**30


@dataclass(frozen=True)
class Plan:
    """The extent of the measurements.

    Attributes:
        seconds: Time for each of the four measurements of an engine, in seconds.
        size: Size at which engines are compared, in pixels.
        sizes: Sizes at which the default engine is measured, each in pixels.
        large: Size that must be processed within :data:`MEMORY_LIMIT`, in pixels.
        durations: Lengths of video whose costs are compared, in seconds.
        small: Size of that video, in pixels.
        overlap: Length of video by which the overlap of the stages is measured, in seconds.
    """

    seconds: float = 8.0
    size: tuple[int, int] = (1280, 720)
    sizes: tuple[tuple[int, int], ...] = ((320, 180), (640, 360), (1280, 720), (1920, 1080), (3840, 2160))
    large: tuple[int, int] = (3840, 2160)
    durations: tuple[int, ...] = (10, 60, 600)
    small: tuple[int, int] = (160, 90)
    overlap: float = 4.0


QUICK = Plan(0.5, (320, 180), ((160, 96), (320, 180)), (320, 180), (10, 20), (64, 64), 0.5)


def run_case(engine: str, precision: str, size: tuple[int, int], seconds: float) -> Measured:
    """Measures an engine on a synthetic clip.

    Raises:
        UsageError: If the engine is not installed, or has no such precision.
        EngineError: If it fails.
    """
    name = catalogue.DEFAULT
    with tempfile.TemporaryDirectory() as folder:
        clip = Path(folder) / "clip.mkv"
        write_clip(clip, *size)
        return isolated(
            measure,
            Case(
                engine=engine,
                clip=clip,
                seconds=seconds,
                load=partial(load_engine, engine, name, precision=precision),
                flops=partial(network_flops, name, None),
                matrix_rate=partial(matrix_rate, threads=None, seconds=1.0),
                sink=SinkOptions(overwrite=True),
            ),
        )


def facts_of(found: Measured) -> dict[str, Any]:
    """What of a measurement goes into the report."""
    return {
        "backend": found.info.backend,
        "precision": found.info.precision,
        "network": found.info.network,
        "digest": found.info.digest,
        "size": [found.spec.width, found.spec.height],
        "engine_fps": found.infer.median,
        "whole_fps": found.whole.median,
        "decode_fps": found.decode.median,
        "encode_fps": found.encode.median,
        "ms_a_megapixel": 1000 / found.infer.median / found.megapixels,
        "matrix_share": found.share,
        "matrix_gflops": found.matrix_rate.flops / 1e9,
        "latency_ms": [found.whole_latency.p50, found.whole_latency.p95, found.whole_latency.p99],
        "peak_bytes": found.peak_bytes,
    }


def compare(plan: Plan) -> dict[str, Any]:
    """Engines side by side; those that are not there with the reason."""
    rows: dict[str, Any] = {}
    for engine, precision in ENGINES:
        try:
            rows[f"{engine} {precision}"] = facts_of(run_case(engine, precision, plan.size, plan.seconds))
        except (UsageError, EngineError) as error:
            rows[f"{engine} {precision}"] = {"missing": str(error)}
    return rows


def lengths(plan: Plan) -> list[dict[str, Any]]:
    """Processor time of a frame and peak memory for clips of different length."""
    found = []
    piece = make_piece(plan.small)
    with tempfile.TemporaryDirectory() as folder:
        for seconds in plan.durations:
            clip, result = Path(folder) / f"{seconds}.mkv", Path(folder) / "out.mkv"
            make_clip(clip, seconds, piece)
            cost = run_deblur(["video", clip, result, "--overwrite", "--quiet", "--every-frame", "--segment", 0])
            found.append({"seconds": seconds, "wall_s": cost.wall, "cpu_s": cost.cpu, "peak_bytes": cost.peak})
    return found


def large(plan: Plan) -> dict[str, Any]:
    """Peak memory of `deblur video` at the largest size."""
    with tempfile.TemporaryDirectory() as folder:
        clip = Path(folder) / "clip.mkv"
        write_clip(clip, *plan.large)
        cost = run_deblur(["video", clip, Path(folder) / "out.mkv", "--quiet", "--duration", 0.4, "--segment", 0])
    return {"size": plan.large, "peak_bytes": cost.peak, "limit_bytes": MEMORY_LIMIT, "fits": cost.peak < MEMORY_LIMIT}


def overlap(plan: Plan) -> dict[str, Any]:
    """The rate that is reached against the rate that the stages allow."""
    with tempfile.TemporaryDirectory() as folder:
        clip = Path(folder) / "clip.mkv"
        write_clip(clip, *plan.size)
        options = argparse.Namespace(
            clip=clip, network=catalogue.DEFAULT, precision="auto", seconds=plan.overlap, threads=None
        )
        return measure_overlap(options)


def markdown(found: dict[str, Any]) -> str:
    """The tables."""
    engines = found["engines"]
    base = engines["openvino fp32"]["engine_fps"]
    lines = [
        "| engine | frames/s, engine alone | times OpenVINO FP32 | share of matrix product | frames/s, whole |",
        "|---|---:|---:|---:|---:|",
    ]
    for name, row in engines.items():
        if "missing" in row:
            lines.append(f"| {name} | not measured: {row['missing']} | | | |")
            continue
        rate, share = row["engine_fps"], row["matrix_share"]
        cells = f"{rate:.1f} | {rate / base:.2f} | {share:.0%} | {row['whole_fps']:.1f}"
        lines.append(f"| {row['backend']} {row['precision'].upper()} | {cells} |")
    lines += ["", "| size | frames/s | ms a megapixel | peak memory, MiB |", "|---|---:|---:|---:|"]
    for row in found["sizes"]:
        size = "x".join(map(str, row["size"]))
        peak = f"{row['peak_bytes'] / 2**20:.0f}" if row["peak_bytes"] else ""
        lines.append(f"| {size} | {row['whole_fps']:.1f} | {row['ms_a_megapixel']:.1f} | {peak} |")
    lines += ["", "| video | CPU ms for a second of it | peak memory, MiB |", "|---|---:|---:|"]
    for row in found["lengths"]:
        cpu = 1000 * row["cpu_s"] / row["seconds"]
        lines.append(f"| {row['seconds']} s | {cpu:.0f} | {row['peak_bytes'] / 2**20:.0f} |")
    pace, biggest = found["overlap"], found["large"]
    lines += [
        "",
        f"`deblur video` reaches {pace['reached']:.1%} of the pace that the processor time of its stages allows.",
        f"{biggest['size'][0]}x{biggest['size'][1]} needs {biggest['peak_bytes'] / 2**30:.2f} GiB at most.",
    ]
    return "\n".join(lines)


def main() -> None:
    """Measures, prints, and writes JSON and the plot."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--quick", action="store_true", help="tiny sizes, to see that it works; no figures")
    parser.add_argument("--json", type=Path, help="write the figures here")
    parser.add_argument("--plot", type=Path, help="draw the cost of a frame against its size here, as SVG")
    arguments = parser.parse_args()
    plan = QUICK if arguments.quick else Plan()
    found: dict[str, Any] = {"machine": describe()}
    found["engines"] = compare(plan)
    found["sizes"] = [facts_of(run_case("openvino", "auto", size, plan.seconds)) for size in plan.sizes]
    found["overlap"] = overlap(plan)
    found["lengths"] = lengths(plan)
    found["large"] = large(plan)
    print(markdown(found))
    if arguments.json:
        write_json(arguments.json, found)
    if arguments.plot:
        points = tuple((row["size"][0] * row["size"][1] / 1e6, 1000 / row["engine_fps"]) for row in found["sizes"])
        curves = Curves("Milliseconds a frame", "Megapixels a frame", (Curve("engine", points),), logarithmic=True)
        arguments.plot.write_text(chart([curves]), encoding="utf-8")


if __name__ == "__main__":
    main()
