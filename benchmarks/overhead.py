"""CPU time of `deblur video` against decoding, inference and encoding of the same frames, each measured apart.

    python benchmarks/overhead.py CLIP
    python benchmarks/overhead.py CLIP --network identity --seconds 4 --json overhead.json

The parts are measured in this process one after the other, with PyAV and the engine alone: none of the pipeline's
threads, queues, copies or sound. The whole is the command in a process of its own, its start included. Ends with 1 if
the whole costs more than a tenth more than the parts.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
import time
from collections import deque
from pathlib import Path
from typing import TYPE_CHECKING, Any

import av
from measure import run_deblur, table

from network import catalogue
from network.files import write_json
from network.planes import PlaneBatch
from pipeline.decode.source import VideoSource
from pipeline.encode.sink import VideoSink
from pipeline.engines.load import load_engine
from pipeline.job import SinkOptions, SourceOptions
from pipeline.media.frames import read_planes, write_planes
from pipeline.runner.windows import WindowPlaces
from pipeline.system.machine import describe

if TYPE_CHECKING:
    from collections.abc import Callable

    from pipeline.runner.protocols import Engine

LIMIT = 1.1


def cpu_time(work: Callable[[], object]) -> float:
    """Processor time of ``work`` in seconds, over all threads."""
    started = time.process_time()
    work()
    return time.process_time() - started


def decode(clip: Path, frames: int) -> None:
    """Decodes the first ``frames`` frames and drops them."""
    with av.open(str(clip)) as container:
        stream = container.streams.video[0]
        stream.thread_type = "AUTO"
        for number, _ in enumerate(container.decode(stream), 1):
            if number == frames:
                return


def infer_and_keep(engine: Engine, clip: Path, seconds: float | None, kept: list[av.VideoFrame]) -> float:
    """Deblurs the frames beside each other, keeps the results in ``kept``, and counts the engine alone.

    Returns:
        Seconds of processor time.
    """
    total = 0.0
    sees_others = engine.info.window.frames > 1
    with VideoSource(clip, SourceOptions(duration=seconds)) as source:
        places = WindowPlaces(engine.info.window, source.info.interval)
        blurred = engine.buffers(source.spec, places.capacity(1) if sees_others else 1)
        sharp = engine.buffers(source.spec, 1)
        waiting: deque[av.VideoFrame] = deque()

        def make_next() -> float:
            windows = places.take()[None]
            cost = cpu_time(lambda: engine.run(blurred, sharp, *([windows] if sees_others else [])))
            kept.append(write_planes(sharp, 0, waiting.popleft()))
            for old, new in places.move() if sees_others else ():
                for plane in blurred.planes:
                    plane[new] = plane[old]
            return cost

        for event in source.events():
            if isinstance(event, av.VideoFrame):
                read_planes(event, blurred, places.free if sees_others else 0)
                places.add(event.pts * source.info.time_base if event.pts is not None else None)
                waiting.append(event)
                if places.is_ready:
                    total += make_next()
        while waiting:
            total += make_next()
    return total


def encode(frames: list[av.VideoFrame], sink: VideoSink, path: Path) -> None:
    """Encodes the frames with the encoder and the settings that ``sink`` has planned."""
    plan = sink.plan
    with av.open(str(path), "w") as output:
        stream: Any = output.add_stream(plan.encoder, rate=plan.rate, options=dict(plan.options))
        stream.width, stream.height, stream.pix_fmt = plan.width, plan.height, plan.pixel_format
        stream.codec_context.time_base = plan.time_base
        for frame in frames:
            output.mux(stream.encode(frame))
        output.mux(stream.encode(None))


def copying(clip: Path, frames: int) -> float:
    """Seconds of processor time to copy the planes of ``frames`` frames into a batch and out again."""
    with VideoSource(clip, SourceOptions(duration=0.001)) as source:
        frame = next(event for event in source.events() if isinstance(event, av.VideoFrame))
        batch = PlaneBatch.empty(source.spec, 1)

    def copy() -> None:
        for _ in range(frames):
            read_planes(frame, batch, 0)
            write_planes(batch, 0, frame)

    copy()  # memory is touched for the first time, and the frame leaves the decoder
    return cpu_time(copy)


def measure_parts(arguments: argparse.Namespace, folder: Path) -> tuple[int, dict[str, float]]:
    """Measures each part alone.

    Returns:
        Number of frames, and seconds of processor time by part.
    """
    clip: Path = arguments.clip
    precision = getattr(arguments, "precision", "auto")
    engine = load_engine("auto", arguments.network, threads=arguments.threads, precision=precision)
    frames: list[av.VideoFrame] = []
    inference = infer_and_keep(engine, clip, arguments.seconds, frames)
    with VideoSource(clip) as source:
        sink = VideoSink(folder / f"plan{clip.suffix}", source.info, SinkOptions())
        encoding = cpu_time(lambda: encode(frames, sink, folder / f"part{clip.suffix}"))
        sink.abandon()
    return len(frames), {"decode": cpu_time(lambda: decode(clip, len(frames))), "infer": inference, "encode": encoding}


def main() -> int:
    """Measures, prints, and writes JSON."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("clip", type=Path)
    parser.add_argument("--network", default=catalogue.DEFAULT)
    parser.add_argument("--seconds", type=float, help="how much of the clip; all frames of it are kept in memory")
    parser.add_argument("--threads", type=int, help="of the engine")
    parser.add_argument("--json", type=Path, help="write the result here")
    arguments = parser.parse_args()
    clip: Path = arguments.clip
    facts = describe()

    command: list[object] = ["--quiet", "--overwrite", "--network", arguments.network]
    if arguments.threads:
        command += ["--threads", arguments.threads]
    part = ["--duration", arguments.seconds] if arguments.seconds else []
    with tempfile.TemporaryDirectory() as name:
        result = Path(name) / f"out{clip.suffix}"
        whole = run_deblur(["video", clip, result, *command, *part]).cpu
        start = run_deblur(["video", clip, result, *command, "--duration", 0.001]).cpu
        frames, parts = measure_parts(arguments, Path(name))
    ratio = whole / sum(parts.values())
    passed = ratio <= LIMIT

    print(f"{arguments.network}, {frames} frames of {clip.name}, {facts['processor']}, {facts['cores']} cores")
    rows = [("part", "CPU s", "CPU ms a frame")]
    shown = {**parts, "parts together": sum(parts.values()), "deblur video": whole, "of it, one frame alone": start}
    rows += [(label, f"{seconds:.2f}", f"{1000 * seconds / frames:.2f}") for label, seconds in shown.items()]
    print(table(rows))
    print(f"the whole is {ratio:.3f} times its parts (at most {LIMIT}): {'passed' if passed else 'FAILED'}")
    if arguments.json:
        found = {
            "clip": clip.name,
            "network": arguments.network,
            "frames": frames,
            "parts_cpu_s": parts,
            "whole_cpu_s": whole,
            "one_frame_cpu_s": start,
            "ratio": ratio,
            "limit": LIMIT,
            "passed": passed,
            "machine": facts,
        }
        write_json(arguments.json, found)
    return 0 if passed else 1


if __name__ == "__main__":
    sys.exit(main())
