"""The decoding process, as seen by the process that started it."""

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

_INTERRUPTIONS = {signal.SIGINT, signal.SIGTERM, *((signal.SIGHUP,) if hasattr(signal, "SIGHUP") else ())}
"""Signals that the user, or who ends programs, sends to all processes of a command."""

_GRACE = 2.0
"""Time that the process has to end by itself, in seconds."""


class ChildDied(Exception):  # noqa: N818 - translated where it is caught
    """The decoding process has ended without a message. The text of the error says how it ended.

    Attributes:
        was_interrupted: Whether Ctrl-C, SIGTERM or a terminal that is closed ended it.
    """

    def __init__(self, code: int | None) -> None:
        """Builds the text from the exit code of the process, which is negative for a signal."""
        self.was_interrupted = code is not None and -code in _INTERRUPTIONS
        how = f"exit code {code}"
        if code is not None and code < 0:
            with contextlib.suppress(ValueError):
                how = f"signal {signal.Signals(-code).name}"
        super().__init__(f"crashed ({how})")


class ChildHangs(Exception):  # noqa: N818 - translated where it is caught
    """The decoding process makes no progress. The text of the error says for how long."""

    def __init__(self, seconds: float) -> None:
        """Builds the text from the time-out, in seconds."""
        super().__init__(f"made no progress for {seconds:g} s (`isolation.timeout`)")


class Child:
    """The decoding process, as seen by the process that started it.

    Attributes:
        process_id: Process number (PID) of the decoding process.
        reached: Number of the last packet that the process has read, counted over all streams; -1 before the first.
    """

    def __init__(self, path: Path, options: SourceOptions, timeout: float, skip: int | None = None) -> None:
        """Starts the process.

        Args:
            path: Path of the input.
            options: Options for reading the input.
            timeout: Time without progress after which the process counts as hanging, in seconds.
            skip: Number of the packet at which an earlier process failed. After the first frame, nothing is decoded up
                to the next keyframe after that packet. None decodes everything.
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
        """Sends a message. If the process is gone, only the next :meth:`receive` raises an error."""
        with contextlib.suppress(OSError):
            self._connection.send_bytes(json.dumps(message).encode())

    def receive(self) -> dict[str, Any]:
        """Waits for the next message, other than those that only report the packet reached.

        Raises:
            ChildDied: If the process has ended.
            ChildHangs: If the process makes no progress.
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
        """Ends the process, whatever it is doing; does nothing if it was ended before."""
        if self._connection.closed:
            return
        self._connection.close()
        self._process.join(_GRACE)
        if self._process.is_alive():
            self._process.kill()
            self._process.join()
        self._process.close()
