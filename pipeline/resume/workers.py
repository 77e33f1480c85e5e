"""Segments that other processes make, here or on other machines that see the same folders.

Each of several workers reads the whole input, as every run does, and makes its share: the segments that are its turn.
Beside a finished segment it leaves a note, from which whoever holds the manifest takes it over; a worker that is begun
anew goes by the notes of the one before.
"""

from __future__ import annotations

import contextlib
import json
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from network.files import write_json
from pipeline.decode.open import open_source
from pipeline.encode.output_file import work_folder
from pipeline.errors import InputError, OutputError, UsageError
from pipeline.resume.cutter import Cutter
from pipeline.resume.encoders import SegmentEncoders
from pipeline.resume.manifest import SegmentRecord
from pipeline.resume.segment import SegmentMaker
from pipeline.resume.segment_file import FileDigest
from pipeline.resume.work_folder import segment_path
from pipeline.runner.keep_text import keeping_text

if TYPE_CHECKING:
    import threading
    from collections.abc import Callable, Collection, Generator, Sequence

    from pipeline.job import VideoJob
    from pipeline.runner.protocols import Engine
    from pipeline.runner.timing import RunProgress


@dataclass(frozen=True, slots=True)
class FinishedSegment:
    """A segment that a worker has finished.

    Attributes:
        record: Record of the segment for the manifest.
        busy: Seconds that it took to ``decode``, ``infer`` and ``encode``.
    """

    record: SegmentRecord
    busy: dict[str, float]


@dataclass(frozen=True, slots=True)
class WorkerShare:
    """The segments ``number``, ``number + of``, ``number + 2 of`` and so on.

    Attributes:
        number: Number of the share, from 0.
        of: Number of workers among which the segments are divided.
    """

    number: int
    of: int


@dataclass(frozen=True, slots=True)
class ExpectedOutput:
    """What a worker has to find, so that its segments fit into the output.

    Attributes:
        content: SHA-256 of the input, from :meth:`pipeline.resume.segment_file.FileDigest.of_all`.
        encoder: FFmpeg's name of the encoder that the output is made with.
        header: What the output's video begins with; see :attr:`pipeline.resume.encoders.SegmentEncoders.header`.
    """

    content: str
    encoder: str
    header: bytes


class SegmentWorkers(Protocol):
    """Something that has segments made."""

    def make(
        self, job: VideoJob, wanted: ExpectedOutput, seconds: float | None, done: Collection[int]
    ) -> Generator[list[FinishedSegment]]:
        """Has all segments of an input made that are not done, and yields them as they are found finished.

        Args:
            job: With a file to read, one to write, and options for segments. The folder of the work is there, and held
                by the caller.
            wanted: What the workers must find.
            seconds: How long the input is; None if unknown.
            done: Numbers of the segments that nobody has to make.

        Yields:
            Segments finished since the last item, about once a second; often none. Closing the iterator stops the work.

        Raises:
            DeblurError: If a worker fails.
        """


def make_share(
    job: VideoJob,
    wanted: ExpectedOutput,
    load: Callable[[], Engine],
    share: WorkerShare,
    done: Collection[int],
    on_progress: Callable[[RunProgress], None] = lambda _progress: None,
    cancel: threading.Event | None = None,
) -> list[FinishedSegment]:
    """Makes the segments of a share, and leaves a note of each.

    Args:
        job: Same job as for :meth:`SegmentWorkers.make`.
        wanted: Same facts as for :meth:`SegmentWorkers.make`.
        load: Function that makes the engine.
        share: Segments that this worker makes.
        done: Numbers of the segments that nobody has to make.
        on_progress: Function that is called about ten times a second.
        cancel: Ends the work when it is set.

    Returns:
        All finished segments of which there is a note, those of other workers included.

    Raises:
        InputError: If the input under this name has other content here.
        UsageError: If the encoder here is another one, or gives another header.
        OutputError: If the folder of the work is not seen from here, or can't be written.
        Cancelled: If ``cancel`` was set; finished segments stay.
        DeblurError: As ``pipeline.video.deblur_video`` does.
    """
    if job.segments is None or not isinstance(job.input, Path) or not isinstance(job.output, Path):
        raise ValueError("a share needs options for segments, an input and an output that are files")
    folder = work_folder(job.output)
    if not folder.is_dir():
        raise OutputError(f"there is no folder {folder} here; the same folders have to be there on every machine")
    _check_input(job.input, job.source.continued, wanted)
    if job.keep_text:
        load, _ = keeping_text(job.input, job.source, load)
    known = {made.record.number for made in read_results(folder)}
    with open_source(job.input, job.source) as source:
        encoders = SegmentEncoders.planned(folder / job.output.name, source.info, job.sink)
        try:
            if (encoders.plan.encoder, encoders.header) != (wanted.encoder, wanted.header):
                raise UsageError(
                    f"{encoders.plan.encoder} would not do here what {wanted.encoder} does on the machine that joins "
                    "the segments; another version, number of cores or GPU? choose another `codec`, or leave this one "
                    "out",
                    field="codec",
                )
            engine = load()
            batch = engine.info.batch if job.batch is None else job.batch
            maker = SegmentMaker(source, encoders, engine, batch, job.gate)
            cutter = Cutter(encoders.events(source.events()), job.segments.seconds, engine.info.window)
            for number, events in enumerate(cutter.segments()):
                if number % share.of != share.number or number in done or number in known:
                    for _ in events:
                        pass
                    continue
                path = segment_path(folder, number)
                record, result = maker.make(number, path, events, on_progress, cancel=cancel)
                busy = {stage: getattr(result, stage).busy for stage in ("decode", "infer", "encode")}
                _write_result(path, FinishedSegment(record, busy))
        except OSError as error:
            raise OutputError(f"{error.filename or folder}: {error.strerror or error}") from error
    return read_results(folder)


def read_results(folder: Path) -> list[FinishedSegment]:
    """The segments that workers have finished, by their notes.

    Args:
        folder: Path of the work folder.
    """
    found = []
    for path in sorted(folder.glob("*.made")):
        # A file system that several machines share may show a name before the content.
        with contextlib.suppress(OSError, ValueError, TypeError, KeyError):
            note = json.loads(path.read_text(encoding="utf-8"))
            found.append(FinishedSegment(SegmentRecord(**note["record"]), note["busy"]))
    return found


def _check_input(path: Path, continued: Sequence[Path], wanted: ExpectedOutput) -> None:
    try:
        content = FileDigest.of_all((path, *continued))
    except OSError as error:
        raise InputError(f"{path} can't be read here: {error.strerror or error}") from error
    if content.sha256 != wanted.content:
        raise InputError(f"{path} is another file here than on the machine that joins the segments")


def _write_result(segment: Path, made: FinishedSegment) -> None:
    write_json(segment.with_suffix(".made"), asdict(made))
