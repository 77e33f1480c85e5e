"""Record of a video's finished segments, in SQLite. After a crash, only what can be verified is used."""

from __future__ import annotations

import contextlib
import sqlite3
from dataclasses import asdict, dataclass, fields
from typing import TYPE_CHECKING

from pipeline.errors import OutputError, UsageError

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

NAME = "manifest.sqlite"

SCHEMA = 3
"""Number of the format, kept as SQLite's ``user_version``: raised when tables or the identifiers of facts change.

Work in another format is not read; the output is begun anew. Format 1 had no number, and sentences for identifiers.
Format 2 counted the frames of each segment anew where the container has a constant rate.
"""

_TABLES = (
    "CREATE TABLE IF NOT EXISTS facts (name TEXT PRIMARY KEY, value TEXT NOT NULL)",
    """
    CREATE TABLE IF NOT EXISTS segments (
        number INTEGER PRIMARY KEY, frames INTEGER NOT NULL, first_pts INTEGER NOT NULL, last_pts INTEGER NOT NULL,
        size INTEGER NOT NULL, sha256 TEXT NOT NULL, duplicates INTEGER NOT NULL, sharp INTEGER NOT NULL,
        corrupt_packets INTEGER NOT NULL, corrupt_frames INTEGER NOT NULL
    )
    """,
)


@dataclass(frozen=True, slots=True)
class SegmentRecord:
    """A finished segment.

    Attributes:
        number: Number of the segment, from 0.
        frames: Number of frames in the segment.
        first_pts: Time stamp of its first frame, in ticks of the source.
        last_pts: Time stamp of its last frame.
        size: Size of the file in bytes.
        sha256: SHA-256 of the file, hexadecimal.
        duplicates: Frames that repeated the one before.
        sharp: Frames that passed untouched because they were sharp.
        corrupt_packets: Corrupt packets of the input that were found while the segment was made.
        corrupt_frames: Damaged frames of the input that were found while the segment was made.
    """

    number: int
    frames: int
    first_pts: int
    last_pts: int
    size: int
    sha256: str
    duplicates: int
    sharp: int
    corrupt_packets: int
    corrupt_frames: int


_COLUMNS = ", ".join(field.name for field in fields(SegmentRecord))
_VALUES = ", ".join(f":{field.name}" for field in fields(SegmentRecord))


class ManifestDamagedError(Exception):
    """The file is no manifest any more, as after a power cut; nothing of the work beside it can be trusted."""


class Manifest:
    """The manifest of one output, held by this process alone until it is closed.

    The rows of finished segments are the state: a segment without a row is unfinished, whatever lies on the disk.

    Attributes:
        was_foreign: Whether there was a manifest in another format, written by another version of this program. It is
            empty now.
    """

    def __init__(self, folder: Path, name: str) -> None:
        """Opens the manifest, or makes a new one.

        Args:
            folder: Folder that holds the manifest.
            name: Name of the output, for messages.

        Raises:
            ManifestDamagedError: If the file that is there is no manifest.
            UsageError: If another process holds it.
            OutputError: If it can't be written.
        """
        self._name = name
        try:
            self._database = sqlite3.connect(folder / NAME, timeout=0, isolation_level=None)
        except sqlite3.Error as error:
            raise OutputError(f"{name} can't be written: {error}") from error
        try:
            with self._translated():
                # The lock is the system's own and goes with the process, however that ends.
                self._database.execute("PRAGMA locking_mode = EXCLUSIVE")
                self._database.execute("PRAGMA synchronous = EXTRA")
                self._database.execute("BEGIN EXCLUSIVE")
                self.was_foreign = self._make_tables()
                self._database.execute("COMMIT")
                if self._database.execute("PRAGMA quick_check").fetchone() != ("ok",):
                    raise ManifestDamagedError(folder / NAME)
                self.finished()  # a column that is missing is damage too
        except BaseException:
            self.close()
            raise

    def _make_tables(self) -> bool:
        """Makes the tables that are missing.

        Returns:
            Whether there were tables of another format, which are gone now.
        """
        run = self._database.execute
        tables = [name for (name,) in run("SELECT name FROM sqlite_master WHERE type = 'table'").fetchall()]
        is_foreign = bool(tables) and run("PRAGMA user_version").fetchone() != (SCHEMA,)
        for name in tables if is_foreign else ():
            run(f'DROP TABLE "{name}"')
        for table in _TABLES:
            run(table)
        run(f"PRAGMA user_version = {SCHEMA}")
        return is_foreign

    def facts(self) -> dict[str, str]:
        """Facts with which the work was begun; empty for a new manifest."""
        with self._translated():
            return dict(self._database.execute("SELECT name, value FROM facts"))

    def begin(self, facts: Mapping[str, str]) -> None:
        """Stores the facts with which the work is begun.

        Raises:
            OutputError: If that can't be written.
        """
        with self._transaction():
            self._database.executemany("INSERT OR REPLACE INTO facts VALUES (?, ?)", facts.items())

    def finished(self) -> dict[int, SegmentRecord]:
        """The finished segments by number."""
        with self._translated():
            rows = self._database.execute(f"SELECT {_COLUMNS} FROM segments ORDER BY number")  # noqa: S608
            return {row[0]: SegmentRecord(*row) for row in rows}

    def finish(self, record: SegmentRecord) -> None:
        """Notes a segment as finished, on the disk when this returns.

        Raises:
            OutputError: If that can't be written.
        """
        with self._transaction():
            self._database.execute(f"INSERT OR REPLACE INTO segments ({_COLUMNS}) VALUES ({_VALUES})", asdict(record))  # noqa: S608

    def forget(self, number: int) -> None:
        """Marks a segment as unfinished.

        Raises:
            OutputError: If that can't be written.
        """
        with self._transaction():
            self._database.execute("DELETE FROM segments WHERE number = ?", (number,))

    def clear(self) -> None:
        """Deletes all facts and segments from the manifest.

        Raises:
            OutputError: If that can't be written.
        """
        with self._transaction():
            self._database.execute("DELETE FROM segments")
            self._database.execute("DELETE FROM facts")

    def close(self) -> None:
        """Closes the manifest, so that another process can open it."""
        self._database.close()

    @contextlib.contextmanager
    def _transaction(self) -> Iterator[None]:
        with self._translated():
            self._database.execute("BEGIN")
            try:
                yield
                self._database.execute("COMMIT")
            except BaseException:
                with contextlib.suppress(sqlite3.Error):
                    self._database.execute("ROLLBACK")
                raise

    @contextlib.contextmanager
    def _translated(self) -> Iterator[None]:
        try:
            yield
        except sqlite3.Error as error:
            code = getattr(error, "sqlite_errorcode", sqlite3.SQLITE_ERROR) & 0xFF  # without the extended part
            if code in (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED):
                raise UsageError(
                    f"another process is writing {self._name}; wait for it, or choose another output"
                ) from error
            if code in (sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB, sqlite3.SQLITE_ERROR):
                raise ManifestDamagedError(str(error)) from error
            reason = "no space left on the disk" if code == sqlite3.SQLITE_FULL else str(error)
            raise OutputError(f"{self._name} can't be written: {reason}") from error
