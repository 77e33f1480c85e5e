"""One engine on one clip: each stage alone, then the pipeline whole. Runs in a process of its own."""

from __future__ import annotations

import itertools
import tempfile
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pipeline.bench.endless_source import LoopedSource, TimedSink, endless_frames, without_copies
from pipeline.bench.rates import WARM_UP, Rate, percentiles, rate_of, rate_of_times
from pipeline.decode.source import VideoSource
from pipeline.encode.sink import VideoSink
from pipeline.errors import UsageError
from pipeline.job import SinkOptions, SourceOptions
from pipeline.media.frames import read_planes
from pipeline.runner.protocols import TimedEngine
from pipeline.runner.run import run
from pipeline.runner.skip import FrameGate
from pipeline.runner.trial import Trial
from pipeline.system.machine import peak_memory

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    import av

    from network.planes import PlaneSpec
    from pipeline.runner.protocols import Engine, EngineInfo
    from pipeline.runner.timing import Latency

KEPT_FRAMES = 16
KEPT_BYTES = 256 * 2**20
"""Largest number and size of the decoded frames that the encoder is measured with."""


@dataclass(frozen=True, slots=True)
class Case:
    """One measurement. All of it can be sent to another process.

    Attributes:
        engine: Name of the engine, for the report.
        clip: Path of the clip.
        seconds: Time that each of the four measurements may take.
        load: Function that makes the engine.
        flops: Function from width and height to the floating-point operations of a frame; None if unknown.
        matrix_rate: Function that measures the matrix product on the engine's device; its result is reported as it is,
            but for ``flops``, its operations a second, which the share is computed from.
        source: Options to read the clip with.
        sink: Options to write the output with.
    """

    engine: str
    clip: Path
    seconds: float
    load: Callable[[], Engine]
    flops: Callable[[int, int], int | None]
    matrix_rate: Callable[[EngineInfo], Any]
    source: SourceOptions = field(default_factory=SourceOptions)
    sink: SinkOptions = field(default_factory=SinkOptions)


@dataclass(frozen=True, slots=True)
class Measured:
    """Results of one measurement.

    Attributes:
        engine: Name of the engine, as in :class:`Case`.
        info: Facts about the engine, after its work.
        spec: Kind and size of the frames.
        batch: Frames that the engine got at a time.
        codec: Codec of the clip.
        encoder: Encoder of the output.
        video_rate: Frames a second of the clip; None if it does not say.
        ready_s: Time until the engine was loaded, and compiled for the frames, in seconds.
        decode: Rate of decoding alone, planes copied into the engine's memory.
        infer: Rate of the engine alone: the network, and what it does around it, such as the search for motion.
        network: Rate of the network alone, at half the size where corrections are computed so; None where the engine
            does not tell.
        encode: Rate of encoding alone.
        whole: Rate of all stages at once, as in `deblur video`.
        infer_latency: Latency of a batch in the engine.
        whole_latency: Time from a frame's decoding to its encoding, at full load, waiting included.
        duplicates: Frames of the whole run that equalled the one before and skipped the network.
        peak_bytes: Peak memory of the process during the whole run, in bytes, without that of a GPU; None if the system
            won't tell.
        flops: Floating-point operations of the network for a frame; None if unknown.
        matrix_rate: Rate of the machine's matrix product.
    """

    engine: str
    info: EngineInfo
    spec: PlaneSpec
    batch: int
    codec: str
    encoder: str
    video_rate: float | None
    ready_s: float
    decode: Rate
    infer: Rate
    network: Rate | None
    encode: Rate
    whole: Rate
    infer_latency: Latency
    whole_latency: Latency
    duplicates: int
    peak_bytes: int | None
    flops: int | None
    matrix_rate: Any

    @property
    def megapixels(self) -> float:
        """Size of a frame in millions of pixels."""
        return self.spec.width * self.spec.height / 1e6

    @property
    def real_time(self) -> float | None:
        """Seconds of video that the pipeline processes in a second."""
        return self.whole.median / self.video_rate if self.video_rate else None

    @property
    def share(self) -> float | None:
        """Share of the matrix product's operations a second that the engine reached in the network."""
        return self.flops * self.infer.median / self.matrix_rate.flops if self.flops else None


