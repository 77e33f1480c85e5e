"""How a batch shows its progress: bars on a terminal, plain lines elsewhere, or nothing. Always on standard error."""

from __future__ import annotations

import sys
import threading
import time
from typing import TYPE_CHECKING, Protocol, TextIO

from rich.console import Console
from rich.markup import escape
from rich.progress import BarColumn, Progress, TaskID, TaskProgressColumn, TextColumn, TimeRemainingColumn

from network.counting import count_of
from network.names import printable
from pipeline.batch.plan import without_name
from pipeline.progress import LINE_EVERY, NewNotes, SilentDisplay

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from pipeline.batch.plan import Outcome, Plan, PlannedVideo
    from pipeline.notes import Note
    from pipeline.progress import Display
    from pipeline.runner.timing import RunProgress


class BatchDisplay(Protocol):
    """Shows the progress of a batch. Its methods may be called from any thread."""

    def begin(self, plan: Plan) -> None:
        """Starts to show the batch."""

    def of(self, number: int, video: PlannedVideo) -> Display:
        """The display of one video's run, by the place of the video in the plan."""

    def finished(self, number: int, outcome: Outcome) -> None:
        """Shows the outcome of a video."""

    def end(self) -> None:
        """Stops to show the batch; called once after ``begin``, whatever happened."""


class SilentBatch:
    """Shows nothing."""

    def begin(self, plan: Plan) -> None:
        """Does nothing."""

    def of(self, number: int, video: PlannedVideo) -> Display:  # noqa: ARG002 - the protocol's signature
        """A display that shows nothing."""
        return SilentDisplay()

    def finished(self, number: int, outcome: Outcome) -> None:
        """Does nothing."""

    def end(self) -> None:
        """Does nothing."""


class BatchBars:
    """A bar for all and one for each video under way.

    Args:
        stream: Stream of a terminal.
        width: Width of the terminal in characters; None to find out.
        words: Function that turns a line of the library into the words of the user.
    """

    def __init__(self, stream: TextIO, width: int | None = None, words: Callable[[str], str] = str) -> None:
        self._words = words
        self._console = Console(file=stream, width=width)
        self._progress = Progress(
            TextColumn("{task.description}"),
            BarColumn(),
            TaskProgressColumn(),
            TextColumn("{task.fields[speed]}"),
            TimeRemainingColumn(compact=True),
            console=self._console,
            transient=True,
        )
        self._all: TaskID | None = None

    def begin(self, plan: Plan) -> None:
        """Shows the bar for all: by megapixels, so that large frames count for what they cost."""
        self._all = self._progress.add_task("all", total=plan.megapixels or None, speed="")
        self._progress.start()

    def of(self, number: int, video: PlannedVideo) -> Display:  # noqa: ARG002 - the protocol's signature
        """A bar for one video."""
        return _Bar(self._progress, self._console, video, self._all, self._words)

    def finished(self, number: int, outcome: Outcome) -> None:  # noqa: ARG002 - the protocol's signature
        """Prints a line above the bars."""
        self._console.print(printable(self._words(_line(outcome))), markup=False, highlight=False)

    def end(self) -> None:
        """Takes the bars away."""
        self._progress.stop()


class _Bar:
    """The bar of one video, which moves that of all along."""

    def __init__(
        self,
        progress: Progress,
        console: Console,
        video: PlannedVideo,
        whole: TaskID | None,
        words: Callable[[str], str],
    ) -> None:
        self._progress, self._console, self._video, self._whole = progress, console, video, whole
        self._words = words
        self._task: TaskID | None = None
        self._started = time.perf_counter()
        self._shown = 0.0
        self._new_notes = NewNotes()

    def begin(self, name: str, frames: int | None, notes: list[Note]) -> None:  # noqa: ARG002 - the protocol's
        self.tell(notes)
        self._started = time.perf_counter()
        # What an earlier run has finished counts for all, and not for the work that is left.
        self._advance(self._video.frames - (frames or self._video.frames))
        self._task = self._progress.add_task(escape(printable(self._video.input.name)), total=frames, speed="")

    def update(self, progress: RunProgress) -> None:
        if self._task is None:
            return
        speed = progress.frames / max(time.perf_counter() - self._started, 1e-6)
        self._progress.update(self._task, completed=progress.frames, speed=f"{speed:.1f} frames/s")
        self._advance(progress.frames)

    def end(self) -> None:
        if self._task is not None:
            self._progress.remove_task(self._task)
            self._task = None

    def tell(self, notes: Iterable[Note]) -> None:
        for note in self._new_notes.of(notes):
            line = printable(f"note: {self._video.name}: {self._words(note.text)}")
            self._console.print(line, markup=False, highlight=False)

    def _advance(self, frames: int) -> None:
        megapixels = self._video.megapixels / max(self._video.frames, 1) * frames
        if self._whole is not None and megapixels > self._shown:
            self._progress.advance(self._whole, megapixels - self._shown)
            self._shown = megapixels


