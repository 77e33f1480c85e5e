"""Which pictures are read, and the names of the pictures that are written."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING

from pipeline.batch.inputs import TEMPLATE, find_inputs, output_paths
from pipeline.errors import InputError, OutputError, UsageError
from pipeline.images.writing import SUFFIXES, check_format

if TYPE_CHECKING:
    from collections.abc import Sequence

_NUMBER = re.compile(r"%(0\d+)?d")
"""Place of a picture's number in the name of a sequence, as C and FFmpeg write it."""


def is_sequence(name: str) -> bool:
    """Whether a name stands for a numbered sequence, such as ``img_%03d.png``."""
    return _NUMBER.search(Path(name).name) is not None and not Path(name).exists()


def plan_names(
    inputs: Sequence[str], output: str, *, recursive: bool = False, template: str = TEMPLATE
) -> list[tuple[Path, Path]]:
    """Finds the pictures, and the name that the result of each gets.

    Args:
        inputs: Files, folders, patterns such as ``*.jpg``, and numbered sequences such as ``img_%03d.png``.
        output: A picture, for one that was named itself; a numbered sequence, for one; else a folder.
        recursive: Go into the folders of folders.
        template: Template of a name in the folder, with the fields of :data:`pipeline.batch.inputs.FIELDS`.

    Returns:
        Path of each picture and of its result, in order. The folders of the results are not made.

    Raises:
        InputError: If there is no such picture.
        OutputError: If the output is a file where a folder is needed.
        UsageError: If the names do not go together, or a result would have no extension of a picture.
    """
    sequences = [name for name in inputs if is_sequence(name)]
    if is_sequence(output):
        if len(inputs) != 1 or not sequences:
            raise UsageError(f"{output} is a numbered sequence; then the input is one as well, such as 'img_%03d.png'")
        pairs = [(path, _with_number(output, number)) for path, number in _numbered(inputs[0])]
    else:
        names = [
            str(path)
            for name in inputs
            for path in ([path for path, _ in _numbered(name)] if is_sequence(name) else [name])
        ]
        target = Path(output)
        found = find_inputs(names, target, recursive=recursive, suffixes=SUFFIXES, kind="picture").inputs
        is_one = len(inputs) == 1 and not sequences and len(found) == 1 and not Path(inputs[0]).is_dir()
        if is_one and target.suffix.lower() in SUFFIXES and not target.is_dir():
            pairs = [(found[0].path, target)]
        else:
            if target.is_file():
                raise OutputError(f"{target} is a file; several pictures need a folder")
            if not target.exists() and target.suffix.lower() in SUFFIXES:
                raise UsageError(f"{target} is one picture; several pictures need a folder")
            if is_one and target.suffix and not target.exists():
                check_format(target)
            pairs = list(zip((item.path for item in found), output_paths(found, target, template), strict=True))
    for _path, result in pairs:
        check_format(result)
    return pairs


def _with_number(name: str, number: int) -> Path:
    path = Path(name)
    return path.with_name(_NUMBER.sub(lambda match: match[0] % number, path.name, count=1))


def _numbered(name: str) -> list[tuple[Path, int]]:
    """Pictures of a numbered sequence with their numbers, in order."""
    path = Path(name)
    match = _NUMBER.search(path.name)
    assert match is not None
    pattern = re.compile(f"{re.escape(path.name[: match.start()])}([0-9]+){re.escape(path.name[match.end() :])}")
    files = path.parent.iterdir() if path.parent.is_dir() else ()
    numbered = [(int(found[1]), each) for each in files if (found := pattern.fullmatch(each.name))]
    if not numbered:
        raise InputError(f"there is no picture {name}")
    return [(each, number) for number, each in sorted(numbered)]
