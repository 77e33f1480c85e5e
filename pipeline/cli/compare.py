"""``deblur compare``."""

from __future__ import annotations

from pathlib import Path

import click
import cloup

from pipeline.cli.groups import INPUT, MEASUREMENT, OUTPUT, GroupedCommand
from pipeline.cli.notes import show_notes
from pipeline.cli.options import telling_options
from pipeline.cli.spelling import words
from pipeline.cli.types import Time
from pipeline.compare.layouts import Layout
from pipeline.compare.run import CompareJob, Comparison
from pipeline.compare.run import compare as compare_videos
from pipeline.errors import DamagedInputError, UsageError
from pipeline.job import SinkOptions, SourceOptions
from pipeline.progress import display_for


@cloup.command(cls=GroupedCommand)
@cloup.argument("before", type=click.Path(path_type=Path))
@cloup.argument("after", type=click.Path(path_type=Path))
@cloup.argument("output", metavar="[OUT]", type=click.Path(path_type=Path), required=False)
@cloup.option(
    "--truth", type=click.Path(path_type=Path), metavar="SHARP", help="What AFTER should be like.", group=INPUT
)
@cloup.option("--start", type=Time(), help="Where to start, in seconds or [HH:]MM:SS.", group=INPUT)
@cloup.option("--duration", type=Time(), help="How much to compare.", group=INPUT)
@cloup.option(
    "--offset",
    type=float,
    default=0.0,
    show_default=True,
    help="Seconds to add to the times of AFTER, such as the --start that it was cut with.",
    group=INPUT,
)
@cloup.option(
    "--every",
    type=click.IntRange(min=1),
    default=1,
    show_default=True,
    help="Measure one of so many frames.",
    group=MEASUREMENT,
)
@cloup.option(
    "--layout",
    type=click.Choice([str(layout) for layout in Layout]),
    help="How the video OUT shows both; side if not given.",
    group=OUTPUT,
)
@cloup.option(
    "--html",
    "page",
    type=click.Path(path_type=Path, dir_okay=False),
    help="Write a page with a slider and curves, in one file.",
    group=OUTPUT,
)
@cloup.option("--codec", help="Video codec, or encoder, of OUT; as for deblur video.", group=OUTPUT)
@cloup.option("--crf", type=float, help="Quality at which the codec aims; lower is better and larger.", group=OUTPUT)
@cloup.option("--overwrite", is_flag=True, help="Replace OUT and the page if they are there.", group=OUTPUT)
@telling_options
def compare(
    *,
    before: Path,
    after: Path,
    output: Path | None,
    truth: Path | None,
    start: float | None,
    duration: float | None,
    offset: float,
    every: int,
    layout: str | None,
    page: Path | None,
    codec: str | None,
    crf: float | None,
    overwrite: bool,
    quiet: bool,
) -> None:
    """Compares the videos BEFORE and AFTER, and writes both as the video OUT.

    Frames belong together by their time, not by their number. The mean of each figure is printed. With --truth, PSNR,
    SSIM, MS-SSIM and GMSD tell how near both are to it. Sound and other streams of OUT are those of BEFORE.
    """
    show_notes(quiet=quiet)
    if output is None and layout is not None:
        raise UsageError("--layout is that of a video: name it behind BEFORE and AFTER")
    if output is not None and page is not None and output.absolute() == page.absolute():
        raise UsageError(f"{output} can't be both the video and the page")
    done = compare_videos(
        CompareJob(
            before=before,
            after=after,
            truth=truth,
            output=output,
            layout=Layout(layout or Layout.SIDE),
            page=page,
            source=SourceOptions(start=start, duration=duration, deinterlace=True),
            sink=SinkOptions(codec=codec, crf=crf, overwrite=overwrite),
            offset=offset,
            every=every,
        ),
        display_for(quiet=quiet, words=words()),
    )
    _tell(done, quiet=quiet)
    if done.damage:
        raise DamagedInputError(f"{done.damage[0]} ({len(done.damage)} places); what could be read was compared")


def _tell(done: Comparison, *, quiet: bool) -> None:
    findings = done.findings
    click.echo(f"{f'mean over {done.frames} frames':<28}" + "".join(f"{name:>10}" for name in findings.names))
    for name, texts in findings.rows():
        click.echo(f"{name:<28}" + "".join(f"{text:>10}" for text in texts).rstrip())
    if not quiet:
        for line in done.lines:
            click.echo(f"note: {line}", err=True)
