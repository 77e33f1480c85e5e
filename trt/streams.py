"""Queues of work on a device, the order between them, and the same thing on the processor.

Work that is given to one stream is done in order; work of two streams is done at the same time, unless one waits for a
mark of the other. On an accelerator a stream is PyTorch's own. PyTorch's streams of the processor do everything at once
and its events refuse to be recorded there, so on the processor a stream is a thread. What runs on three streams of a
GPU thus runs on three threads elsewhere, with the same freedom to go wrong where an order is missing.
"""

from __future__ import annotations

from concurrent.futures import Future, ThreadPoolExecutor
from typing import TYPE_CHECKING, Protocol

import torch

if TYPE_CHECKING:
    from collections.abc import Callable


class Mark(Protocol):
    """A place in the work of a stream."""

    def synchronize(self) -> None:
        """Waits until all work before the mark is done.

        Raises:
            Exception: Whatever that work raised, on a stream that works by itself.
        """


class Stream(Protocol):
    """A queue of work."""

    def run(self, work: Callable[[], None]) -> None:
        """Does ``work`` after all that the stream was given before; returns without waiting for it.

        Raises:
            Exception: What ``work`` raises while it gives the device its orders.
        """

    def wait(self, mark: Mark) -> None:
        """Keeps all later work until ``mark``, of a stream of the same kind, is reached."""

    def record(self) -> Mark:
        """A mark behind all that the stream was given so far."""

    def drain(self) -> None:
        """Waits until nothing is left to do, whatever failed, and is ready for other work."""

    def close(self) -> None:
        """Ends the stream after its last work."""


class AcceleratorStream:
    """A stream of an accelerator, by PyTorch's interface for all of them.

    Args:
        device: The accelerator.
    """

    def __init__(self, device: torch.device) -> None:
        self._stream = torch.Stream(device=device)

    def run(self, work: Callable[[], None]) -> None:
        """Gives the device the orders in ``work``, see :class:`Stream`."""
        with self._stream:
            work()

    def wait(self, mark: Mark) -> None:
        """See :class:`Stream`."""
        if not isinstance(mark, torch.Event):
            raise TypeError(f"a stream of an accelerator waits for an event, not for a {type(mark).__name__}")
        self._stream.wait_event(mark)

    def record(self) -> Mark:
        """See :class:`Stream`."""
        return self._stream.record_event()

    def drain(self) -> None:
        """See :class:`Stream`."""
        self._stream.synchronize()

    def close(self) -> None:
        """See :class:`Stream`; the stream itself goes back to PyTorch's pool."""
        self.drain()


class HostMark:
    """A place in the work of a :class:`HostStream`."""

    def __init__(self, last: Future[None]) -> None:
        self._last = last

    def synchronize(self) -> None:
        """See :class:`Mark`."""
        self._last.result()


class HostStream:
    """A stream whose work is done by a thread of the processor.

    Where work raises, none of the later work is done, nor any that waits for it, until :meth:`drain`.
    """

    def __init__(self) -> None:
        self._pool = ThreadPoolExecutor(1, "deblur-stream")
        self._last = _nothing()

    def run(self, work: Callable[[], None]) -> None:
        """See :class:`Stream`."""
        before = self._last

        def after() -> None:
            before.result()  # it is done by now: raises what it raised
            work()

        self._last = self._pool.submit(after)

    def wait(self, mark: Mark) -> None:
        """See :class:`Stream`."""
        self.run(mark.synchronize)

    def record(self) -> Mark:
        """See :class:`Stream`."""
        return HostMark(self._last)

    def drain(self) -> None:
        """See :class:`Stream`."""
        self._last.exception()
        self._last = _nothing()

    def close(self) -> None:
        """See :class:`Stream`."""
        self._pool.shutdown()


def make_stream(device: torch.device) -> Stream:
    """A new stream: a thread where ``device`` is the processor."""
    return HostStream() if device.type == "cpu" else AcceleratorStream(device)


def _nothing() -> Future[None]:
    """Work that is done."""
    done: Future[None] = Future()
    done.set_result(None)
    return done
