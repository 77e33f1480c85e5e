"""The process that decodes, as the one that started it sees it."""

from __future__ import annotations

import contextlib
import json
import multiprocessing
import signal
from typing import TYPE_CHECKING, Any

from pipeline.decode.worker_main import decode

if TYPE_CHECKING:
    from pathlib import Path

    from pipeline.job import SourceOptions

_GRACE = 2.0
"""Seconds that the process gets to end by itself."""


class ChildDied(Exception):  # noqa: N818 - translated where it is caught
    """The process has ended without a word. As text it says how.

    Attributes:
        was_interrupted: Whether Ctrl-C ended it.
    """

    def __init__(self, code: int | None) -> None:
        """Takes the exit code of the process, negative for a signal."""
        self.was_interrupted = code == -signal.SIGINT
        how = f"exit code {code}"
        if code is not None and code < 0:
            with contextlib.suppress(ValueError):
                how = f"signal {signal.Signals(-code).name}"
        super().__init__(f"crashed ({how})")


class ChildHangs(Exception):  # noqa: N818 - translated where it is caught
    """The process has made no progress. As text it says how long."""

    def __init__(self, seconds: float) -> None:
        """Takes the time-out."""
        super().__init__(f"made no progress for {seconds:g} s (`isolation.timeout`)")


class Child:
    """The decoding process as the other one sees it.

    Attributes:
        process_id: Of the process.
        reached: Number of the packet, of whatever stream, that it has come to; -1 before the first.
    """

    def __init__(self, path: Path, options: SourceOptions, timeout: float, skip: int | None = None) -> None:
        """Starts it.

        Args:
            path: Of the input.
            options: How to read it.
            timeout: Seconds without any progress after which it is taken to hang.
            skip: Once the first frame is there, decode nothing up to the keyframe behind the packet of this number.
        """
        context = multiprocessing.get_context(
            "spawn"
        )  # a fork would inherit the threads of libraries, but not run them
        self._connection, theirs = context.Pipe()
        self._process = context.Process(target=decode, args=(theirs, path, options, skip), daemon=True)
        self._process.start()
        theirs.close()  # so that its end in the other process is the only one
        self._timeout = timeout
        self.process_id: int = self._process.pid or 0
        self.reached = -1

    def send(self, message: dict[str, Any]) -> None:
        """Sends a message; that the process is gone shows when its next one is due."""
        with contextlib.suppress(OSError):
            self._connection.send_bytes(json.dumps(message).encode())

    def receive(self) -> dict[str, Any]:
        """The next message but those of a packet that was reached.

        Raises:
            ChildDied: If the process has ended.
            ChildHangs: If it makes no progress.
        """
        while True:
            try:
                if not self._connection.poll(self._timeout):
                    raise ChildHangs(self._timeout)
                message: dict[str, Any] = json.loads(self._connection.recv_bytes())
            except (EOFError, OSError):
                self._process.join(_GRACE)
                raise ChildDied(self._process.exitcode) from None
            if message["kind"] != "at":
                return message
            self.reached = message["number"]

    def end(self) -> None:
        """Ends the process, whatever it is doing; does nothing if that was done."""
        if self._connection.closed:
            return
        self._connection.close()
        self._process.join(_GRACE)
        if self._process.is_alive():
            self._process.kill()
            self._process.join()
        self._process.close()
