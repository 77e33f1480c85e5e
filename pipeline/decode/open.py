"""Opening an input as its options say: decoded here or by another process, one file or several that continue it."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from pipeline.decode.concat import ConcatSource
from pipeline.decode.source import VideoSource
from pipeline.errors import UsageError
from pipeline.job import SourceOptions

if TYPE_CHECKING:
    from pipeline.decode.concat import Part
    from pipeline.media.places import Place


def open_source(path: Place, options: SourceOptions | None = None) -> Part | ConcatSource:
    """Opens an input.

    Args:
        path: Path of a file. An address or a file object is allowed where neither isolation nor further files are
            asked for.
        options: Options for reading the input; ``continued`` names further files, ``isolation`` asks for a process.

    Raises:
        InputError: If the input can't be read, for the reasons that :class:`pipeline.decode.source.VideoSource`
            gives, or if the other process crashes or hangs.
        LimitError: If the input exceeds a limit.
        UsageError: If the options contradict each other or do not fit the input.
    """
    options = options or SourceOptions()
    if options.continued:
        return ConcatSource(path, options, _open_part)
    return _open_part(path, options)


def _open_part(path: Place, options: SourceOptions) -> Part:
    """Opens one file, one address, or one file object."""
    if options.isolation is None:
        return VideoSource(path, options)
    if not isinstance(path, Path):
        raise UsageError(
            "`isolation` needs a file, because two processes read it; leave it out for a pipe or an address",
            field="isolation",
        )
    # It imports what other processes and shared memory take.
    from pipeline.decode.isolated_source import IsolatedSource

    return IsolatedSource(path, options, options.isolation)
