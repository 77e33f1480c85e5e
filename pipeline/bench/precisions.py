"""How long a network takes in each precision, in turn. Runs in a process of its own."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

from pipeline.runner.protocols import TimedEngine
from pipeline.runner.trial import Trial

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from network.planes import PlaneSpec
    from pipeline.runner.protocols import Engine

LEAST_ROUNDS = 3


@dataclass(frozen=True, slots=True)
class PrecisionCase:
    """One comparison. All of it can be sent to another process.

    Attributes:
        loads: Functions that make the engine, by precision.
        spec: Kind and size of the frames.
        seconds: Time for all runs together, without loading and compiling; there are :data:`LEAST_ROUNDS` at least.
    """

    loads: Mapping[str, Callable[[], Engine]]
    spec: PlaneSpec
    seconds: float


def time_precisions(case: PrecisionCase) -> dict[str, float]:
    """The milliseconds of a frame in each precision: the least, since whatever else the machine does only adds.

    The network alone counts where the engine tells, else the engine.

    Raises:
        EngineError: If an engine can't be loaded, or fails.
    """
    engines = {precision: load() for precision, load in case.loads.items()}
    trials = {precision: Trial(engine, case.spec, 1) for precision, engine in engines.items()}
    for trial in trials.values():
        trial.fill()
        trial.run()
    times: dict[str, list[float]] = {precision: [] for precision in trials}
    begun = time.perf_counter()
    while time.perf_counter() - begun < case.seconds or len(times[next(iter(times))]) < LEAST_ROUNDS:
        for precision, trial in trials.items():
            engine = engines[precision]
            before = _clock(engine)
            trial.run()
            times[precision].append(_clock(engine) - before)
    return {precision: 1000 * min(found) for precision, found in times.items()}


def _clock(engine: Engine) -> float:
    return engine.network_seconds if isinstance(engine, TimedEngine) else time.perf_counter()
