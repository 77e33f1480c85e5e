"""Writing an output under a temporary name until it is complete, so that no incomplete file has the final name."""

from __future__ import annotations

import contextlib
import errno
import io
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO, cast

import av.error

from network.names import shortened
from pipeline.encode.partial import PartialFile, partial_name, remove_left
from pipeline.errors import OutputError, UsageError
from pipeline.system.file_names import check_name

if TYPE_CHECKING:
    from collections.abc import Iterator

    from typing_extensions import Buffer


@contextlib.contextmanager
def writing_errors(name: str) -> Iterator[None]:
    """Turns errors of FFmpeg and of the system in the block into errors that a user understands.

    Args:
        name: Name of the output that is written, for the message.

    Raises:
        OutputError: In place of such an error.
    """
    try:
        yield
    except BrokenPipeError as error:
        raise OutputError(f"{name}: the program that reads the output has closed it") from error
    except (av.error.FFmpegError, OSError) as error:
        if error.errno == errno.ENOSPC:
            raise OutputError(f"{name} can't be written: no space left on the disk") from error
        raise OutputError(f"{name} can't be written: {error.strerror or error}") from error


def work_folder(output: Path) -> Path:
    """Path of the folder beside an output in which a run that can be resumed keeps its finished parts.

    Args:
        output: Path of the output itself; the file need not exist.
    """
    output = output.resolve()
    return output.with_name(f".{shortened(output.name)}.deblur")


def check_output(path: Path, source: Path | None, *, overwrite: bool) -> None:
    """Refuses a path to which an output must not or can't be written.

    Args:
        path: Path of the output.
        source: Path of the input, which is never overwritten; None if the input is not a file.
        overwrite: Whether to replace a file that exists.

    Raises:
        UsageError: If the output is the input.
        OutputError: If the path is a folder, lies in a missing folder, or holds a file and ``overwrite`` is off.
    """
    check_name(path)
    if source is not None and path.exists() and source.exists() and path.samefile(source):
        raise UsageError(f"{path} is the input itself; choose another output")
    if path.is_dir():
        raise OutputError(f"{path} is a folder; name a file in it")
    if path.is_file() and not overwrite:
        raise OutputError(f"{path} exists; add `overwrite` to replace it", field="overwrite")
    folder = path.resolve().parent
    if not folder.is_dir():
        raise OutputError(f"the folder {folder} does not exist; create it first")


class _RaisesOnce:
    """A file object that raises its first error, and takes what is written after that without a word.

    PyAV keeps one error of a file object until FFmpeg has returned. FFmpeg goes on writing, and PyAV prints the
    traceback of every further error. It is no :class:`io.IOBase`, which would flush the file when it is thrown away,
    after its owner may have closed it.
    """

    def __init__(self, file: BinaryIO) -> None:
        self._file = file
        self._has_failed = False

    def write(self, data: Buffer, /) -> int:
        """Writes ``data``; after an error, only says so."""
        if self._has_failed:
            return memoryview(data).nbytes
        try:
            return self._file.write(data)
        except OSError:
            self._has_failed = True
            raise

    def flush(self) -> None:
        """Flushes the file, unless it has failed."""
        if not self._has_failed:
            self._file.flush()

    def writable(self) -> bool:
        """True."""
        return True

    def seekable(self) -> bool:
        """Whether the file can be sought."""
        return self._file.seekable()

    def seek(self, offset: int, whence: int = io.SEEK_SET, /) -> int:
        """Goes to a place in the file."""
        return self._file.seek(offset, whence)

    def tell(self) -> int:
        """The place in the file, in bytes from its beginning."""
        return self._file.tell()


class OutputTarget:
    """The destination of an output: a temporary file that is renamed at the end, or a file object.

    Attributes:
        name: Name of the output, for messages.
        opened: Path of the temporary file, or the file object, that is written to.
    """

    def __init__(
        self, path: Path | BinaryIO, source: Path | None, *, overwrite: bool, folder: Path | None = None
    ) -> None:
        """Checks the path and reserves it.

        Args:
            path: Path of a file, device or named pipe, or a file object (which is not closed).
            source: Path of the input, which is never overwritten; None if the input is not a file.
            overwrite: Whether to replace a file that exists.
            folder: Path of a folder in the same file system for the temporary file; None for that of the output.

        Raises:
            UsageError: If the output is the input, or if another process is writing it.
            OutputError: If the path can't be written, or if it holds a file and ``overwrite`` is off.
        """
        self.name = str(path) if isinstance(path, Path) else str(getattr(path, "name", "-"))
        self._overwrite = overwrite
        self._final: Path | None = None
        self._partial: PartialFile | None = None
        self._device: BinaryIO | None = None
        self.opened: Path | BinaryIO = path
        if not isinstance(path, Path):
            self.opened = cast("BinaryIO", _RaisesOnce(path))
            return
        check_output(path, source, overwrite=overwrite)
        if path.exists() and not path.is_file():
            # A device or a named pipe can be neither replaced nor renamed to.
            self._device = self._open(path)
            self.opened = cast("BinaryIO", _RaisesOnce(self._device))
            return
        self._final = path.resolve()
        # A run that keeps its work for later writes in the folder of the work, any other beside the output. Each
        # removes what either has left when it was killed, and neither begins while the other is at work.
        temporary = (folder or self._final.parent) / partial_name(self._final)
        for other in (self._final.parent, work_folder(path)):
            if other / temporary.name != temporary:
                self._remove_left(other / temporary.name)
        self._partial = PartialFile(temporary, self.name)
        self.opened = self._partial.path

    @property
    def seekable(self) -> bool:
        """Whether a muxer can seek back and complete the header."""
        return isinstance(self.opened, Path) or self.opened.seekable()

    def commit(self) -> None:
        """Gives the complete file its final name.

        Raises:
            OutputError: If the file can't be renamed, or if another file has taken the name meanwhile.
        """
        try:
            if self._device is not None:
                self._device.close()
            elif not isinstance(self.opened, Path):
                self.opened.flush()
            elif self._partial is not None and self._final is not None:
                if self._final.exists() and not self._overwrite:
                    raise OutputError(f"{self.name} came to exist in the meantime; it was left as it is")
                self._partial.commit(self._final)
                self._partial = None
        except OSError as error:
            raise OutputError(f"{self.name} can't be written: {error.strerror}") from error

    def discard(self) -> None:
        """Deletes what was written, except in a file object or device. May be called at any time."""
        with contextlib.suppress(OSError):
            if self._device is not None:
                self._device.close()
            if self._partial is not None:
                self._partial.discard()

    def _remove_left(self, path: Path) -> None:
        try:
            remove_left(path, self.name)
        except OSError as error:
            raise OutputError(f"{self.name} can't be written: {error.strerror}") from error

    def _open(self, path: Path) -> BinaryIO:
        try:
            return path.open("wb")
        except OSError as error:
            raise OutputError(f"{self.name} can't be written: {error.strerror}") from error
