"""Displays of progress."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pipeline.runner.timing import RunProgress


class InterruptingDisplay:
    """A display that presses Ctrl-C once so many frames are written."""

    def __init__(self, after: int | None) -> None:
        self.after = after
        self.notes: list[str] = []

    def begin(self, name: str, frames: int | None, notes: list[str]) -> None:  # noqa: ARG002 - the protocol's signature
        self.notes = notes

    def update(self, progress: RunProgress) -> None:
        if self.after is not None and progress.frames >= self.after:
            raise KeyboardInterrupt

    def end(self) -> None:
        pass
