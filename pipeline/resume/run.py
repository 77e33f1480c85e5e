"""Deblurs a video segment by segment, taking over those that an earlier run has finished."""

from __future__ import annotations

import contextlib
import time
from dataclasses import replace
from typing import TYPE_CHECKING

import av

from pipeline.details import log_output, log_run
from pipeline.encode.output_file import check_output, work_folder
from pipeline.errors import Cancelled, DeblurError
from pipeline.report import Report
from pipeline.resume.cutter import Cutter
from pipeline.resume.facts import facts_of
from pipeline.resume.joined_sink import JoinedSink
from pipeline.resume.segment import SegmentMaker
from pipeline.resume.segment_file import FileDigest, read_segment
from pipeline.resume.work_folder import WorkFolder
from pipeline.resume.workers import ExpectedOutput
from pipeline.runner.protocols import Neighbour
from pipeline.runner.timing import Latency, RunProgress, RunResult, StageTime

if TYPE_CHECKING:
    import threading
    from collections.abc import Callable, Iterator, Sequence
    from pathlib import Path

    from av.stream import Stream

    from pipeline.job import VideoJob
    from pipeline.notes import Note
    from pipeline.progress import Display
    from pipeline.resume.manifest import SegmentRecord
    from pipeline.resume.workers import FinishedSegment, SegmentWorkers
    from pipeline.runner.protocols import Engine, Source

_LOOK_EVERY = 64
"""Number of reused frames after which the run checks again whether it has to stop."""


class ChangedError(Exception):
    """The input decodes differently from when its segments were made. Segments that differ were discarded."""


def deblur_in_segments(
    job: VideoJob,
    source: Source,
    output: Path,
    load: Callable[[], Engine],
    display: Display,
    on_output: Callable[[Report], None],
    notes: Sequence[Note] = (),
    workers: SegmentWorkers | None = None,
    cancel: threading.Event | None = None,
) -> Report:
    """Deblurs one video such that a crash costs one segment at most.

    Args:
        job: What to read and to write, with options for segments.
        source: The input, open and not read yet; a file.
        output: The file to write.
        load: Function that makes the engine.
        display: Shows the progress.
        on_output: Function that is called when the output is complete and the segments are not yet deleted.
        notes: Further lines for the user.
        workers: Workers that make the segments, which are only joined here; None to make them here.
        cancel: Ends the work when it is set; finished segments are kept.

    Raises:
        Cancelled: If ``cancel`` was set; finished segments are kept.
        KeyboardInterrupt: If the user interrupted; its notes say how to go on.
        ChangedError: If the input has to be opened and read once more.
        DeblurError: For every other reason that ``pipeline.video.deblur_video`` lists.
    """
    options = job.segments
    if options is None or source.info.path is None:
        raise ValueError("segments need options and an input that is a file")
    if not work_folder(output).is_dir():
        check_output(output, source.info.path, overwrite=job.sink.overwrite)  # before anything is made there
    with WorkFolder(output, fresh=options.fresh) as work:
        work.notes += notes
        # An output beside work that is joined is that work's own: the run ended before it could tidy up.
        sink = replace(job.sink, overwrite=job.sink.overwrite or work.is_joined)
        joined = JoinedSink(output, source.info, sink, work.path)
        try:
            log_output(joined.name, joined.plan)
            engine = load()
            batch = engine.info.batch if job.batch is None else job.batch
            content = FileDigest.of_all((source.info.path, *job.source.continued))
            work.check_space(expected=content.size)
            kept = work.resume(facts_of(job, content, engine.info, batch, joined))
            segments = _Segments(job, source, joined, engine, batch, work, kept, display, cancel)
            wanted = ExpectedOutput(content.sha256, joined.plan.encoder, joined.encoders.header)
            result = _go(segments, options.seconds, wanted, workers)
        except KeyboardInterrupt as error:
            error.add_note(f"{joined.name} was not written{work.way_to_go_on}")
            raise
        except Cancelled as error:
            raise Cancelled(f"interrupted; {joined.name} was not written{work.way_to_go_on}") from error
        finally:
            joined.abandon()  # after a complete run there is nothing to abandon
        report = Report.of_run(source, joined, engine.info, batch, result, kept=segments.kept_frames, notes=work.notes)
        on_output(report)
        work.done()
        return report


def _go(segments: _Segments, seconds: float, wanted: ExpectedOutput, workers: SegmentWorkers | None) -> RunResult:
    """Does the work, and says of what was finished when it fails that it is kept."""
    started = time.perf_counter()
    try:
        if workers is not None:
            segments.have_made(workers, wanted)
        return segments.go(seconds, started)
    except Cancelled:
        raise
    except DeblurError as error:
        raise type(error)(f"{error}{segments.work.way_to_go_on}", field=error.field) from error


