"""``deblur batch``."""

from __future__ import annotations

import contextlib
import functools
import json
import os
import time
from dataclasses import asdict, replace
from pathlib import Path
from typing import TYPE_CHECKING

import click
import cloup

from network.names import printable
from pipeline.batch.dashcam_clips import join_clips
from pipeline.batch.engines import LazyEngine
from pipeline.batch.estimate import measure_speed
from pipeline.batch.finished import FinishedOutputs
from pipeline.batch.inputs import FIELDS, TEMPLATE, find_inputs, output_paths
from pipeline.batch.plan import Plan, PlannedState, make_plan
from pipeline.batch.progress import batch_display
from pipeline.batch.ray_cluster import RayCluster
from pipeline.batch.report import BatchReport
from pipeline.batch.report_page import write_page
from pipeline.batch.run import BatchScheduler
from pipeline.cli.exit_codes import exit_code
from pipeline.cli.groups import INPUT, OUTPUT, SPEED, GroupedCommand
from pipeline.cli.notes import show_notes
from pipeline.cli.options import Deblurring, check_report, deblurring_options, telling_options
from pipeline.cli.spelling import words
from pipeline.errors import OutputError, UsageError
from pipeline.job import VideoJob
from pipeline.system.signals import Pauses, lower_priority

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from pipeline.batch.plan import PlannedVideo
    from pipeline.runner.protocols import Engine, EngineInfo

EPILOG = """\b
Exit codes:
  0    every input has its output
  2    the command makes no sense as typed, or needs weights or an extra
  3    an input that was named does not exist
  4    OUT_DIR or the report can't be written
  5    the engine can't be loaded
  6    every input has its output, but some inputs are damaged
  8    some inputs have no output; all the others were done (but with --fail-fast)
  130  interrupted; what is finished is kept, and the same command goes on
"""


@cloup.command(cls=GroupedCommand, epilog=EPILOG)
@cloup.argument("inputs", metavar="IN...", nargs=-1, required=True)
@cloup.argument("output", metavar="OUT_DIR", type=click.Path(path_type=Path))
@cloup.option("--recursive", "-r", is_flag=True, help="Go into the folders of folders.", group=INPUT)
@cloup.option(
    "--name",
    "template",
    default=TEMPLATE,
    show_default=True,
    help=f"Name of an output in OUT_DIR; may contain {', '.join(f'{{{field}}}' for field in FIELDS)}.",
    group=OUTPUT,
)
@cloup.option(
    "--dashcam", is_flag=True, help="Join the clips of a loop recording that continue each other.", group=INPUT
)
@cloup.option(
    "--jobs", "-j", type=click.IntRange(min=1), default=1, show_default=True, help="Videos at a time.", group=SPEED
)
@cloup.option("--ray", metavar="auto|ADDRESS", help="Spread the work over a running Ray cluster.", group=SPEED)
@cloup.option("--dry-run", is_flag=True, help="Show the plan, and write nothing.")
@cloup.option("--fail-fast", is_flag=True, help="Stop at the first input that can't be done.")
@cloup.option(
    "--report",
    type=click.Path(path_type=Path, dir_okay=False),
    help="Write a report as JSON, such as batch.json, and one to look at beside it, batch.html.",
    group=OUTPUT,
)
@cloup.option(
    "--nice", type=click.IntRange(1, 19), help="Let other programs go first, by this many steps.", group=SPEED
)
@deblurring_options
@telling_options
def batch(
    *,
    inputs: tuple[str, ...],
    output: Path,
    recursive: bool,
    template: str,
    dashcam: bool,
    jobs: int,
    ray: str | None,
    dry_run: bool,
    fail_fast: bool,
    report: Path | None,
    nice: int | None,
    how: Deblurring,
    quiet: bool,
) -> None:
    """Deblurs the videos IN... (files, folders, patterns) into the folder OUT_DIR.

    First comes a plan, then the work. A broken input never stops the others. What is finished is not done again: the
    same command goes on after Ctrl-C, a crash or a power cut, and an input whose output is there is known by its
    content. Ctrl-Z pauses (SIGTSTP, and SIGCONT to go on; not on Windows).
    """
    show_notes(quiet=quiet)
    _check(report, output)
    if nice is not None:
        lower_priority(nice)
    found = find_inputs(inputs, output, recursive=recursive)
    recordings = join_clips(found.inputs, how.source()) if dashcam else found.inputs
    outputs = output_paths(recordings, output, template)
    engines = _Engines(how, jobs)
    keep_text = how.keeps_text(dashcam=dashcam)
    finished = FinishedOutputs(output, _options(how, engines.first.info, keep_text=keep_text))
    plan = make_plan(recordings, outputs, output, found.ignored, how.source(), finished, overwrite=how.overwrite)
    check_report(report, overwrite=True, beside=plan.files)
    if dry_run or not quiet:
        _show(plan, engines.first, is_result=dry_run)
    if dry_run:
        return
    try:
        output.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise OutputError(f"the folder {output} can't be made: {error.strerror}") from error

    def job(video: PlannedVideo) -> VideoJob:
        segments = how.segments(always=True, keep_text=keep_text)
        source = replace(how.source(), continued=video.continued)
        return VideoJob(
            video.input, video.output, source, how.sink(), gate=how.gate, segments=segments, keep_text=keep_text
        )

    display = batch_display(quiet=quiet, words=words())
    with _cluster(ray, how, output, engines.first.info) as cluster:
        if cluster is not None:
            jobs = max(jobs, cluster.slots)
        load = engines.next if cluster is None else lambda: LazyEngine(engines.first.info, engines.next)
        work = BatchScheduler(plan, job, load, finished, display, jobs=jobs, fail_fast=fail_fast, workers=cluster)
        done, interruption = _run(work)
    if report is not None:
        done.write(report, exit_code)
        write_page(done, report.with_suffix(".html"), how.source())
    if not quiet:
        click.echo(done.summary(), err=True)
    if interruption is not None:
        interruption.add_note("what is finished is kept, and the same command goes on")
        raise interruption
    done.raise_if_wrong()


