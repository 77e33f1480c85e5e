"""Work in a process of its own: its memory is counted apart, and no library's threads stay behind for the next one."""

from __future__ import annotations

import contextlib
import multiprocessing
import pickle
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from typing import TYPE_CHECKING, TypeVar

from pipeline.errors import EngineError
from pipeline.system.libraries import OWN_PACKAGES
from pipeline.system.unexpected import UnexpectedError, explain

if TYPE_CHECKING:
    from collections.abc import Callable

_T = TypeVar("_T")
_A = TypeVar("_A")


def isolated(work: Callable[[_A], _T], argument: _A) -> _T:
    """The result of ``work(argument)``, computed in a new process.

    Args:
        work: Function of a module; not one that was defined within another.
        argument: Argument of the function. It and the result must be picklable.

    Raises:
        EngineError: If the process dies.
        UnexpectedError: If ``work`` raises something that is no error of this program.
        Exception: Whatever else ``work`` raises.
    """
    context = multiprocessing.get_context("spawn")  # a fork would inherit the threads of libraries, but not run them
    with ProcessPoolExecutor(1, mp_context=context) as pool:
        try:
            return pool.submit(_call, work, argument).result()
        except BrokenProcessPool as error:
            raise EngineError(
                "a measurement ended by itself, perhaps for want of memory; try a smaller `sizes`", field="sizes"
            ) from error


def _call(work: Callable[[_A], _T], argument: _A) -> _T:
    try:
        return work(argument)
    except Exception as error:  # noqa: BLE001 - raised again in the other process
        raise _portable(error) from None


def _portable(error: Exception) -> Exception:
    """The error itself if it is one of this program; else one that explains it in one line."""
    with contextlib.suppress(Exception):  # anything may go wrong with what an error holds
        if type(error).__module__.partition(".")[0] in OWN_PACKAGES:
            pickle.loads(pickle.dumps(error))  # noqa: S301 - our own
            return error
    return UnexpectedError(explain(error))
