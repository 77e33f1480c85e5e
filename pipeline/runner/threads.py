"""A thread for each stage of a run, and the bounded queues between them."""

from __future__ import annotations

import queue
import threading
from typing import TYPE_CHECKING, Generic, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable

POLL = 0.1
"""Seconds after which a waiting thread checks whether the run was stopped."""

_T = TypeVar("_T")


class Stopped(Exception):  # noqa: N818 - it ends a stage quietly, and is no error
    """The run was stopped while this stage waited."""


class Channel(Generic[_T]):
    """A bounded queue whose both ends give up when the run is stopped.

    Args:
        size: Most items that the queue holds.
        stop: Event that is set when the run is to end.
    """

    def __init__(self, size: int, stop: threading.Event) -> None:
        self._queue: queue.Queue[_T] = queue.Queue(size)
        self._stop = stop

    def put(self, item: _T) -> None:
        """Adds an item, waiting for room.

        Raises:
            Stopped: If the run was stopped.
        """
        while not self._stop.is_set():
            try:
                return self._queue.put(item, timeout=POLL)
            except queue.Full:
                continue
        raise Stopped

    def get(self) -> _T:
        """Takes the oldest item, waiting for one.

        Raises:
            Stopped: If the run was stopped.
        """
        while not self._stop.is_set():
            try:
                return self._queue.get(timeout=POLL)
            except queue.Empty:
                continue
        raise Stopped


class Stage:
    """A thread and the event of its end.

    The event is what is waited for: in CPython up to 3.12, an interrupted ``Thread.join`` takes a thread that still
    runs for ended. The thread is a daemon for the one case where an interruption does not wait for the engine.

    Args:
        work: What the thread does; its name becomes part of the thread's.
        stop: Event that is set when the run is to end; a stage that begins after that does nothing.
        on_error: Function that is called in the thread with whatever ``work`` raises.

    Attributes:
        thread: The thread, to be started by the caller.
    """

    def __init__(
        self, work: Callable[[], None], stop: threading.Event, on_error: Callable[[BaseException], None]
    ) -> None:
        self.thread = threading.Thread(target=self._run, name=f"deblur{work.__name__}", daemon=True)
        self._work, self._stop, self._on_error = work, stop, on_error
        self._ended = threading.Event()

    def wait(self, timeout: float | None) -> bool:
        """Waits for the end.

        A thread that an interruption kept from being started has ended; one that was just then being started will
        find that the run was stopped, and touch nothing.

        Returns:
            Whether it has ended.
        """
        return self.thread.ident is None or self._ended.wait(timeout)

    def _run(self) -> None:
        try:
            if not self._stop.is_set():
                self._work()
        except Stopped:
            pass
        except BaseException as error:  # noqa: BLE001 - re-raised in the caller's thread
            self._on_error(error)
        finally:
            self._ended.set()
