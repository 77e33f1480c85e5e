"""A live stream at a fixed rate, as a camera gives it: how late the picture is, and what is dropped.

The frames of a clip are pushed into a live session at the times at which a camera would have taken them, and results
are taken as an output takes them. There is no camera and no window. Runs in a process of its own.
"""

from __future__ import annotations

import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from pipeline.bench.endless_source import endless_frames
from pipeline.bench.rates import WARM_UP, percentiles
from pipeline.decode.source import VideoSource
from pipeline.errors import UsageError
from pipeline.job import SourceOptions
from pipeline.live.live_engine import LiveEngine
from pipeline.live.session import SessionOptions

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from pipeline.live.session import LiveSession
    from pipeline.live.subscription import Subscription
    from pipeline.runner.protocols import Engine, EngineInfo
    from pipeline.runner.timing import Latency

DEFAULT_RATE = 30.0
"""Frames a second of a clip that does not say its own rate."""


@dataclass(frozen=True, slots=True)
class LiveCase:
    """One measurement. All of it can be sent to another process.

    Attributes:
        engine: Name of the engine, for the report.
        clip: Path of the clip, which begins anew at its end.
        seconds: Length of the stream.
        load: Function that makes the engine.
        rate: Frames a second; None for the clip's.
        look_ahead: Number of frames, 0 or 1, by which each is held back for the network to see the next one.
        source: Options to read the clip with.
    """

    engine: str
    clip: Path
    seconds: float
    load: Callable[[], Engine]
    rate: float | None = None
    look_ahead: int = 0
    source: SourceOptions = field(default_factory=SourceOptions)


@dataclass(frozen=True, slots=True)
class LiveMeasured:
    """Results of one measurement. The warm-up does not count.

    Attributes:
        engine: Name of the engine, as in :class:`LiveCase`.
        info: Facts about the engine.
        width: Width of the frames in pixels.
        height: Height of the frames in pixels.
        rate: Frames a second that were wanted.
        captured_rate: Frames a second that were captured: fewer where decoding was too slow.
        look_ahead: Number of frames by which each was held back; 0 where the engine looks at no later frame.
        captured: Number of frames that were captured.
        shown: Number of those that came out; the others were dropped, because newer ones had come.
        latency: Time from capture to output.
        engine_ms: Median time that processing a frame took, in milliseconds.
    """

    engine: str
    info: EngineInfo
    width: int
    height: int
    rate: float
    captured_rate: float
    look_ahead: int
    captured: int
    shown: int
    latency: Latency
    engine_ms: float

    @property
    def dropped(self) -> int:
        """Number of frames that did not come out."""
        return self.captured - self.shown


def measure_live(case: LiveCase) -> LiveMeasured:
    """Measures a case.

    Raises:
        DeblurError: If the clip can't be read, or the engine not loaded, or it fails, or no frame came out in time.
    """
    with VideoSource(case.clip, case.source) as source:
        spec, clip_rate = source.info.spec, source.info.average_rate
    rate = case.rate or float(clip_rate or DEFAULT_RATE)
    engine = case.load()
    with LiveEngine(engine) as live:
        with closing(live.open()) as first:  # compiles, which no camera waits for
            view = first.subscribe()
            first.push(next(endless_frames(case.clip, case.source)))
            view.get()
        session = live.open(SessionOptions(look_ahead=case.look_ahead))
        with ThreadPoolExecutor(1) as viewer, closing(session):
            shown = viewer.submit(_show, session.subscribe())
            times = _capture(session, case, rate)
            session.finish()
            results = shown.result()
        service = session.service
    begin = times[0] + WARM_UP * case.seconds
    counted = [at for at in times if at >= begin]
    late = [shown - captured for captured, shown in results if captured >= begin]
    if not late or len(counted) < 2:
        raise UsageError(f"too few frames came out in {case.seconds:g} s; give more `seconds`", field="seconds")
    return LiveMeasured(
        engine=case.engine,
        info=engine.info,
        width=spec.width,
        height=spec.height,
        rate=rate,
        captured_rate=(len(counted) - 1) / (counted[-1] - counted[0]),
        look_ahead=session.look_ahead,
        captured=len(counted),
        shown=len(late),
        latency=percentiles(late),
        engine_ms=service.latency.p50,
    )


def _capture(session: LiveSession, case: LiveCase, rate: float) -> list[float]:
    """Pushes frames at a rate; returns the times of capture."""
    times: list[float] = []
    begun = time.perf_counter()
    for number, frame in enumerate(endless_frames(case.clip, case.source)):
        if number >= rate * case.seconds:
            break
        due = begun + number / rate
        time.sleep(max(due - time.perf_counter(), 0))
        times.append(time.perf_counter())
        session.push(frame, times[-1])
        if times[-1] - begun > case.seconds:
            break
    return times


def _show(view: Subscription) -> list[tuple[float, float]]:
    """Takes all results; returns the times at which each was captured and taken."""
    times = []
    while not view.is_ended:
        result = view.get()
        if result is not None:
            times.append((result.captured, time.perf_counter()))
    return times
