"""Displays of progress."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

    from pipeline.notes import Note
    from pipeline.runner.timing import RunProgress


class InterruptingDisplay:
    """A display that presses Ctrl-C, or sets an event, once so many frames are written.

    Args:
        after: Frames after which Ctrl-C is pressed; None for never.
        cancel_after: Frames after which :attr:`cancel` is set; None for never.
    """

    def __init__(self, after: int | None, cancel_after: int | None = None) -> None:
        self.after, self.cancel_after = after, cancel_after
        self.cancel = threading.Event()
        self.notes: list[Note] = []
        self.told: list[Note] = []

    def begin(self, name: str, frames: int | None, notes: list[Note]) -> None:  # noqa: ARG002 - the protocol's signature
        self.notes = notes

    def update(self, progress: RunProgress) -> None:
        if self.after is not None and progress.frames >= self.after:
            raise KeyboardInterrupt
        if self.cancel_after is not None and progress.frames >= self.cancel_after:
            self.cancel.set()

    def end(self) -> None:
        pass

    def tell(self, notes: Iterable[Note]) -> None:
        self.told = list(notes)
