"""Streams of frames through one engine, newest frame first: what sources push into and outputs take from.

::

    with LiveEngine(engine) as live_engine:  # one thread that alone uses the engine
        session = live_engine.open()                # one stream: a camera, or the camera of one browser
        view = session.subscribe()                  # one output or viewer; any number
        session.push(frame, captured)               # by the source's thread; never waits
        result = view.get(timeout=0.1)              # by the output's thread; None: nothing came
        view.mark_shown(result)                     # counts it, and its latency from capture to display
        session.strength = 0.7                      # at any time, by any thread
        session.count, view.count                   # captured and dropped frames, rates, latencies

Promises, for whoever writes a source or an output:

- ``push`` never waits and never grows: of the frames that wait for the engine only the newest is kept (or the newest
  ``queue``), the others are counted as dropped. So the picture never falls behind.
- The engine takes the sessions that have a frame in turn, one frame each: one busy session can't starve another.
- Each subscription has such a queue of its own: a slow output delays no other, and nothing upstream.
- Frames may be of any pixel format and may change size and format at any time; results then change with them.
- An engine that looks at neighbours gets those of the same session that were captured next to the frame, dropped or
  not. One is missing at the start, after ``cut``, after a gap of more than two and a half frame intervals, and where
  it is of another size or format.
- An error of the engine on a frame ends that session alone, and is raised by ``push`` and ``get``.
- All methods may be called by any thread. In asyncio, give ``on_ready`` to ``subscribe`` and wake the loop in it by
  ``call_soon_threadsafe``; then ``get(timeout=0)``.
- Frames of results belong to all who take them: nobody may write into them, and whoever needs another format makes a
  new frame (``frame.reformat``).
"""

from __future__ import annotations

import threading
import time
from collections import deque
from dataclasses import dataclass
from typing import TYPE_CHECKING

from pipeline.errors import EngineError
from pipeline.live.counters import FlowCount, FlowCounter
from pipeline.live.neighbours import Moment, Neighbours
from pipeline.live.processor import FrameProcessor, check_strength
from pipeline.live.subscription import LiveResult, Subscription
from pipeline.system.unexpected import explain

if TYPE_CHECKING:
    from collections.abc import Callable

    import av

    from network.window.windows import Window
    from pipeline.runner.protocols import Engine


@dataclass(frozen=True, slots=True)
class SessionOptions:
    """Options of one stream.

    Attributes:
        queue: Number of frames that may wait for the engine, at least 1. 1 shows the newest frame; more lose fewer
            frames when the engine is slow for a moment, and delay the picture by as many frames when it stays slow.
        size_limit: Width and height in pixels; larger frames are scaled down to fit in, with their shape kept. None
            for no limit. Can be changed later.
        strength: Share of the correction that is applied, 0 to 1.5. Can be changed later.
        look_ahead: 1 holds each frame back until the next one has come, so that an engine over time sees both
            neighbours: sharper, and a frame later. 0 lets it see the one before alone, without delay. No matter for an
            engine that looks at no later frame.

    Raises:
        ValueError: If a value is out of range.
    """

    queue: int = 1
    size_limit: tuple[int, int] | None = None
    strength: float = 1.0
    look_ahead: int = 0

    def __post_init__(self) -> None:
        if self.look_ahead not in (0, 1):
            raise ValueError(f"a session looks 0 or 1 frames ahead, not {self.look_ahead}")
        if self.queue < 1:
            raise ValueError(f"at least one frame waits, not {self.queue}")
        check_strength(self.strength)


