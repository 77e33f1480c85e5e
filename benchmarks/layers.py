"""Where a frame's time goes, layer by layer, by OpenVINO's own performance counters.

    python benchmarks/layers.py --json layers.json
    python benchmarks/layers.py --size 640x360 --precision int8 --runs 20

The whole graph is measured as `deblur video` runs it, plane arithmetic included. A layer's share is of the rate at
which the same cores multiply FP32 matrices; one without multiply-adds has none. Counters cost a little themselves.
"""

from __future__ import annotations

import argparse
import statistics
from collections import defaultdict
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import openvino as ov
from measure import table

from network import catalogue
from network.files import write_json
from network.planes import PlaneBatch, PlaneSpec
from network.window.stage import WindowStage
from network.window.working import working_spec
from pipeline.bench.synthetic import frames
from pipeline.engines.flops import matrix_rate, node_multiply_adds
from pipeline.engines.openvino import HINTS, OpenVinoEngine, OpenVinoOptions
from pipeline.engines.openvino_core import openvino_core
from pipeline.engines.openvino_graphs import planar_model, window_model
from pipeline.engines.openvino_network import read_network
from pipeline.system.machine import describe

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from network.window.windows import Window


@dataclass(frozen=True)
class Layer:
    """What one step of the compiled graph costs.

    Attributes:
        name: OpenVINO's name of the step; what was fused into it has no line of its own.
        kind: Kind of operation.
        implementation: OpenVINO's name of the implementation, with its arithmetic.
        ms: Median time of a frame, in milliseconds.
        macs: Number of multiply-adds of a frame.
    """

    name: str
    kind: str
    implementation: str
    ms: float
    macs: int


def measure(network: Path, floating: str, spec: PlaneSpec, threads: int | None, runs: int) -> list[Layer]:
    """Runs a frame ``runs`` times and once more to warm up; layers in floating point compute in ``floating``."""
    read = read_network(network)
    if read.window is None:
        model = planar_model(read.model, spec, 1, 1.0)
    else:
        model = window_model(read.model, read.window, working_spec(spec), 1, 1.0)
        model.validate_nodes_and_infer_types()  # its inner shapes follow from those of its new inputs
    macs = {node.get_friendly_name(): node_multiply_adds(node) for node in model.get_ops()}
    properties: dict[str, Any] = {
        "PERFORMANCE_HINT": "LATENCY",
        "INFERENCE_PRECISION_HINT": HINTS[floating],
        "ENABLE_CPU_PINNING": False,
        "PERF_COUNT": True,
    }
    if threads is not None:
        properties["INFERENCE_NUM_THREADS"] = threads
    request = openvino_core().compile_model(model, "CPU", properties).create_infer_request()
    planes = _inputs(read.window, spec)
    for index, plane in enumerate(planes):
        request.set_input_tensor(index, ov.Tensor(plane, shared_memory=True))
    times: dict[tuple[str, str, str], list[float]] = defaultdict(list)
    for run in range(runs + 1):
        request.infer()
        for step in request.profiling_info:
            if run and step.status == ov.ProfilingInfo.Status.EXECUTED:
                key = (step.node_name, step.node_type, step.exec_type)
                times[key].append(step.real_time.total_seconds())
    return [Layer(*key, 1000 * statistics.median(seconds), macs.get(key[0], 0)) for key, seconds in times.items()]


def _inputs(window: Window | None, spec: PlaneSpec) -> tuple[NDArray[Any], ...]:
    """What a network is given of a moving test picture."""
    count = 1 if window is None else window.frames
    batch = PlaneBatch.empty(spec, count)
    for index, picture in enumerate(frames(spec.width, spec.height, count)):
        for plane, made in zip(batch.planes, picture, strict=True):
            plane[index] = made
    if window is None:
        return batch.planes
    stage = WindowStage(spec, window)
    stage.fill(batch, window.consecutive(count, window.before, 1))
    return stage.inputs


def main() -> None:
    """Measures, prints, and writes JSON."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--size", default="1280x720")
    parser.add_argument("--precision", choices=("fp32", "bf16", "int8"), default="fp32")
    parser.add_argument("--weights", type=Path, help="an .onnx or (INT8) .xml file (default: the shipped one)")
    parser.add_argument("--threads", type=int)
    parser.add_argument("--runs", type=int, default=10)
    parser.add_argument("--json", type=Path, help="write the result here")
    arguments = parser.parse_args()
    shipped = catalogue.int8_file if arguments.precision == "int8" else catalogue.onnx_file
    file = arguments.weights or shipped(catalogue.DEFAULT)
    if file is None:
        raise SystemExit(f"no {arguments.precision} network comes with this checkout; give --weights")
    facts = describe()
    width, height = map(int, arguments.size.split("x"))
    floating = "bf16" if arguments.precision == "bf16" else "fp32"
    engine = OpenVinoEngine(file, OpenVinoOptions(floating=floating))
    info = engine.info
    layers = measure(file, engine.floating, PlaneSpec(width, height), arguments.threads, arguments.runs)
    rate = matrix_rate(info, arguments.threads)
    total = sum(layer.ms for layer in layers)
    macs = sum(layer.macs for layer in layers)

    rows = [("layer", "kind", "implementation", "ms", "of time", "of MACs", "share of matrix product")]
    for layer in sorted(layers, key=lambda layer: -layer.ms):
        share = 2 * layer.macs / (layer.ms / 1000) / rate.flops if layer.macs and layer.ms else None
        rows.append(
            (
                layer.name[-40:],
                layer.kind,
                layer.implementation,
                f"{layer.ms:.2f}",
                f"{layer.ms / total:.1%}",
                f"{layer.macs / macs:.1%}" if layer.macs else "",
                f"{share:.0%}" if share is not None else "",
            )
        )
    print(f"{info.network} {info.precision}, {arguments.size}, {facts['processor']}, {facts['cores']} cores")
    print(table(rows))
    without = sum(layer.ms for layer in layers if not layer.macs)
    convolving = sum(layer.ms for layer in layers if layer.kind == "Convolution")
    print(
        f"{total:.1f} ms a frame, {convolving / total:.1%} of it in convolutions, {without / total:.1%} in steps "
        "without multiply-adds"
    )
    print(f"{2 * macs / total / 1e6:.0f} GFLOP/s of {rate.flops / 1e9:.0f} in a matrix product of size {rate.size}")
    if arguments.json:
        found = {
            "size": arguments.size,
            "engine": asdict(info),
            "layers": [asdict(layer) for layer in layers],
            "matrix_rate": asdict(rate),
            "machine": facts,
        }
        write_json(arguments.json, found)


if __name__ == "__main__":
    main()
