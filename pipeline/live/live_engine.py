"""The one thread that uses the engine, for all sessions in turn. See :mod:`pipeline.live.session`."""

from __future__ import annotations

import threading
import time
from collections import deque
from typing import TYPE_CHECKING, Self

from pipeline.errors import EngineError
from pipeline.live.session import LiveSession, SessionOptions

if TYPE_CHECKING:
    from types import TracebackType

    from pipeline.runner.protocols import Engine, EngineInfo


class LiveEngine:
    """Sessions that share an engine, and the one thread that uses it. A context manager.

    Args:
        engine: Engine, which the live engine alone uses from now on.
    """

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._sessions: deque[LiveSession] = deque()
        self._last: LiveSession | None = None
        self._condition = threading.Condition()
        self._is_closed = False
        self._thread = threading.Thread(target=self._work, name="deblur-live", daemon=True)
        self._thread.start()

    def __enter__(self) -> Self:
        """The live engine itself."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Closes the live engine."""
        self.close()

    @property
    def engine(self) -> EngineInfo:
        """Facts about the engine."""
        return self._engine.info

    @property
    def sessions(self) -> tuple[LiveSession, ...]:
        """Open sessions."""
        with self._condition:
            return tuple(self._sessions)

    def open(self, options: SessionOptions | None = None) -> LiveSession:
        """A new stream.

        Raises:
            EngineError: If the live engine is closed.
        """
        session = LiveSession(options or SessionOptions(), self._engine.info.window, self._wake, self._forget)
        with self._condition:
            if self._is_closed:
                raise EngineError("the live engine is closed; start it again")
            self._sessions.append(session)
        return session

    def close(self) -> None:
        """Ends all sessions and the thread, after the frame that the engine is working on. Harmless if done.

        That may take as long as the engine takes for a frame; a process that ended meanwhile would crash in it.
        """
        with self._condition:
            self._is_closed = True
            self._condition.notify_all()
        for session in self.sessions:
            session.close()
        self._thread.join()

    def _wake(self) -> None:
        with self._condition:
            self._condition.notify_all()

    def _forget(self, session: LiveSession) -> None:
        with self._condition:
            if session in self._sessions:
                self._sessions.remove(session)

    def _next(self) -> LiveSession | None:
        """The session that is to be served next, put at the end of the row; None at the end."""
        with self._condition:
            while not self._is_closed:
                for session in self._sessions:
                    if session.wants_attention:
                        self._sessions.remove(session)
                        self._sessions.append(session)
                        return session
                dues = [due for session in self._sessions if (due := session.due) is not None]
                self._condition.wait(max(min(dues) - time.perf_counter(), 0.0) if dues else None)
        return None

    def _work(self) -> None:
        while (session := self._next()) is not None:
            if session is not self._last:
                self._engine.reset()
                self._last = session
            session.step(self._engine)
