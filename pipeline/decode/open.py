"""Opens an input as its options say: decoded here or by another process, alone or with files that continue it."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO

from pipeline.decode.concat import ConcatSource
from pipeline.decode.isolated_source import IsolatedSource
from pipeline.decode.source import VideoSource
from pipeline.errors import UsageError
from pipeline.job import SourceOptions

if TYPE_CHECKING:
    from pipeline.decode.concat import Part


def open_source(path: Path | BinaryIO, options: SourceOptions | None = None) -> Part | ConcatSource:
    """Opens an input.

    Args:
        path: A file, or a file object where neither isolation nor further files are asked for.
        options: How to read it. ``continued`` asks for further files, ``isolation`` for another process.

    Raises:
        InputError: As :class:`pipeline.decode.source.VideoSource` does, or if the other process crashes or hangs.
        LimitError: If the input exceeds a limit.
        UsageError: If the options do not fit each other or the input.
    """
    options = options or SourceOptions()
    if options.continued:
        return ConcatSource(path, options, _open_part)
    return _open_part(path, options)


def _open_part(path: Path | BinaryIO, options: SourceOptions) -> Part:
    """Opens one file, or one file object."""
    if options.isolation is None:
        return VideoSource(path, options)
    if not isinstance(path, Path):
        raise UsageError(
            "`isolation` needs a file, because two processes read it; leave it out for a pipe", field="isolation"
        )
    return IsolatedSource(path, options, options.isolation)