class _Segments:
    """One pass over the input, in which every segment is either taken over or made.

    Attributes:
        kept_frames: Frames of segments that an interrupted run had finished.

    Args:
        job: What to read and to write.
        source: Input, of which nothing was read yet.
        joined: Output that takes all segments.
        engine: Engine that deblurs the frames.
        batch: Frames that the engine gets at a time.
        work: Folder that holds the segments.
        kept: Segments to take over, by number.
        display: Shows the progress.
        cancel: Ends the work when it is set.
    """

    def __init__(
        self,
        job: VideoJob,
        source: Source,
        joined: JoinedSink,
        engine: Engine,
        batch: int,
        work: WorkFolder,
        kept: dict[int, SegmentRecord],
        display: Display,
        cancel: threading.Event | None,
    ) -> None:
        self.work, self.joined = work, joined
        self._job, self._source = job, source
        self.kept_frames = sum(record.frames for record in kept.values())
        self._made: list[FinishedSegment] = []
        self._window = engine.info.window
        self._maker = SegmentMaker(source, joined.encoders, engine, batch, job.gate, joined)
        self._kept, self._display, self._cancel = kept, display, cancel
        self._results: list[RunResult] = []
        self._packets = 0
        self._progress = RunProgress(0, 0.0)

    def have_made(self, workers: SegmentWorkers, wanted: ExpectedOutput) -> None:
        """Has the segments made that are not finished, and takes them over for :meth:`go`."""
        source, work = self._source, self.work
        self._display.begin(source.info.name, self._remaining, [*source.notes, *self.joined.notes, *work.notes])
        try:
            with contextlib.closing(workers.make(self._job, wanted, source.info.duration, self._kept)) as progress:
                for found in progress:
                    for made in found:
                        work.manifest.finish(made.record)
                        self._made.append(made)
                        seconds = float((made.record.last_pts - made.record.first_pts) * source.info.time_base)
                        self._progress = RunProgress(
                            self._progress.frames + made.record.frames, self._progress.seconds + seconds
                        )
                        work.check_space()
                    self._display.update(self._progress)
                    self._raise_if_cancelled()
        finally:
            self._display.end()
        self._kept = work.whole()

    @property
    def _remaining(self) -> int | None:
        """Frames that are left to do, as far as the input promises any."""
        estimate = self._source.info.frame_estimate
        return None if estimate is None else max(estimate - self.kept_frames, 0)

    def go(self, seconds: float, started: float) -> RunResult:
        """Reads the whole input, writes the whole output, and renames it into place.

        Args:
            seconds: Least length of a segment, in seconds of video.
            started: Time of ``time.perf_counter`` at which the work began.

        Raises:
            ChangedError: If a segment to take over has other frames than the input gives now.
        """
        source, work = self._source, self.work
        self._display.begin(source.info.name, self._remaining, [*source.notes, *self.joined.notes, *work.notes])
        try:
            cutter = Cutter(self.joined.events(source.events()), seconds, self._window)
            for number, events in enumerate(cutter.segments()):
                if self._cancel is not None and self._cancel.is_set():
                    raise Cancelled(f"cancelled; {self.joined.name} was not written")
                if number in self._kept:
                    self._take_over(self._kept[number], events)
                    continue
                was_stopped = self._make(number, events)
                if not cutter.is_over:
                    self._raise_if_cancelled()
                    if was_stopped:
                        raise KeyboardInterrupt
                    work.check_space()
            work.join()
            self.joined.finish()
        finally:
            self._display.end()
        return self._sum(time.perf_counter() - started)

    def _take_over(
        self, record: SegmentRecord, events: Iterator[av.VideoFrame | av.Packet[Stream] | Neighbour]
    ) -> None:
        """Joins a finished segment, with the packets that lie between its frames."""
        coded = read_segment(self.work.segment(record.number))
        stamps: list[int | None] = []
        for event in events:
            if isinstance(event, av.Packet):
                self.joined.write_packet(event)
                self._packets += 1
                continue
            if isinstance(event, Neighbour):
                continue
            stamps.append(event.pts)
            frame = next(coded, None)
            if frame is not None:
                self.joined.write_coded(frame)
            if len(stamps) % _LOOK_EVERY == 0:
                self._display.update(self._progress)
                self._raise_if_cancelled()
        if (len(stamps), stamps[0], stamps[-1]) != (record.frames, record.first_pts, record.last_pts):
            for number in self._kept:
                if number >= record.number:
                    self.work.manifest.forget(number)
            raise ChangedError(f"segment {record.number} of {self.joined.name}")

    def _make(self, number: int, events: Iterator[av.VideoFrame | av.Packet[Stream] | Neighbour]) -> bool:
        """Deblurs and encodes a segment.

        Returns:
            Whether the run was interrupted or cancelled when the segment was as good as finished.
        """
        stops: list[None] = []
        before = self._progress

        def show(progress: RunProgress) -> None:
            self._progress = RunProgress(before.frames + progress.frames, before.seconds + progress.seconds)
            self._display.update(self._progress)

        record, result = self._maker.make(
            number, self.work.segment(number), events, show, on_stop=lambda: stops.append(None), cancel=self._cancel
        )
        self._results.append(result)
        log_run(f"segment {number}", result)
        self.work.manifest.finish(record)
        return bool(stops)

    def _raise_if_cancelled(self) -> None:
        if self._cancel is not None and self._cancel.is_set():
            raise Cancelled("interrupted")

    def _sum(self, wall: float) -> RunResult:
        """The result of all segments, those that were taken over included."""
        results, kept = self._results, self._kept.values()
        stages = {
            name: StageTime(
                sum(getattr(result, name).busy for result in results) + sum(made.busy[name] for made in self._made),
                sum(getattr(result, name).waiting for result in results),
            )
            for name in ("decode", "infer", "encode")
        }
        return RunResult(
            frames_in=self.joined.frames,
            frames_out=self.joined.frames,
            packets=self._packets + sum(result.packets for result in results),
            wall=wall,
            latency=self._maker.latency.summary if results else Latency(0.0, 0.0, 0.0),
            duplicates=sum(result.duplicates for result in results) + sum(record.duplicates for record in kept),
            sharp=sum(result.sharp for result in results) + sum(record.sharp for record in kept),
            **stages,
        )
