"""Which outputs are finished, of which inputs and with which options, in SQLite beside the outputs."""

from __future__ import annotations

import contextlib
import os
import sqlite3
from typing import TYPE_CHECKING

from pipeline.errors import OutputError
from pipeline.resume.segment_file import FileDigest, size_of

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

NAME = ".deblur-batch.sqlite"

_SCHEMA = """
CREATE TABLE IF NOT EXISTS outputs (
    path TEXT PRIMARY KEY, input_size INTEGER NOT NULL, input_sha256 TEXT NOT NULL, options TEXT NOT NULL,
    output_size INTEGER NOT NULL, damaged INTEGER NOT NULL
);
"""


class FinishedOutputs:
    """The finished outputs of one folder. A database that is damaged, as after a power cut, is begun anew.

    Each use opens and closes the database, so that any thread, and another batch into the same folder, may use it.
    """

    def __init__(self, folder: Path, options: str) -> None:
        """Prepares for outputs made with one set of options.

        Args:
            folder: Folder of the outputs; it need not exist before something is added.
            options: Everything that shapes an output besides its input.
        """
        self._folder, self._options = folder, options
        self._path = folder / NAME

    def is_finished(self, paths: Sequence[Path], output: Path) -> bool:
        """Whether an output is there, whole, of this very input and made with the same options.

        The content of the input decides, not its name or date; it is read only where the size agrees.

        Args:
            paths: Files of the input: one, or several that are joined.
            output: Path of the output.

        Raises:
            OSError: If the input can't be read.
        """
        if not output.is_file() or not self._path.is_file():
            return False
        query = "SELECT input_size, input_sha256, output_size FROM outputs WHERE path = ? AND options = ?"
        with self._database() as database:
            row = database.execute(query, (self._key(output), self._options)).fetchone()
        if row is None or row[0] != size_of(paths) or row[2] != output.stat().st_size:
            return False
        return FileDigest.of_all(paths).sha256 == str(row[1])

    def was_damaged(self, output: Path) -> bool:
        """Whether the input of a finished output was damaged."""
        with self._database() as database:
            row = database.execute("SELECT damaged FROM outputs WHERE path = ?", (self._key(output),)).fetchone()
        return bool(row and row[0])

    def add(self, content: FileDigest, output: Path, *, damaged: bool) -> None:
        """Notes an output as finished.

        Args:
            content: Digest of the input, as it was when it was read.
            output: Path of the complete output.
            damaged: Whether the input was damaged.

        Raises:
            OutputError: If the database can't be written.
        """
        row = (self._key(output), content.size, content.sha256, self._options, output.stat().st_size, damaged)
        with self._database() as database:
            database.execute("INSERT OR REPLACE INTO outputs VALUES (?, ?, ?, ?, ?, ?)", row)

    def _key(self, output: Path) -> str | bytes:
        """The name of an output in its folder; as bytes where it is no text, which Linux allows and SQLite does not."""
        key = output.relative_to(self._folder).as_posix()
        try:
            key.encode()
        except UnicodeEncodeError:
            return os.fsencode(key)
        return key

    @contextlib.contextmanager
    def _database(self) -> Iterator[sqlite3.Connection]:
        try:
            with contextlib.closing(self._open()) as database, database:
                yield database
        except sqlite3.Error as error:
            raise OutputError(f"{self._path}, which knows what is finished, can't be used: {error}") from error

    def _open(self) -> sqlite3.Connection:
        for _ in range(2):
            database = sqlite3.connect(self._path, timeout=30)
            try:
                database.executescript(_SCHEMA)
                database.execute("SELECT path, input_size, input_sha256, options, output_size, damaged FROM outputs")
            except sqlite3.DatabaseError as error:
                database.close()
                if isinstance(error, sqlite3.OperationalError):
                    raise
                self._path.unlink()
            else:
                return database
        raise OutputError(f"{self._path} can't be begun anew; delete it")
