"""The pace of `deblur video` against what the processor time of its stages allows on the same cores.

    python benchmarks/overlap.py CLIP
    python benchmarks/overlap.py CLIP --seconds 4 --precision int8 --json overlap.json

Decoding, inference and encoding of the same frames are measured apart (see `overhead.py`). If nothing ever waited and
nothing else were done, a frame would take their processor time divided by the number of cores: that is the pace that
is allowed. The pace that is reached is that of the command, less the time that it takes for one frame alone (start,
compilation). Ends with 1 below 92 %.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from pathlib import Path
from typing import Any

from measure import run_deblur, table
from overhead import copying, measure_parts

from network import catalogue
from network.files import write_json
from pipeline.system.machine import describe

TARGET = 0.92


def measure(arguments: argparse.Namespace) -> dict[str, Any]:
    """Measures one clip.

    Args:
        arguments: Parsed arguments with ``clip``, ``network``, ``seconds``, ``threads`` and ``precision``.
    """
    clip: Path = arguments.clip
    facts = describe()
    command: list[object] = ["--quiet", "--overwrite", "--network", arguments.network]
    command += ["--precision", arguments.precision, "--every-frame"]
    if arguments.threads:
        command += ["--threads", arguments.threads]
    part = ["--duration", arguments.seconds] if arguments.seconds else []
    with tempfile.TemporaryDirectory() as name:
        result = Path(name) / f"out{clip.suffix}"
        start = run_deblur(["video", clip, result, *command, "--duration", 0.001])
        whole = run_deblur(["video", clip, result, *command, *part])
        frames, parts = measure_parts(arguments, Path(name))
    wall = whole.wall - start.wall
    allowed = sum(parts.values()) / frames * (frames - 1) / facts["cores"]
    return {
        "clip": clip.name,
        "network": arguments.network,
        "precision": arguments.precision,
        "frames": frames,
        "parts_cpu_s": parts,
        "copying_cpu_s": copying(clip, frames),
        "whole_wall_s": whole.wall,
        "start_wall_s": start.wall,
        "allowed_wall_s": allowed,
        "reached": allowed / wall,
        "target": TARGET,
        "passed": allowed / wall >= TARGET,
        "machine": facts,
    }


def main() -> int:
    """Measures, prints, and writes JSON."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("clip", type=Path)
    parser.add_argument("--network", default=catalogue.DEFAULT)
    parser.add_argument("--precision", default="auto")
    parser.add_argument("--seconds", type=float, help="how much of the clip; all frames of it are kept in memory")
    parser.add_argument("--threads", type=int, help="of the engine")
    parser.add_argument("--json", type=Path, help="write the result here")
    arguments = parser.parse_args()
    found = measure(arguments)
    frames, facts = found["frames"], found["machine"]
    print(f"{arguments.network}, {frames} frames of {found['clip']}, {facts['processor']}, {facts['cores']} cores")
    rows = [("part", "CPU ms a frame")]
    rows += [(name, f"{1000 * seconds / frames:.2f}") for name, seconds in found["parts_cpu_s"].items()]
    rows.append(("copying planes in and out (in none of these)", f"{1000 * found['copying_cpu_s'] / frames:.2f}"))
    print(table(rows))
    print(
        f"{found['whole_wall_s'] - found['start_wall_s']:.2f} s where {found['allowed_wall_s']:.2f} s are allowed: "
        f"{found['reached']:.1%} of the pace (at least {TARGET:.0%}): {'passed' if found['passed'] else 'FAILED'}"
    )
    if arguments.json:
        write_json(arguments.json, found)
    return 0 if found["passed"] else 1


if __name__ == "__main__":
    sys.exit(main())
