"""The report of a batch, as JSON."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from network.counting import are, count_of, have
from pipeline.batch.plan import Outcome, State, without_name
from pipeline.errors import BatchError, DamagedInputError
from pipeline.report import write_report
from pipeline.system.machine import versions

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    ExitCode = Callable[[type[Exception] | None], int]

SCHEMA = 1
"""Raised when a key changes its meaning or goes away; new keys do not raise it."""


@dataclass(frozen=True, slots=True)
class BatchReport:
    """The report of one batch.

    Attributes:
        outcomes: Outcomes of all inputs, in order.
        wall: Time from the first input to the last, in seconds, pauses left out.
        paused: Time of all pauses, in seconds.
    """

    outcomes: tuple[Outcome, ...]
    wall: float
    paused: float = 0.0

    def count(self, *states: State) -> int:
        """Number of inputs with one of these results."""
        return sum(outcome.state in states for outcome in self.outcomes)

    @property
    def frames(self) -> int:
        """Number of frames written by this batch, without those that an earlier one had finished."""
        return sum(
            outcome.report.result.frames_out - outcome.report.kept
            for outcome in self.outcomes
            if outcome.report is not None
        )

    @property
    def notes(self) -> int:
        """Number of notes of all runs together."""
        return sum(len(outcome.report.notes) for outcome in self.outcomes if outcome.report is not None)

    @property
    def losses(self) -> int:
        """Number of those notes that are on something that an input has and its output has not."""
        reports = [outcome.report for outcome in self.outcomes if outcome.report is not None]
        return sum(note.is_loss for report in reports for note in report.notes)

    def as_dict(self, exit_code: ExitCode) -> dict[str, Any]:
        """The report as plain values. Times are in seconds.

        Args:
            exit_code: Function that returns the exit code of an error by its class; None stands for no error.
        """
        return {
            "schema": SCHEMA,
            "counts": {state.name.lower(): self.count(state) for state in State},
            "frames": self.frames,
            "notes": self.notes,
            "losses": self.losses,
            "wall_s": self.wall,
            "paused_s": self.paused,
            "versions": versions(),
            "videos": [_video(outcome, exit_code(outcome.kind)) for outcome in self.outcomes],
        }

    def write(self, path: Path, exit_code: ExitCode) -> None:
        """Writes the report as JSON.

        Args:
            path: File to write.
            exit_code: Function that returns exit codes; see :meth:`as_dict`.

        Raises:
            OutputError: If the file can't be written.
        """
        write_report(path, self.as_dict(exit_code))

    def summary(self) -> str:
        """One line for people."""
        counts = [f"{self.count(state)} {state.value}" for state in State if self.count(state)]
        parts = [f"{count_of(len(self.outcomes), 'input')}: {'; '.join(counts)}"]
        if self.frames:
            speed = self.frames / self.wall
            parts.append(f"{count_of(self.frames, 'frame')} in {self.wall:.1f} s, {speed:.1f} frames/s")
        if self.notes:
            among = f", {count_of(self.losses, 'loss', 'losses')} among them" * bool(self.losses)
            parts.append(f"{count_of(self.notes, 'note')}{among}")
        return ", ".join(parts)

    def raise_if_wrong(self) -> None:
        """Raises where something is not as it should be, for those who must not miss it.

        Raises:
            BatchError: If an input has no output.
            DamagedInputError: If all inputs have an output, and some inputs are damaged.
        """
        missing = [outcome for outcome in self.outcomes if outcome.state in (State.FAILED, State.NOT_DONE)]
        if missing:
            first = next((outcome for outcome in missing if outcome.error), missing[0])
            reason = f": {without_name(first.error, first.video.name)}" if first.error else ""
            raise BatchError(
                f"{len(missing)} of {count_of(len(self.outcomes), 'input')} {have(len(missing))} no output; "
                f"the first is {first.video.name}{reason}"
            )
        damaged = self.count(State.DAMAGED)
        if damaged:
            raise DamagedInputError(
                f"{damaged} of {count_of(len(self.outcomes), 'input')} {are(damaged)} damaged; "
                "everything that could be decoded is in the outputs"
            )


def _video(outcome: Outcome, exit_code: int) -> dict[str, Any]:
    video = outcome.video
    return {
        "input": str(video.input),
        "continued": [str(path) for path in video.continued],
        "output": str(video.output),
        "state": outcome.state.name.lower(),
        "exit_code": exit_code,
        "error": outcome.error,
        "other_streams": list(video.streams),
        "run": outcome.report.as_dict() if outcome.report is not None else None,
    }
