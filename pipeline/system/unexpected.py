"""Unexpected errors in one line: the error, its place in this program, and the library with its version.

Such errors are bugs of this program, or come from a library that has changed since it was tested.
"""

from __future__ import annotations

import contextlib
import dis
import functools
import sys
import traceback
from importlib import metadata
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING

from pipeline.system.libraries import OWN_PACKAGES, Library, distributions_inside, installed

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from types import FrameType

_ROOT = Path(__file__).resolve().parents[2]


class UnexpectedError(RuntimeError):
    """Unexpected error of another process. The message is the line by which that process explained it."""


def explain(error: BaseException) -> str:
    """Explains an unexpected error in one line.

    Args:
        error: Error as it was caught, with its traceback.

    Returns:
        Line with the kind and text of the error, the line of this program where it arose, and the library that raised
        it or that the line uses, with its version. A version that was not tested is named as such.
    """
    if isinstance(error, UnexpectedError):
        return str(error)
    frames = list(traceback.walk_tb(error.__traceback__))
    own = [number for number, (frame, _) in enumerate(frames) if _package(frame) in OWN_PACKAGES]
    inner = frames[own[-1] :] if own else frames
    details = []
    if own:
        frame, line = inner[0]
        details.append(f"in {_file(frame)}:{line}")
    with contextlib.suppress(Exception):  # nothing about the library must cost the user the error itself
        details += _about_library(error, inner)
        for package, others in distributions_inside().items():
            details.append(f"{' and '.join(others)} has files in {package} too")
    text = f"{type(error).__name__}: {error}" + (f" ({', '.join(details)})" if details else "")
    return " ".join(text.split())


def _about_library(error: BaseException, frames: list[tuple[FrameType, int]]) -> list[str]:
    """Words on the library that an error comes from, or else on the library that the failing line uses.

    Args:
        error: Error to explain.
        frames: Innermost stack frame of this program, and the frames below it, each with its line number.
    """
    found = _first_library(_raised_by(error, frames))
    how = "from"
    if found is None and frames:  # functions written in C leave no frame
        found = _first_library(_used_by(*frames[0]))
        how = "using"
    if found is None:
        return []
    return [f"{how} {found.name} {found.version}"] + [f"outside the tested versions, {found.tested}"] * found.is_outside


def _first_library(packages: Iterable[str]) -> Library | None:
    """Library of the first of some top-level packages that belongs to an installed library; None if none does."""
    owners = metadata.packages_distributions()
    for package in packages:
        if package in owners and package not in OWN_PACKAGES and package not in sys.stdlib_module_names:
            return installed(owners[package][0])
    return None


def _raised_by(error: BaseException, frames: list[tuple[FrameType, int]]) -> Iterator[str]:
    """Yields the names of the top-level packages that an error was raised in, the innermost first."""
    for frame, _ in reversed(frames):
        yield _package(frame)
    if isinstance(error, AttributeError) and error.obj is not None:
        yield _package_of(error.obj)
    if isinstance(error, ImportError) and error.name:
        yield error.name.partition(".")[0]


def _used_by(frame: FrameType, line: int) -> Iterator[str]:
    """Yields the names of the top-level packages of the variables that a line reads."""
    for name in _names(frame, line):
        yield _package_of(frame.f_locals.get(name, frame.f_globals.get(name)))


def _names(frame: FrameType, line: int) -> list[str]:
    """Names of the variables that a line reads, in order."""
    found: dict[str, None] = {}
    for instruction in dis.get_instructions(frame.f_code):
        if instruction.opname.startswith("LOAD_") and instruction.positions and instruction.positions.lineno == line:
            several = instruction.argval if isinstance(instruction.argval, tuple) else (instruction.argval,)
            found |= {name: None for name in several if isinstance(name, str)}
    return list(found)


def _package(frame: FrameType) -> str:
    """Name of the top-level package of a frame's module."""
    return str(frame.f_globals.get("__name__", "")).partition(".")[0]


def _package_of(value: object) -> str:
    """Name of the top-level package of a module, class or function, or of the class of another object."""
    if isinstance(value, functools.partial):
        value = value.func
    if isinstance(value, ModuleType):
        name = value.__name__
    else:
        name = getattr(value, "__module__", None) or type(value).__module__
    return str(name).partition(".")[0]


def _file(frame: FrameType) -> str:
    """Path of a frame's file, relative to this program's folder if it lies inside."""
    path = Path(frame.f_code.co_filename)
    return path.relative_to(_ROOT).as_posix() if path.is_relative_to(_ROOT) else path.name
