"""Deblurs one video: opens source and sink, runs the engine between them, and reports."""

from __future__ import annotations

import contextlib
from pathlib import Path
from typing import TYPE_CHECKING

from pipeline.decode.open import open_source
from pipeline.details import log_input, log_output, log_run
from pipeline.encode.output_file import check_output
from pipeline.encode.sink import VideoSink
from pipeline.errors import Cancelled
from pipeline.progress import SilentDisplay
from pipeline.report import Report
from pipeline.resume.cutter import SegmentSource
from pipeline.resume.run import ChangedError, deblur_in_segments
from pipeline.runner.keep_text import keeping_text
from pipeline.runner.run import free_leftovers, run
from pipeline.runner.skip import FrameGate
from pipeline.system.file_names import check_name
from pipeline.system.pipes import PipeReader, PipeWriter

if TYPE_CHECKING:
    import threading
    from collections.abc import Callable, Sequence

    from pipeline.job import VideoJob
    from pipeline.notes import Note
    from pipeline.progress import Display
    from pipeline.resume.workers import SegmentWorkers
    from pipeline.runner.protocols import Engine, Source


def deblur_video(
    job: VideoJob,
    load: Callable[[], Engine],
    display: Display | None = None,
    on_output: Callable[[Report], None] = lambda _report: None,
    workers: SegmentWorkers | None = None,
    *,
    cancel: threading.Event | None = None,
) -> Report:
    """Deblurs one video. The output appears under its name only when it is complete.

    Args:
        job: What to read and to write.
        load: Function that makes the engine. It is called after input and output were found to be good, because it can
            take seconds; a caller with many videos returns the same engine each time.
        display: Display of the progress; None shows nothing.
        on_output: Function that is called when the output is complete and the segments are not yet deleted.
        workers: Workers that make the segments of an output that is written in segments; None to make them here.
        cancel: Ends the work when it is set, from any thread. Decoder and encoder stop within a frame, and the call
            returns at the latest :data:`pipeline.runner.run.INTERRUPT_GRACE` seconds later: a batch that takes the
            engine longer ends by itself, and the engine must not be used before that.

    Returns:
        What was done. A damaged input is no error here: everything that could be decoded is in the output, and
        :meth:`Report.raise_if_damaged` tells.

    Raises:
        InputError: If the input can't be read.
        OutputError: If the output can't be written.
        UsageError: If the options make no sense.
        EngineError: If the engine can't be loaded or fails.
        Cancelled: If ``cancel`` was set; nothing is left under the output's name. Finished segments are kept, and the
            same job goes on from there.
        KeyboardInterrupt: If the user pressed Ctrl-C, with the same result. Its notes (``__notes__``) say what became
            of the output.
    """
    free_leftovers()  # of the video before
    display = display or SilentDisplay()
    if isinstance(job.output, Path):
        check_name(job.output)
        for path in job.source.continued:
            check_output(job.output, path, overwrite=job.sink.overwrite)
    notes: list[Note] = []
    if job.keep_text:
        load, note = keeping_text(job.input, job.source, load)
        notes.append(note)
    while True:
        with open_source(job.input, job.source) as source:
            log_input(source.info)
            output = _segmented_output(job, source)
            if output is None:
                report = _in_one_piece(job, source, load, display, notes, cancel)
                on_output(report)
                display.tell(report.notes)
                return report
            # Each time, at least one segment is forgotten.
            with contextlib.suppress(ChangedError):
                report = deblur_in_segments(job, source, output, load, display, on_output, notes, workers, cancel)
                display.tell(report.notes)
                return report


def _segmented_output(job: VideoJob, source: Source) -> Path | None:
    """Path of an output that is written in segments; None to write in one piece."""
    if job.segments is None or not isinstance(job.input, Path) or not isinstance(job.output, Path):
        return None
    if not job.input.is_file() or (job.output.exists() and not job.output.is_file()):  # a device, a named pipe
        return None
    duration = source.info.duration
    is_short = duration is not None and duration <= job.segments.seconds
    return None if is_short and not job.segments.always else job.output


def _in_one_piece(
    job: VideoJob,
    source: Source,
    load: Callable[[], Engine],
    display: Display,
    notes: Sequence[Note],
    cancel: threading.Event | None,
) -> Report:
    info = source.info
    sink = VideoSink(job.output, info, job.sink)
    try:
        log_output(sink.name, sink.plan)
        engine = load()
        batch = engine.info.batch if job.batch is None else job.batch
        display.begin(info.name, info.frame_estimate, [*source.notes, *sink.notes, *notes])
        try:
            result = run(
                SegmentSource(source.spec, sink.events(source.events())),
                engine,
                sink,
                batch=batch,
                gate=FrameGate(info.spec, job.gate),
                interval=info.interval,
                on_device=info.is_on_device,
                on_progress=display.update,
                on_stop=lambda: _unblock(job),
                cancel=cancel,
            )
        finally:
            display.end()
        log_run(sink.name, result)
    except KeyboardInterrupt as error:
        error.add_note(f"{sink.name} was not written")
        raise
    except Cancelled as error:
        raise Cancelled(f"interrupted; {sink.name} was not written") from error
    finally:
        sink.abandon()  # after a complete run there is nothing to abandon
    return Report.of_run(source, sink, engine.info, batch, result, notes=notes)


def _unblock(job: VideoJob) -> None:
    """Unblocks the pipes of a run that stops early."""
    for end in (job.input, job.output):
        if isinstance(end, PipeReader | PipeWriter):
            end.cancel()
