"""Ctrl-C that waits for the end of a step."""

from __future__ import annotations

import signal
import threading
from typing import TYPE_CHECKING, Any, Self

if TYPE_CHECKING:
    from types import FrameType, TracebackType


HANGUP: tuple[int, ...] = (signal.SIGHUP,) if hasattr(signal, "SIGHUP") else ()
"""Signal by which a terminal that is closed ends its programs; none on Windows."""


class DeferredInterrupts:
    """Holds SIGINT, SIGTERM and SIGHUP back, so that what is at work is left whole.

    A context manager. In threads other than the main one, and for signals that are ignored, it does nothing.

    Args:
        patient: False lets a second signal through at once, for a user who can't wait. True holds every one: where
            several processes are interrupted together, each may well get two.
    """

    def __init__(self, *, patient: bool = False) -> None:
        self._patient = patient
        self._handlers: dict[int, Any] = {}
        self._received: int | None = None

    def __enter__(self) -> Self:
        if threading.current_thread() is threading.main_thread():
            for number in (signal.SIGINT, signal.SIGTERM, *HANGUP):
                handler = signal.getsignal(number)
                if handler not in (signal.SIG_IGN, None):  # None: set by something that is not Python
                    signal.signal(number, self._receive)
                    self._handlers[number] = handler
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._restore()

    @property
    def received(self) -> bool:
        """Whether a signal waits."""
        return self._received is not None

    def deliver(self) -> None:
        """Hands a signal that waits to whoever handled it before; does nothing where none waits."""
        self._restore()
        if self._received is not None:
            signal.raise_signal(self._received)

    def _receive(self, number: int, _frame: FrameType | None) -> None:
        again, self._received = self.received, number
        if again and not self._patient:
            self.deliver()

    def _restore(self) -> None:
        while self._handlers:
            signal.signal(*self._handlers.popitem())
