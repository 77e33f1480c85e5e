"""The files that a batch reads, and the names of the files that it writes."""

from __future__ import annotations

import glob
import os
import sys
from dataclasses import dataclass
from pathlib import Path, PurePath
from typing import TYPE_CHECKING

from pipeline.errors import InputError, UsageError
from pipeline.system.file_names import windows_name

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Iterator, Sequence

TEMPLATE = "{folder}/{name}"
"""Default template of an output's name: the input's name, in the same folders."""

FIELDS = ("folder", "name", "stem", "suffix", "number")
"""Fields of a template: the folder of the input below the one that was given, its file name whole, without and
only its extension, and its place among the inputs, from 1."""

# fmt: off
VIDEO_SUFFIXES = frozenset({
    ".3g2", ".3gp", ".asf", ".avi", ".divx", ".dv", ".f4v", ".flv", ".insv", ".lrv",
    ".m2t", ".m2ts", ".m4v", ".mjpeg", ".mjpg", ".mkv", ".mod", ".mov", ".mp4", ".mpeg",
    ".mpg", ".mts", ".mxf", ".nut", ".ogm", ".ogv", ".rm", ".rmvb", ".tod", ".ts",
    ".vob", ".webm", ".wmv", ".y4m",
})
# fmt: on
"""Extensions by which files in folders are taken for videos. A file that is named is taken whatever it is called."""


@dataclass(frozen=True, slots=True)
class BatchInput:
    """A file to read.

    Attributes:
        path: Path as the user would name it.
        folder: Folder of the file below the folder that was given; ``.`` for a file that was named itself.
        continued: Files that continue it, in their order; all become one output.
        note: Remark of the plan about it; may be empty.
    """

    path: Path
    folder: PurePath
    continued: tuple[Path, ...] = ()
    note: str = ""


@dataclass(frozen=True, slots=True)
class FoundInputs:
    """Files that were found.

    Attributes:
        inputs: Inputs in the order of the arguments, those of a folder by name; no file twice.
        ignored: Files in folders whose extension is not that of a video.
    """

    inputs: tuple[BatchInput, ...]
    ignored: int


def find_inputs(
    arguments: Iterable[str],
    output: Path,
    *,
    recursive: bool = False,
    suffixes: Collection[str] = VIDEO_SUFFIXES,
    kind: str = "video",
) -> FoundInputs:
    """Finds the files of a batch.

    Args:
        arguments: Files, folders, and patterns such as ``card/*.mp4`` (which not every shell expands).
        output: The folder of the outputs, of which nothing is read.
        recursive: Go into the folders of folders.
        suffixes: Extensions, in lower case, of the files that are taken from folders.
        kind: Name of what such a file is, for messages.

    Raises:
        InputError: If there is no such file or folder.
        UsageError: If nothing is left to do.
    """
    inputs: list[BatchInput] = []
    seen: set[Path] = set()
    ignored, is_own = 0, False
    own = output.resolve()
    for argument in arguments:
        for path in _expand(argument):
            for found, folder in _files(path, recursive=recursive):
                real = found.resolve()
                is_below = path.is_dir() and own in real.parents
                is_own = is_own or is_below
                if real in seen or is_below:
                    continue
                if path.is_dir() and found.suffix.lower() not in suffixes:
                    ignored += 1
                    continue
                seen.add(real)
                inputs.append(BatchInput(found, folder))
    if not inputs and is_own:
        raise UsageError(f"{output} is the folder of the outputs, of which nothing is read; name another one for them")
    if not inputs:
        hint = "" if recursive else ", or add `recursive` to go into the folders"
        raise UsageError(
            f"there is no {kind} in {', '.join(arguments)}; name other files or folders{hint}",
            field=None if recursive else "recursive",
        )
    return FoundInputs(tuple(inputs), ignored)


def output_paths(inputs: Sequence[BatchInput], output: Path, template: str = TEMPLATE) -> list[Path]:
    """Path of the output of each input.

    Args:
        inputs: All inputs, in order.
        output: The folder of the outputs.
        template: Template of a name, with :data:`FIELDS` in braces. What it makes of them is changed where Windows
            would not take it, on Windows alone.

    Raises:
        UsageError: If the template makes no sense, leaves the folder, or gives two outputs one name.
    """
    paths: dict[str, BatchInput] = {}
    found = []
    for number, item in enumerate(inputs, 1):
        path = output / _fill(template, item, number)
        # Some file systems tell names apart by more than others; two that differ by case alone are too alike.
        other = paths.setdefault(os.path.normcase(path).lower(), item)
        if other is not item:
            raise UsageError(
                f"{other.path} and {item.path} would both be written to {path}; "
                "put {folder} or {number} into `template`",
                field="template",
            )
        found.append(path)
    return found


def _fill(template: str, item: BatchInput, number: int) -> PurePath:
    values = (item.folder.as_posix(), item.path.name, item.path.stem, item.path.suffix, number)
    try:
        name = PurePath(template.format_map(dict(zip(FIELDS, values, strict=True))))
    except (KeyError, IndexError, ValueError, AttributeError) as error:
        known = ", ".join(f"{{{field}}}" for field in FIELDS)
        raise UsageError(
            f"`template` {template!r} can't be filled in; what it may name is {known}", field="template"
        ) from error
    if name.anchor or ".." in name.parts or not name.name:
        raise UsageError(
            f"`template` {template!r} leads out of the folder of the outputs; leave out / at its start and ..",
            field="template",
        )
    # Inputs have names that this system takes. A template may add a colon to one, or end a folder's name with a dot.
    return PurePath(*map(windows_name, name.parts)) if sys.platform == "win32" else name


def _expand(argument: str) -> list[Path]:
    path = Path(argument)
    if path.exists():
        return [path]
    matches = [Path(match) for match in sorted(glob.glob(argument, recursive=True))]  # noqa: PTH207 - may begin anywhere
    if not matches:
        raise InputError(f"{argument} does not exist; name files, folders or patterns such as 'card/*.mp4'")
    return matches


def _files(path: Path, *, recursive: bool) -> Iterator[tuple[Path, PurePath]]:
    """Files with their folder below ``path``. What begins with a dot is some program's own, this one's too."""
    if not path.is_dir():
        yield path, PurePath()
        return
    for folder, folders, names in os.walk(path):
        folders[:] = sorted(name for name in folders if not name.startswith(".")) if recursive else []
        for name in sorted(names):
            if not name.startswith("."):
                yield Path(folder, name), PurePath(folder).relative_to(path)
