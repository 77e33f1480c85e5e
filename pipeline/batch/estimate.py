"""The speed of an engine on the frames of a plan, to estimate how long the plan takes."""

from __future__ import annotations

import time
from collections import Counter
from typing import TYPE_CHECKING

from pipeline.batch.plan import PlannedState
from pipeline.runner.trial import Trial

if TYPE_CHECKING:
    from network.planes import PlaneSpec
    from pipeline.batch.plan import Plan
    from pipeline.runner.protocols import Engine

_RUNS = 2


def measure_speed(engine: Engine, plan: Plan) -> float | None:
    """Megapixels a second of the engine alone, on the kind of frame of which there is most to do; None without work.

    Decoding and encoding go on at the same time and are rarely slower; where they are, the work takes longer.

    Args:
        engine: Engine to measure. It is free for other use afterwards.
        plan: Plan with the videos to do.

    Raises:
        EngineError: If the engine can't take such frames.
    """
    work: Counter[PlaneSpec] = Counter()
    for video in plan.of(PlannedState.TODO):
        if video.spec:
            work[video.spec] += round(video.megapixels * 1000)
    if not work:
        return None
    [(spec, _)] = work.most_common(1)
    batch = engine.info.batch
    trial = Trial(engine, spec, batch)
    trial.fill()
    engine.reset()
    trial.run()  # the first run makes ready
    started = time.perf_counter()
    for _ in range(_RUNS):
        trial.run()
    return _RUNS * batch * spec.width * spec.height / 1e6 / max(time.perf_counter() - started, 1e-9)
