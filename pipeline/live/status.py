"""The status of a live run: one line that changes on a terminal, a line now and then elsewhere."""

from __future__ import annotations

import sys
import time
from typing import TYPE_CHECKING, Protocol, TextIO

from rich.console import Console
from rich.markup import escape

from network.names import printable

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from pipeline.live.counters import FlowCount
    from pipeline.live.session import LiveSession

LINE_EVERY = 5.0
"""Seconds between plain lines."""


class Status(Protocol):
    """Shows the status of a live run. Notes come from any thread, all else from one."""

    def begin(self) -> None:
        """Starts to show."""

    def note(self, line: str) -> None:
        """Shows a line that stays."""

    def update(self, line: str) -> None:
        """Shows the present status."""

    def end(self) -> None:
        """Stops to show; called once."""


class SilentStatus:
    """Shows nothing."""

    def begin(self) -> None:
        """Does nothing."""

    def note(self, line: str) -> None:
        """Does nothing."""

    def update(self, line: str) -> None:
        """Does nothing."""

    def end(self) -> None:
        """Does nothing."""


class LineStatus:
    """Plain lines, for logs."""

    def __init__(self, stream: TextIO, every: float = LINE_EVERY, words: Callable[[str], str] = str) -> None:
        self._stream, self._every, self._next = stream, every, 0.0
        self._words = words

    def begin(self) -> None:
        """Waits for the first line's time."""
        self._next = time.perf_counter() + self._every

    def note(self, line: str) -> None:
        """Prints a line at once."""
        print(f"note: {printable(self._words(line))}", file=self._stream, flush=True)

    def update(self, line: str) -> None:
        """Prints a line if the last one is long enough ago."""
        if time.perf_counter() >= self._next:
            self._next = time.perf_counter() + self._every
            print(printable(line), file=self._stream, flush=True)

    def end(self) -> None:
        """Does nothing: the last line stays."""


class TerminalStatus:
    """One line at the bottom that changes, and notes above it."""

    def __init__(self, stream: TextIO, words: Callable[[str], str] = str) -> None:
        self._words = words
        self._console = Console(file=stream)
        self._status = self._console.status("starting")

    def begin(self) -> None:
        """Shows the line."""
        self._status.start()

    def note(self, line: str) -> None:
        """Prints a line above."""
        self._console.print(f"note: {printable(self._words(line))}", markup=False, highlight=False)

    def update(self, line: str) -> None:
        """Changes the line."""
        self._status.update(escape(printable(line)))

    def end(self) -> None:
        """Takes the line away."""
        self._status.stop()


def status_for(stream: TextIO | None = None, *, quiet: bool = False, words: Callable[[str], str] = str) -> Status:
    """The display that suits ``stream``.

    Args:
        stream: Stream to show the status on; None is standard error.
        quiet: Show nothing at all.
        words: Function that turns a line of the library into the words of the user.
    """
    stream = stream or sys.stderr
    if quiet:
        return SilentStatus()
    return TerminalStatus(stream, words) if stream.isatty() else LineStatus(stream, words=words)


def status_line(session: LiveSession, outputs: Mapping[str, FlowCount]) -> str:
    """The status of a session in words: rates in and out, latencies, and dropped frames."""
    captured, processed = session.captured, session.count
    size = "x".join(map(str, session.size)) if session.size else "no frame yet"
    share = processed.dropped / captured.passed if captured.passed else 0.0
    parts = [
        f"{size}, {captured.rate:.1f} frames/s in, {processed.rate:.1f} out",
        f"{processed.dropped} dropped ({share:.1%})",
    ]
    parts += [f"{name} {count.rate:.1f}/s {count.recent:.0f} ms" for name, count in outputs.items() if count.rate]
    return "; ".join(parts)
