"""The folder beside an output in which its segments and their manifest lie until all are joined."""

from __future__ import annotations

import contextlib
import shutil
from typing import TYPE_CHECKING, Self

from network.counting import are, count_of, were
from pipeline.encode.output_file import work_folder
from pipeline.errors import DeblurError, OutputError, UsageError
from pipeline.notes import Note, NoteCode
from pipeline.resume.facts import words
from pipeline.resume.manifest import NAME, Manifest, ManifestDamagedError
from pipeline.resume.segment_file import FileDigest

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path
    from types import TracebackType

    from pipeline.resume.manifest import SegmentRecord

RESERVE = 16 << 20
"""Bytes that stay free on the disk of the output: a run stops before it fills the disk for everyone else."""

_JOINED = "joined"
"""Fact of the manifest: every segment was joined, and the output is about to be renamed into place."""


def segment_path(folder: Path, number: int) -> Path:
    """Path of a segment in the work folder."""
    return folder / f"{number:06d}.segment"


class WorkFolder:
    """The work on one output, held by this process alone. A context manager.

    On leaving it, the folder goes unless a segment is finished that a later run can use.

    Attributes:
        path: Path of the folder.
        notes: What became of work that was there.
    """

    def __init__(self, output: Path, *, fresh: bool = False) -> None:
        """Opens the folder, or makes one.

        Args:
            output: The file to be written.
            fresh: Throw away what an earlier run left.

        Raises:
            UsageError: If another process is at work on the same output.
            OutputError: If the place can't be written.
        """
        self.path = work_folder(output)
        self.notes: list[Note] = []
        self._name = str(output)
        self._is_done = False
        try:
            self.path.mkdir(exist_ok=True)
            self._manifest = self._open()
        except OSError as error:
            raise OutputError(f"{self._name} can't be written: {error.strerror}") from error
        try:
            self._tidy()
            if fresh:
                self._manifest.clear()
        except BaseException:
            self._manifest.close()
            raise

    def __enter__(self) -> Self:
        """The folder itself."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Closes the folder, and removes it if nothing in it can be used again."""
        try:
            is_of_use = not self._is_done and self.finished > 0
        except (DeblurError, ManifestDamagedError):  # whatever it is, the next run finds out
            is_of_use = True
        finally:
            self._manifest.close()
        if not is_of_use:
            _remove(self.path)

    @property
    def manifest(self) -> Manifest:
        """Finished segments by number."""
        return self._manifest

    @property
    def finished(self) -> int:
        """How many segments are finished."""
        return len(self._manifest.finished())

    @property
    def is_joined(self) -> bool:
        """Whether an earlier run ended between giving the output its name and tidying up."""
        return _JOINED in self._manifest.facts()

    def segment(self, number: int) -> Path:
        """Path of a segment's file."""
        return segment_path(self.path, number)

    def resume(self, facts: Mapping[str, str]) -> dict[int, SegmentRecord]:
        """The segments of an earlier run that are whole, by number; all others are forgotten.

        Args:
            facts: All that shapes the output; see :func:`pipeline.resume.facts.facts_of`.

        Raises:
            UsageError: If the earlier run had other facts.
            OutputError: If the manifest can't be written.
        """
        found, finished = self._manifest.facts(), self._manifest.finished()
        if finished:
            other = [name for name in facts if found.get(name) != facts[name]]
            if other:
                done = f"{_segments(len(finished))} of it {were(len(finished))}"
                raise UsageError(
                    f"{self._name}: {done} finished by an interrupted run with another "
                    f"{words(other)}; run it the same way to go on, or add `segments.fresh` to start over",
                    field="segments.fresh",
                )
        self._manifest.begin(facts)
        whole = self.whole()
        self.notes += (
            Note(NoteCode.SEGMENT_DAMAGED, f"segment {number} of an interrupted run is damaged; it is done again")
            for number in sorted(finished.keys() - whole)
        )
        if whole:
            frames = sum(record.frames for record in whole.values())
            kept = f"{_segments(len(whole))} ({count_of(frames, 'frame')})"
            text = f"going on: {kept} of an interrupted run {are(len(whole))} kept"
            self.notes.append(Note(NoteCode.WORK_RESUMED, text))
        return whole

    def whole(self) -> dict[int, SegmentRecord]:
        """The finished segments whose files are whole, by number; all others are forgotten.

        Raises:
            OutputError: If the manifest can't be written.
        """
        whole = {}
        for number, record in self._manifest.finished().items():
            if self._is_whole(record):
                whole[number] = record
            else:
                self._manifest.forget(number)
        return whole

    @property
    def way_to_go_on(self) -> str:
        """The end of a message about a run that failed; empty if nothing is finished."""
        if not self.finished:
            return ""
        done = f"{_segments(self.finished)} {are(self.finished)}"
        return f"; {done} finished: run the same again to go on, or add `segments.fresh` to start over"

    def check_space(self, expected: int = 0) -> None:
        """Stops before the disk is full.

        Args:
            expected: Bytes that the output may come to have. What would not fit is only noted, because nobody knows
                beforehand how large an output becomes.

        Raises:
            OutputError: If less than the reserve is free.
        """
        free = shutil.disk_usage(self.path).free
        if free < RESERVE:
            raise OutputError(
                f"{self._name} can't be written: only {free >> 20} MiB are free on the disk, and {RESERVE >> 20} MiB "
                "have to stay free; make room"
            )
        if free < 2 * expected:
            text = (
                f"{free >> 20} MiB are free on the disk, and an output as large as the input needs "
                f"{2 * expected >> 20} MiB until its segments are joined"
            )
            self.notes.append(Note(NoteCode.DISK_SPACE, text))

    def join(self) -> None:
        """Notes that every segment is joined, just before the output gets its name."""
        self._manifest.begin({_JOINED: "1"})

    def done(self) -> None:
        """Says that the output is in its place, so that the folder can go."""
        self._is_done = True

    def _open(self) -> Manifest:
        try:
            manifest = Manifest(self.path, self._name)
        except ManifestDamagedError:
            # Nobody can hold a file that is no database: the folder is free to be emptied.
            text = "the manifest that an interrupted run left is damaged; starting over"
            self.notes.append(Note(NoteCode.WORK_DISCARDED, text))
            for path in self.path.iterdir():
                path.unlink()
            return Manifest(self.path, self._name)
        if manifest.was_foreign:
            text = "the work in progress is of another version of this program; starting over"
            self.notes.append(Note(NoteCode.WORK_DISCARDED, text))
            for path in self.path.glob("*.segment"):
                path.unlink()
        return manifest

    def _tidy(self) -> None:
        """Deletes what a run that was killed had not finished."""
        for pattern in ("*.part", ".*.partial*", "*.made"):
            for path in self.path.glob(pattern):
                path.unlink(missing_ok=True)

    def _is_whole(self, record: SegmentRecord) -> bool:
        path = self.segment(record.number)
        try:
            return path.stat().st_size == record.size and FileDigest.of(path) == FileDigest(record.size, record.sha256)
        except OSError:
            return False


def _remove(folder: Path) -> None:
    # What can't be removed does no harm: the next run into the same output finds and removes it. The manifest goes
    # first: a run that is killed here must not leave one that speaks of segments which are gone.
    with contextlib.suppress(OSError):
        (folder / NAME).unlink(missing_ok=True)
        shutil.rmtree(folder)


def discard_work(output: Path) -> None:
    """Removes what a run that was killed while it tidied up has left beside a complete output."""
    if work_folder(output).is_dir():
        with contextlib.suppress(DeblurError), WorkFolder(output) as work:
            work.done()


def _segments(number: int) -> str:
    return count_of(number, "segment")
