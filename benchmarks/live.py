"""Measures `deblur live` for as long as it takes: rate, latency, drops and memory, with and without look-ahead.

    python benchmarks/live.py [--seconds 300] [--heavy-seconds 180] [--output docs/results/data/live.json]

A test source of FFmpeg's (moving picture, 30 frames a second, 640x360) goes through the whole of a live run, source
to output, in a process of its own: with the default network, which sees the frame before, or with look-ahead the frame
after too; and with one that is far too heavy for a processor (`idc` as the paper has it, with weights drawn at random:
they change the picture, not the time). The figures hold for a machine that does nothing else. On Linux, --cores
restricts all of them to so many.
"""

from __future__ import annotations

import argparse
import multiprocessing
import os
import sys
import tempfile
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from network import catalogue
from network.files import write_json
from pipeline.engines.untrained import write_untrained
from pipeline.system import machine

SIZE, RATE = (640, 360), 30
SOURCE = f"lavfi:testsrc2=s={SIZE[0]}x{SIZE[1]}:r={RATE}"

SAMPLES = 60
"""Number of samples of the process's memory, over a run."""


def resident() -> int | None:
    """Bytes of memory of this process now (resident set); None where the system does not tell."""
    statm = Path("/proc/self/statm")
    return int(statm.read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE") if statm.is_file() else None


def run(network: str, weights: Path | None, look_ahead: int, seconds: float, threads: int) -> dict[str, Any]:
    """One live run in this process; returns its report with the samples of memory."""
    from threading import Event, Thread

    from pipeline.engines.load import load_engine
    from pipeline.live.input.address import find_address
    from pipeline.live.output.worker import NullOutput
    from pipeline.live.run import LiveJob, run_live
    from pipeline.live.session import SessionOptions
    from pipeline.live.status import LineStatus

    engine = load_engine("openvino", network, weights, threads=threads)
    memory: list[tuple[float, int]] = []
    is_over = Event()

    def sample() -> None:
        begun = time.perf_counter()
        while not is_over.wait(max(seconds / SAMPLES, 0.2)):
            if (now := resident()) is not None:
                memory.append((round(time.perf_counter() - begun, 2), now))

    sampler = Thread(target=sample, daemon=True)
    sampler.start()
    options = SessionOptions(look_ahead=look_ahead)
    job = LiveJob(find_address(SOURCE), options, outputs=[NullOutput()], duration=seconds)
    done = run_live(job, engine, LineStatus(sys.stderr, 10))
    is_over.set()
    sampler.join()
    if done.error is not None:
        raise done.error
    report = done.as_dict()
    # The first tenth warms up: the network is compiled, libraries fill their caches.
    settled = [value for at, value in memory if at > seconds / 10]
    keys = ("look_ahead", "seconds", "frames", "frames_per_second", "latency_ms", "outputs", "engine")
    return {
        "network": network,
        "wanted_seconds": seconds,
        **{key: report[key] for key in keys},
        "memory_bytes": {"settled": settled[0], "end": settled[-1], "most": max(settled)} if settled else None,
    }


def _in_process(*arguments: Any) -> dict[str, Any]:
    """Runs in a process of its own, so that one network's memory is not in the other's figures."""
    with multiprocessing.get_context("spawn").Pool(1) as pool:
        return pool.apply(run, arguments)


def table(results: dict[str, Any]) -> str:
    """The figures as Markdown."""
    lines = [
        "| network | look-ahead | frames/s | dropped | p50 | p95 | p99 | memory settled, at the end |",
        "|---|---|---|---|---|---|---|---|",
    ]
    for one in results["runs"]:
        shown, memory = one["outputs"]["null"], one["memory_bytes"]
        latency = shown["latency_ms"]
        share = one["frames"]["dropped"] / one["frames"]["captured"]
        lines.append(
            f"| {one['network']} | {one['look_ahead']} | {shown['frames_per_second']:.1f} | {share:.1%} | "
            + " | ".join("none" if latency[name] is None else f"{latency[name]:.0f} ms" for name in latency)
            + (f" | {memory['settled'] / 2**20:.0f}, {memory['end'] / 2**20:.0f} MiB |" if memory else " | |")
        )
    return "\n".join(lines)


def main() -> None:
    """Runs all and writes the figures."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seconds", type=float, default=300)
    parser.add_argument("--heavy-seconds", type=float, default=180)
    parser.add_argument("--cores", type=int, default=2)
    parser.add_argument(
        "--output", type=Path, default=Path(__file__).parents[1] / "docs" / "results" / "data" / "live.json"
    )
    options = parser.parse_args()
    if hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, sorted(os.sched_getaffinity(0))[: options.cores])
    threads = min(options.cores, machine.cores())
    facts = {"date": datetime.now(UTC).date().isoformat(), "machine": machine.describe()}
    runs = [_in_process(catalogue.DEFAULT, None, ahead, options.seconds, threads) for ahead in (0, 1)]
    with tempfile.TemporaryDirectory() as folder:
        heavy = Path(folder) / "idc.onnx"
        write_untrained("idc", heavy)
        runs.append(_in_process("idc", heavy, 0, options.heavy_seconds, threads))
    results = {**facts, "source": SOURCE, "cores": threads, "runs": runs}
    write_json(options.output, results)
    print(table(results))


if __name__ == "__main__":
    main()