class _Engines:
    """Engines for as many videos at a time as there are jobs, which share the cores.

    Attributes:
        first: First engine, loaded at once, so that an error of it is shown before anything is done.
    """

    def __init__(self, how: Deblurring, jobs: int) -> None:
        self._how = how
        self._threads = max((os.cpu_count() or 1) // jobs, 1) if jobs > 1 else None
        self.first = self._load()
        self._loaded = [self.first]

    def next(self) -> Engine:
        """An engine that nobody else has got. May be called from any thread."""
        try:
            return self._loaded.pop()
        except IndexError:
            return self._load()

    def _load(self) -> Engine:
        return self._how.engine.load(self._threads)


@contextlib.contextmanager
def _cluster(address: str | None, how: Deblurring, output: Path, engine: EngineInfo) -> Iterator[RayCluster | None]:
    """The cluster that makes the segments, once every machine of it was asked; None to make them here."""
    if address is None:
        yield None
        return
    if not how.segment:
        raise UsageError("--ray spreads segments over machines; leave out --segment 0")

    everywhere = replace(how.engine, weights=how.engine.weights and how.engine.weights.absolute())

    def load(cores: int) -> Callable[[], Engine]:
        return functools.partial(everywhere.load, cores)

    with RayCluster(address, engine, load, cpus=how.engine.threads) as cluster:
        cluster.check(output)
        yield cluster


def _run(work: BatchScheduler) -> tuple[BatchReport, KeyboardInterrupt | None]:
    """Does the work, and shows its outcome even if the user interrupted."""
    pauses, started = Pauses(), time.perf_counter()
    interruption: KeyboardInterrupt | None = None
    with pauses.watched():
        try:
            work.run()
        except KeyboardInterrupt as error:
            interruption = error
    wall = time.perf_counter() - started - pauses.seconds
    tell = words()  # those who read the report have the command line, not the library
    outcomes = tuple(replace(outcome, error=tell(outcome.error)) for _, outcome in sorted(work.outcomes.items()))
    return BatchReport(outcomes, wall, pauses.seconds), interruption


def _check(report: Path | None, output: Path) -> None:
    """Refuses what could not be written at the end, before the work starts."""
    if output.exists() and not output.is_dir():
        raise UsageError(f"{output} is a file; the last argument is the folder of the outputs")
    if report is None:
        return
    if report.suffix.lower() in {".html", ".htm"}:
        raise UsageError(f"--report {report} is the JSON; name it .json, and the page is written beside it")
    for path in (report, report.with_suffix(".html")):
        check_report(path, overwrite=True)  # a batch is run again to go on, and then its report is the newer one


def _options(how: Deblurring, engine: EngineInfo, *, keep_text: bool) -> str:
    """Everything but its input that shapes an output; no versions, as a new one is no reason to do all again."""
    source, sink, segments = how.source(), how.sink(), how.segments()
    return json.dumps(
        {
            "network": [engine.network, engine.digest, engine.precision],
            "strength": how.engine.strength,
            "source": [source.deinterlace],
            "sink": [sink.codec, sink.crf, sink.preset, sink.bitrate],
            "gate": asdict(how.gate),
            "segment": segments.seconds if segments else 0,
            # Outputs of times before there was a choice stay finished.
            **({"keep_text": True} if keep_text else {}),
            **({} if how.engine.scale == 1 else {"scale": how.engine.scale}),
        },
        sort_keys=True,
    )


def _show(plan: Plan, engine: Engine, *, is_result: bool) -> None:
    """Prints the plan: on standard output where it is all that was asked for, else beside the progress."""
    speed = measure_speed(engine, plan) if plan.of(PlannedState.TODO) else None
    for line in plan.lines(speed):
        click.echo(printable(words()(line)), err=not is_result)
