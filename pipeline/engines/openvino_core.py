"""OpenVINO's core: one a process, for as long as the process lives.

Its plugin for processors gives the thread that loads it another stack for signals, and takes that stack's memory away
when the last user of the core is gone. Where two cores end in the order in which they were made, the thread is left
with a stack that is no more, and the next signal, Ctrl-C included, kills the process by a segmentation fault (seen with
OpenVINO 2026.4).
"""

from __future__ import annotations

from concurrent.futures import Future
from functools import cache
from threading import Thread
from typing import TYPE_CHECKING, TypeVar

import openvino as ov

from pipeline.errors import EngineError
from pipeline.system.machine import cpu_features

if TYPE_CHECKING:
    from collections.abc import Callable

_T = TypeVar("_T")

PROCESSOR = "CPU"
"""OpenVINO's name of the processor."""


@cache
def openvino_core() -> ov.Core:
    """The core that everything in this process shares."""
    return ov.Core()


def openvino_version() -> str:
    """Version of OpenVINO, such as ``2026.4.1``."""
    return str(ov.get_version()).split("-", 1)[0]


def device_name(device: str) -> str:
    """What a device calls itself, such as ``Intel(R) Arc(TM) A770``; of several at once, what was asked for.

    Args:
        device: OpenVINO's name, such as ``GPU.1``, ``AUTO`` or ``HETERO:GPU,CPU``.

    Raises:
        EngineError: If OpenVINO finds no such device.
    """
    kind, _, several = device.partition(":")
    core = openvino_core()
    try:
        names = [str(core.get_property(each, "FULL_DEVICE_NAME")).strip() for each in (kind, *_parts(several))]
    except RuntimeError as error:
        present = ", ".join(core.available_devices) or "none"
        raise EngineError(f"OpenVINO finds no device {device!r}; there is: {present}", field="device") from error
    return device if several else names[0]


def _parts(several: str) -> list[str]:
    """Names of devices with commas between them; one to leave out has a dash before it."""
    return [part.removeprefix("-") for part in several.split(",")] if several else []


def computes_in(precision: str, device: str = PROCESSOR) -> bool:
    """Whether a device, or each of several, multiplies numbers of a precision, such as ``bf16``, by its instructions.

    OpenVINO says so of BF16 wherever there is AVX-512, which only imitates it, and is slower then.

    Raises:
        RuntimeError: If OpenVINO finds no such device.
    """
    if precision == "bf16" and device == PROCESSOR and cpu_features()["BF16"] is False:
        return False
    core, (kind, _, several) = openvino_core(), device.partition(":")
    return all(
        precision.upper() in core.get_property(part, "OPTIMIZATION_CAPABILITIES") for part in _parts(several) or [kind]
    )


def with_cores_of_its_own(work: Callable[[], _T]) -> _T:
    """The result of work that makes cores of its own, as libraries do: in a thread whose signals nobody waits for.

    Args:
        work: Function that is called once, in another thread, which Ctrl-C does not wait for.

    Raises:
        BaseException: Whatever ``work`` raises.
    """
    future: Future[_T] = Future()

    def run() -> None:
        try:
            future.set_result(work())
        except BaseException as error:  # noqa: BLE001 - raised again by whoever waits
            future.set_exception(error)

    Thread(target=run, name="deblur-cores", daemon=True).start()
    return future.result()
