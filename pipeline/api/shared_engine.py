"""One engine for several streams that a program deblurs side by side."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING

from pipeline.errors import UsageError
from pipeline.runner.protocols import run_windows

if TYPE_CHECKING:
    from network.planes import PlaneBatch, PlaneSpec
    from network.window.windows import Windows
    from pipeline.runner.protocols import Engine, EngineInfo

_MEMBERS = ("info", "buffers", "run", "reset")


def check_engine(engine: object) -> None:
    """Makes sure that an object has what :class:`pipeline.runner.protocols.Engine` asks for.

    Raises:
        UsageError: If it lacks a member.
    """
    missing = [name for name in _MEMBERS if not hasattr(engine, name)]
    if missing:
        raise UsageError(
            f"an engine has {', '.join(_MEMBERS)}; {type(engine).__name__} has no {' and no '.join(missing)}"
        )


class SharedEngine:
    """Lets several streams take turns at one engine, which serves one thread and one stream at a time.

    Args:
        engine: The engine; nothing else may use it.
    """

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._lock = threading.Lock()
        self._latest: StreamEngine | None = None

    @property
    def info(self) -> EngineInfo:
        """What the engine is."""
        return self._engine.info

    def stream(self) -> StreamEngine:
        """The engine for one more stream."""
        return StreamEngine(self)

    def buffers(self, spec: PlaneSpec, batch: int) -> PlaneBatch:
        """Allocates a batch, as the engine does."""
        with self._lock:
            return self._engine.buffers(spec, batch)

    def run(self, stream: StreamEngine, batch: PlaneBatch, out: PlaneBatch, windows: Windows | None) -> None:
        """Deblurs a batch of a stream. The engine forgets what it knows whenever that is another stream than before."""
        with self._lock:
            if self._latest is not stream:
                self._engine.reset()
                self._latest = stream
            run_windows(self._engine, batch, out, windows)

    def reset(self, stream: StreamEngine) -> None:
        """Has the engine forget a stream before it runs for it again."""
        with self._lock:
            if self._latest is stream:
                self._latest = None


class StreamEngine:
    """An engine as one stream sees it; it implements :class:`pipeline.runner.protocols.Engine`.

    Args:
        shared: The engine that all streams share.
    """

    def __init__(self, shared: SharedEngine) -> None:
        self._shared = shared

    @property
    def info(self) -> EngineInfo:
        """What the engine is."""
        return self._shared.info

    def buffers(self, spec: PlaneSpec, batch: int) -> PlaneBatch:
        """Allocates a batch, as the engine does."""
        return self._shared.buffers(spec, batch)

    def run(self, batch: PlaneBatch, out: PlaneBatch, windows: Windows | None = None) -> None:
        """Deblurs a batch once the engine is not at work for another stream."""
        self._shared.run(self, batch, out, windows)

    def reset(self) -> None:
        """Forgets this stream."""
        self._shared.reset(self)
