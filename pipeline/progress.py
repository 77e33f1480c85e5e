"""How a run shows its progress: a bar on a terminal, plain lines elsewhere, or nothing. Always on standard error."""

from __future__ import annotations

import sys
import time
from typing import TYPE_CHECKING, Protocol, TextIO

from network.names import printable

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from rich.progress import TaskID

    from pipeline.notes import Note
    from pipeline.runner.timing import RunProgress

LINE_EVERY = 5.0
"""Seconds between plain lines."""


class Display(Protocol):
    """Shows how far one run is."""

    def begin(self, name: str, frames: int | None, notes: list[Note]) -> None:
        """Starts to show a run.

        Args:
            name: Name of the input.
            frames: Number of frames to expect; None if unknown.
            notes: What the user should know beforehand.
        """

    def update(self, progress: RunProgress) -> None:
        """Shows how far the run is."""

    def end(self) -> None:
        """Stops to show the run; called once after ``begin``, whatever happened."""

    def tell(self, notes: Iterable[Note]) -> None:
        """Shows those notes that were not shown before; called at the end of a run that went well."""


class NewNotes:
    """Notes that nobody has been told of yet."""

    def __init__(self) -> None:
        self._told: set[Note] = set()

    def of(self, notes: Iterable[Note]) -> list[Note]:
        """Those of the notes that have never been among any, in order, each once."""
        new = [note for note in dict.fromkeys(notes) if note not in self._told]
        self._told.update(new)
        return new


class SilentDisplay:
    """Shows nothing."""

    def begin(self, name: str, frames: int | None, notes: list[Note]) -> None:
        """Does nothing."""

    def update(self, progress: RunProgress) -> None:
        """Does nothing."""

    def end(self) -> None:
        """Does nothing."""

    def tell(self, notes: Iterable[Note]) -> None:
        """Does nothing."""


class _Speed:
    """Frames a second, and seconds of video a second, since the run began."""

    def __init__(self) -> None:
        self._started = time.perf_counter()

    def text(self, progress: RunProgress) -> str:
        elapsed = max(time.perf_counter() - self._started, 1e-6)
        return f"{progress.frames / elapsed:.1f} frames/s, {progress.seconds / elapsed:.2f}x real time"

    def remaining(self, progress: RunProgress, frames: int) -> float:
        """Seconds to go, at the average speed so far."""
        elapsed = time.perf_counter() - self._started
        return elapsed / progress.frames * max(frames - progress.frames, 0)


class BarDisplay:
    """A bar with frames, frames a second, speed against real time, and the remaining time.

    Args:
        stream: A terminal.
        width: Width of the terminal in characters; None to find out.
        words: Turns a note of the library into the words of the user.
    """

    def __init__(self, stream: TextIO, width: int | None = None, words: Callable[[str], str] = str) -> None:
        # Most runs show no bar, and need not wait for this.
        from rich.console import Console
        from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

        self._words = words
        self._console = Console(file=stream, width=width)
        self._progress = Progress(
            TextColumn("{task.description}"),
            BarColumn(),
            MofNCompleteColumn(),
            TextColumn("{task.fields[speed]}"),
            TimeRemainingColumn(compact=True),
            console=self._console,
            transient=True,
        )
        self._task: TaskID | None = None
        self._speed = _Speed()
        self._new_notes = NewNotes()

    def begin(self, name: str, frames: int | None, notes: list[Note]) -> None:
        """Prints the notes and shows the bar."""
        self.tell(notes)
        self._speed = _Speed()
        self._task = self._progress.add_task(_escape(printable(name)), total=frames, speed="")
        self._progress.start()

    def update(self, progress: RunProgress) -> None:
        """Moves the bar."""
        if self._task is not None:
            text = self._speed.text(progress) if progress.frames else ""
            self._progress.update(self._task, completed=progress.frames, speed=text)

    def end(self) -> None:
        """Takes the bar away."""
        self._progress.stop()

    def tell(self, notes: Iterable[Note]) -> None:
        """Prints the notes that are new."""
        for note in self._new_notes.of(notes):
            self._console.print(f"note: {printable(self._words(note.text))}", markup=False, highlight=False)


class LineDisplay:
    """A plain line every few seconds, for logs."""

    def __init__(self, stream: TextIO, every: float = LINE_EVERY, words: Callable[[str], str] = str) -> None:
        self._stream = stream
        self._words = words
        self._every = every
        self._frames: int | None = None
        self._name = ""
        self._speed = _Speed()
        self._next = 0.0
        self._new_notes = NewNotes()

    def begin(self, name: str, frames: int | None, notes: list[Note]) -> None:
        """Prints the notes."""
        self.tell(notes)
        self._name, self._frames, self._speed = printable(name), frames, _Speed()
        self._next = time.perf_counter() + self._every

    def update(self, progress: RunProgress) -> None:
        """Prints a line if the last one is long enough ago."""
        if time.perf_counter() < self._next or not progress.frames:
            return
        self._next = time.perf_counter() + self._every
        line = f"{self._name}: frame {progress.frames}"
        if self._frames:
            line += f" of {self._frames}"
        line += f", {self._speed.text(progress)}"
        if self._frames:
            line += f", {self._speed.remaining(progress, self._frames):.0f} s to go"
        print(line, file=self._stream, flush=True)

    def end(self) -> None:
        """Does nothing: the last line stays."""

    def tell(self, notes: Iterable[Note]) -> None:
        """Prints the notes that are new."""
        for note in self._new_notes.of(notes):
            print(f"note: {printable(self._words(note.text))}", file=self._stream)
        self._stream.flush()


def display_for(stream: TextIO | None = None, *, quiet: bool = False, words: Callable[[str], str] = str) -> Display:
    """What suits ``stream``: a bar on a terminal, else lines; nothing if ``quiet``.

    Args:
        stream: Where to show it; standard error where None.
        quiet: Show nothing at all.
        words: Turns a note of the library into the words of the user.
    """
    stream = stream or sys.stderr
    if quiet:
        return SilentDisplay()
    return BarDisplay(stream, words=words) if stream.isatty() else LineDisplay(stream, words=words)


def _escape(name: str) -> str:
    """``name`` without what rich would take for markup."""
    return name.replace("[", r"\[")