def measure(case: Case) -> Measured:
    """Measures a case.

    Raises:
        DeblurError: If the clip can't be read, the engine not loaded, or the output not written.
    """
    with VideoSource(case.clip, case.source) as source:
        spec, codec, rate = source.info.spec, source.info.codec, source.info.average_rate
    video_rate = float(rate) if rate else None
    started = time.perf_counter()
    engine = case.load()
    batch = engine.info.batch
    trial = Trial(engine, spec, batch)
    ready = time.perf_counter() - started

    with tempfile.TemporaryDirectory(prefix="deblur-") as folder:
        whole_rate, whole_latency, duplicates = _measure_whole(case, engine, batch, Path(folder) / "whole.mkv")
        peak = peak_memory()  # before the stages alone, which keep frames that a run does not
        encode_rate, encoder = _measure_encoding(case, Path(folder) / "encoded.mkv")

    decoded = endless_frames(case.clip, case.source)
    places = range(trial.blurred.size)
    index = itertools.cycle(places)

    def decode() -> int:
        read_planes(next(decoded), trial.blurred, next(index))
        return 1

    decode_rate, _ = rate_of(decode, case.seconds)
    for place in places:  # consecutive frames, as in a video
        read_planes(next(decoded), trial.blurred, place)
    infer_rate, infer_steps = _measure_engine(trial, batch, case.seconds)
    network_rate = _measure_network(engine, spec, case.seconds) if isinstance(engine, TimedEngine) else None
    return Measured(
        engine=case.engine,
        info=engine.info,
        spec=spec,
        batch=batch,
        codec=codec,
        encoder=encoder,
        video_rate=video_rate,
        ready_s=ready,
        decode=decode_rate,
        infer=infer_rate,
        network=network_rate,
        encode=encode_rate,
        whole=whole_rate,
        infer_latency=percentiles(infer_steps),
        whole_latency=whole_latency,
        duplicates=duplicates,
        peak_bytes=peak,
        flops=case.flops(spec.width, spec.height),
        matrix_rate=case.matrix_rate(engine.info),
    )


def _measure_engine(trial: Trial, batch: int, seconds: float) -> tuple[Rate, Sequence[float]]:
    """Rate of the engine, and the seconds of each run that counts."""

    def infer() -> int:
        trial.run()
        return batch

    return rate_of(infer, seconds)


def _measure_network(engine: TimedEngine, spec: PlaneSpec, seconds: float) -> Rate:
    """Rate of the network alone, a frame at a time: else it would share the cores with the motion of other frames."""
    trial = Trial(engine, spec, 1)
    trial.fill()
    so_far = [engine.network_seconds]

    def infer() -> int:
        trial.run()
        so_far.append(engine.network_seconds)
        return 1

    _, steps = rate_of(infer, seconds)
    in_network = so_far[-1] - so_far[-1 - len(steps)]
    return Rate((len(steps) / max(in_network, 1e-9),), len(steps))


def _measure_encoding(case: Case, path: Path) -> tuple[Rate, str]:
    """Encodes a few decoded frames forwards and backwards, so that motion goes on at either end."""
    with VideoSource(case.clip, case.source) as source:
        frames = endless_frames(case.clip, case.source)
        kept = [next(frames)]
        bytes_a_frame = sum(plane.buffer_size for plane in kept[0].planes)
        number = max(2, min(KEPT_FRAMES, KEPT_BYTES // bytes_a_frame))
        kept += itertools.islice(frames, number - 1)
        order = itertools.cycle([*range(number), *range(number - 2, 0, -1)])
        step = max((kept[1].pts or 0) - (kept[0].pts or 0), 1)
        times = itertools.count(kept[0].pts or 0, step)
        sink = VideoSink(path, without_copies(source.info), case.sink)

        def encode() -> int:
            frame: av.VideoFrame = kept[next(order)]
            frame.pts = next(times)
            sink.write_frame(frame)
            return 1

        try:
            rate, _ = rate_of(encode, case.seconds)
        finally:
            sink.abandon()
        return rate, sink.plan.encoder


def _measure_whole(case: Case, engine: Engine, batch: int, path: Path) -> tuple[Rate, Latency, int]:
    """Runs the pipeline; frames of the warm-up, and those that came after the source had ended, do not count."""
    looped = LoopedSource(case.clip, case.seconds, case.source)
    with VideoSource(case.clip, case.source) as planned:
        sink = VideoSink(path, without_copies(planned.info), case.sink)
        timed = TimedSink(sink)
        try:
            result = run(
                looped, engine, timed, batch=batch, gate=FrameGate(planned.spec), interval=planned.info.interval
            )
        finally:
            sink.abandon()
    begun, ended = looped.begun, timed.ended
    if len(ended) < 2:
        raise UsageError(f"one frame in {case.seconds:g} s is no rate; give more `seconds`", field="seconds")
    warm = begun[0] + WARM_UP * case.seconds
    counted = [number for number, time_ in enumerate(ended) if number >= batch and warm <= time_ <= begun[-1]]
    if len(counted) <= batch:
        counted = list(range(1, len(ended))) if len(ended) > 2 else [0, 1]
    latency = percentiles([ended[number] - begun[number] for number in counted])
    return rate_of_times([ended[number] for number in counted], batch), latency, result.duplicates
