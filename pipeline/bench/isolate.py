"""Work in a process of its own: its memory is counted apart, and no library's threads stay behind for the next one."""

from __future__ import annotations

import contextlib
import multiprocessing
import pickle
from typing import TYPE_CHECKING, Any, TypeVar

from pipeline.errors import EngineError
from pipeline.system.libraries import OWN_PACKAGES
from pipeline.system.unexpected import UnexpectedError, explain

if TYPE_CHECKING:
    from collections.abc import Callable
    from multiprocessing.connection import Connection

_T = TypeVar("_T")
_A = TypeVar("_A")

_GRACE = 2.0
"""Seconds that a process gets to end by itself."""


def isolated(work: Callable[[_A], _T], argument: _A) -> _T:
    """The result of ``work(argument)``, computed in a new process.

    Args:
        work: A function of a module; not one that was defined within another.
        argument: Can be pickled, as the result can.

    Raises:
        EngineError: If the process dies.
        UnexpectedError: If ``work`` raises something that is no error of this program.
        Exception: Whatever else ``work`` raises.
    """
    context = multiprocessing.get_context("spawn")  # a fork would inherit the threads of libraries, but not run them
    receiving, sending = context.Pipe(duplex=False)
    process = context.Process(target=_answer, args=(sending, work, argument), daemon=True)
    process.start()
    sending.close()  # so that its end in the other process is the only one
    try:
        error, result = receiving.recv()
    except EOFError:
        process.join(_GRACE)
        raise EngineError(
            f"a measurement ended by itself (exit code {process.exitcode}), perhaps for want of memory; "
            "try a smaller `sizes`",
            field="sizes",
        ) from None
    finally:
        receiving.close()
        process.join(_GRACE)
        if process.is_alive():
            process.kill()
            process.join()
    if error is not None:
        raise error
    return result  # type: ignore[no-any-return]


def _answer(sending: Connection, work: Callable[[Any], Any], argument: Any) -> None:
    try:
        answer: tuple[BaseException | None, Any] = (None, work(argument))
    except KeyboardInterrupt:
        return  # the other process was interrupted too, and says so
    except BaseException as error:  # noqa: BLE001 - raised again in the other process
        answer = (_portable(error), None)
    sending.send(answer)
    sending.close()


def _portable(error: BaseException) -> BaseException:
    """The error itself if it is one of this program's; else what explains it, since a traceback does not travel."""
    with contextlib.suppress(Exception):  # anything may go wrong with what an error holds
        if type(error).__module__.partition(".")[0] in OWN_PACKAGES:
            pickle.loads(pickle.dumps(error))  # noqa: S301 - our own
            return error
    return UnexpectedError(explain(error))
