"""The outputs of results, each in a thread of its own, so that a slow or broken one delays no other."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Protocol

from pipeline.errors import DeblurError, OutputError
from pipeline.system.unexpected import explain

if TYPE_CHECKING:
    from collections.abc import Callable

    from pipeline.live.counters import FlowCount
    from pipeline.live.session import LiveSession
    from pipeline.live.subscription import LiveResult

_POLL = 0.2

CLOSE_GRACE = 5.0
"""Most seconds to wait for an output to be closed: a file's end to be written, a connection to be given up."""


class Output(Protocol):
    """Takes results. All methods are called by one thread."""

    @property
    def name(self) -> str:
        """Name of the output for the user."""

    @property
    def queue(self) -> int:
        """Number of results that may wait for the output: 1 where only the newest matters."""

    def show(self, result: LiveResult) -> bool:
        """Shows, sends or writes a result, which stays as it is.

        Returns:
            Whether the result was taken; False if the frame had to be left out.

        Raises:
            OutputError: If the output can take no more results.
        """

    def close(self) -> None:
        """Completes the output; called once.

        Raises:
            OutputError: If the output can't be completed.
        """


class NullOutput:
    """Takes results and does nothing, to measure the rest."""

    name = "null"
    queue = 1

    def show(self, result: LiveResult) -> bool:  # noqa: ARG002 - the protocol's
        """Does nothing."""
        return True

    def close(self) -> None:
        """Does nothing."""


class OutputWorker:
    """Takes the results of a session into one output, in a thread.

    Attributes:
        output: Output of the worker.
        error: Error that ended the worker early; None if nothing did.
    """

    def __init__(self, output: Output, session: LiveSession, tell: Callable[[str], None]) -> None:
        """Subscribes; results come from then on.

        Args:
            output: Output, which the worker's thread alone uses from now on.
            session: Session whose results the worker takes.
            tell: Function that takes a line for the user if the output fails.
        """
        self.output = output
        self.error: DeblurError | None = None
        self._tell = tell
        self._subscription = session.subscribe(output.queue)
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._run, name=f"deblur-{output.name}", daemon=True)

    def start(self) -> None:
        """Begins."""
        self._thread.start()

    @property
    def count(self) -> FlowCount:
        """Counts of shown and dropped frames, and the latency from capture to display."""
        return self._subscription.count

    @property
    def is_ended(self) -> bool:
        """Whether the worker takes no more results: the session ended, or the output failed."""
        return self._ended.is_set()

    def stop(self) -> None:
        """Takes no further results, though the session goes on; those that wait are still shown."""
        self._subscription.close()

    def finish(self, timeout: float = CLOSE_GRACE) -> None:
        """Waits, after the session's end or :meth:`stop`, until what is left is shown and the output is closed.

        A thread that hangs in a connection is left to itself, and :attr:`error` says so.
        """
        if self._thread.ident is not None and not self._ended.wait(timeout):
            self.error = self.error or OutputError(f"{self.output.name} did not end within {timeout:g} s; given up")

    def _run(self) -> None:
        try:
            self._work()
        except DeblurError as error:
            self._fail(error)
        except Exception as error:  # noqa: BLE001 - an output that ends silently would go unnoticed
            self._fail(OutputError(f"{self.output.name} failed: {explain(error)}"))
        finally:
            self._subscription.close()
            self._ended.set()

    def _work(self) -> None:
        try:
            while not self._subscription.is_ended:
                result = self._subscription.get(_POLL)
                if result is not None and self.output.show(result):
                    self._subscription.mark_shown(result)
        finally:
            self.output.close()

    def _fail(self, error: DeblurError) -> None:
        self.error = error
        self._tell(str(error))