class BatchLines:
    """Plain lines: one for each video that is finished, and one every few seconds."""

    def __init__(self, stream: TextIO, every: float = LINE_EVERY, words: Callable[[str], str] = str) -> None:
        self._stream, self._every, self._words = stream, every, words
        self._lock = threading.Lock()
        self._next = 0.0
        self._total = self._finished = 0

    def begin(self, plan: Plan) -> None:
        """Takes note of how many videos there are."""
        self._total = len(plan.videos)
        self._next = time.perf_counter() + self._every

    def of(self, number: int, video: PlannedVideo) -> Display:  # noqa: ARG002 - the protocol's signature
        """Lines about one video."""
        return _Lines(self, video)

    def finished(self, number: int, outcome: Outcome) -> None:  # noqa: ARG002 - the protocol's signature
        """Prints the outcome of a video."""
        with self._lock:
            self._finished += 1
            self._print(f"{self._finished}/{self._total} {_line(outcome)}")

    def end(self) -> None:
        """Does nothing: the lines stay."""

    def note(self, line: str) -> None:
        """Prints a line at once."""
        with self._lock:
            self._print(line)

    def now_and_then(self, line: str) -> None:
        """Prints a line if the last one is long enough ago."""
        with self._lock:
            if time.perf_counter() >= self._next:
                self._next = time.perf_counter() + self._every
                self._print(f"{self._finished}/{self._total} finished; {line}")

    def _print(self, line: str) -> None:
        print(printable(self._words(line)), file=self._stream, flush=True)


class _Lines:
    """Lines about one video."""

    def __init__(self, batch: BatchLines, video: PlannedVideo) -> None:
        self._batch, self._video = batch, video
        self._frames: int | None = None
        self._new_notes = NewNotes()

    def begin(self, name: str, frames: int | None, notes: list[Note]) -> None:  # noqa: ARG002 - the protocol's
        self._frames = frames
        self.tell(notes)

    def update(self, progress: RunProgress) -> None:
        of = f" of {self._frames}" if self._frames else ""
        self._batch.now_and_then(f"{self._video.name}: frame {progress.frames}{of}")

    def end(self) -> None:
        pass

    def tell(self, notes: Iterable[Note]) -> None:
        for note in self._new_notes.of(notes):
            self._batch.note(f"note: {self._video.name}: {note}")


def batch_display(
    stream: TextIO | None = None, *, quiet: bool = False, words: Callable[[str], str] = str
) -> BatchDisplay:
    """The display that suits ``stream``: bars on a terminal, else lines; nothing if ``quiet``.

    Args:
        stream: Stream to show it on; standard error where None.
        quiet: Show nothing at all.
        words: Function that turns a line of the library into the words of the user.
    """
    stream = stream or sys.stderr
    if quiet:
        return SilentBatch()
    return BatchBars(stream, words=words) if stream.isatty() else BatchLines(stream, words=words)


def _line(outcome: Outcome) -> str:
    text = f"{outcome.video.name}: {outcome.state.value}"
    if outcome.report is not None:
        result = outcome.report.result
        text += f", {count_of(result.frames_out, 'frame')}, {outcome.report.frames_per_second:.1f} frames/s"
        text += f", {count_of(len(outcome.report.notes), 'note')}" * bool(outcome.report.notes)
    return f"{text}: {without_name(outcome.error, outcome.video.name)}" if outcome.error else text