class LiveSession:
    """One stream of frames. Made by :meth:`LiveEngine.open`.

    Args:
        options: Options of the stream.
        window: Neighbours that the engine looks at.
        wake: Function that is called when there is work; it makes the engine's thread call :meth:`step`.
        on_close: Function that is called with the session when it has ended.

    Attributes:
        error: Error that ended the session early; None if nothing did.
        enabled: While False, frames pass as they are.
        size_limit: Largest width and height, as in :class:`SessionOptions`; takes effect with the next frame.
    """

    def __init__(
        self,
        options: SessionOptions,
        window: Window,
        wake: Callable[[], None],
        on_close: Callable[[LiveSession], None],
    ) -> None:
        self._wake, self._on_close, self._queue = wake, on_close, options.queue
        self._neighbours = Neighbours(window, options.look_ahead)
        self._waiting: deque[Moment] = deque()
        self._lock = threading.Lock()
        self._subscriptions: tuple[Subscription, ...] = ()
        self._captured, self._processed, self._service = FlowCounter(), FlowCounter(), FlowCounter()
        self._is_finishing = self._is_closed = False
        self._strength = options.strength
        self._processor = FrameProcessor()
        self.error: EngineError | None = None
        self.enabled = True
        self.size_limit = options.size_limit

    # For sources -------------------------------------------------------------------------------------------------

    def push(self, frame: av.VideoFrame, captured: float | None = None) -> None:
        """Hands over a captured frame; a frame pushed after the end is left out.

        Args:
            frame: Frame in any pixel format. Neither this session nor the caller may write to it afterwards.
            captured: Time of capture, by :func:`time.perf_counter`; None for now.

        Raises:
            EngineError: If the engine failed on an earlier frame.
        """
        if self.error is not None:
            raise self.error
        now = time.perf_counter()
        captured = now if captured is None else captured
        with self._lock:
            if self._is_finishing or self._is_closed:
                return
            self._captured.add(now - captured, now)
            self._line_up(self._neighbours.push(frame, captured, now))
        self._wake()

    def cut(self) -> None:
        """Says that the next frame does not follow on the last one, as when the source was connected again."""
        with self._lock:
            self._line_up(self._neighbours.cut())
        self._wake()

    def finish(self) -> None:
        """Ends the session after the frames that wait."""
        with self._lock:
            self._is_finishing = True
            last = self._neighbours.release()
            self._waiting.extend([] if last is None else [last])  # one more than the queue: it is the last one
        self._wake()

    def _line_up(self, moment: Moment | None) -> None:
        """Lets a frame wait for the engine, in place of the oldest where there are too many; called with the lock."""
        if moment is None or self._is_closed:
            return
        if len(self._waiting) == self._queue:
            self._waiting.popleft()
            self._processed.drop()
        self._waiting.append(moment)

    # For outputs and for people ----------------------------------------------------------------------------------

    def subscribe(self, queue: int = 1, on_ready: Callable[[], None] | None = None) -> Subscription:
        """Subscribes to the results from now on.

        Args:
            queue: Number of results that may wait, at least 1; beyond it the oldest is dropped and counted.
            on_ready: Function that the engine's thread calls whenever a result was added and at the end. Must return at
                once.
        """
        if queue < 1:
            raise ValueError(f"at least one result waits, not {queue}")
        subscription = Subscription(queue, on_ready, self._forget)
        with self._lock:
            is_closed = self._is_closed
            self._subscriptions = (*self._subscriptions, subscription)
        if is_closed:
            subscription.end(self.error)
        return subscription

    @property
    def strength(self) -> float:
        """Share of the correction that is applied, 0 to 1.5; takes effect with the next frame.

        Raises:
            ValueError: On setting a value out of range.
        """
        return self._strength

    @strength.setter
    def strength(self, value: float) -> None:
        self._strength = check_strength(value)

    @property
    def look_ahead(self) -> int:
        """Number of frames by which each frame is held back, 0 or 1; 0 where the engine looks at no later frame."""
        return self._neighbours.look_ahead

    @property
    def captured(self) -> FlowCount:
        """Counts of pushed frames: the rate is the source's, the latency the time from capture to ``push``."""
        return self._captured.count()

    @property
    def count(self) -> FlowCount:
        """Counts of processed frames and of frames dropped before that, and the latency from capture to result."""
        return self._processed.count()

    @property
    def service(self) -> FlowCount:
        """The time that processing takes, as the latency of those frames that the engine saw."""
        return self._service.count()

    @property
    def size(self) -> tuple[int, int] | None:
        """Width and height of the last result in pixels; None before the first."""
        return self._processor.size

    @property
    def source_size(self) -> tuple[int, int] | None:
        """Width and height of the last frame that was processed, as it came; None before the first."""
        return self._processor.source_size

    @property
    def is_closed(self) -> bool:
        """Whether the session has ended."""
        return self._is_closed

    def close(self) -> None:
        """Ends the session at once: frames that wait are left out. Harmless if it has ended."""
        with self._lock:
            if self._is_closed:
                return
            self._is_closed = True
            self._waiting.clear()
            self._neighbours.cut()
            subscriptions, self._subscriptions = self._subscriptions, ()
        self._on_close(self)
        for subscription in subscriptions:
            subscription.end(self.error)

    def _forget(self, subscription: Subscription) -> None:
        with self._lock:
            self._subscriptions = tuple(one for one in self._subscriptions if one is not subscription)

    @property
    def due(self) -> float | None:
        """Time at which :meth:`step` has something to do at the latest; None where that is not known."""
        return self._neighbours.due

    @property
    def wants_attention(self) -> bool:
        """Whether :meth:`step` has something to do."""
        due = self.due
        return bool(self._waiting) or self._is_finishing or (due is not None and due <= time.perf_counter())

    def step(self, engine: Engine) -> None:
        """Processes the frame that has waited longest; called by the live engine's thread alone."""
        with self._lock:
            moment = self._waiting.popleft() if self._waiting else self._neighbours.release(time.perf_counter())
        if moment is None:
            if self._is_finishing:
                self.close()
            return
        started = time.perf_counter()
        strength = self._strength if self.enabled else 0.0
        try:
            original, result = self._processor.process(engine, moment, strength, self.size_limit)
        except Exception as error:  # noqa: BLE001 - raised by push and get; the other sessions have to go on
            if not isinstance(error, EngineError):
                reason = EngineError(f"a frame can't be processed: {explain(error)}")
                reason.__cause__ = error
                error = reason
            self.error = error
            self.close()
            return
        finished = time.perf_counter()
        captured = moment.present.captured
        self._processed.add(finished - captured, finished)
        if result is not original:
            self._service.add(finished - started, finished)
        for subscription in self._subscriptions:
            subscription.deliver(LiveResult(original, result, moment.present.number, captured, started, finished))
