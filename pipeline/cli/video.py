"""``deblur video``."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import click
import cloup

from pipeline.cli.groups import INPUT, GroupedCommand
from pipeline.cli.notes import show_notes
from pipeline.cli.options import Deblurring, check_report, deblurring_options, report_option, telling_options
from pipeline.cli.spelling import words
from pipeline.cli.types import Time
from pipeline.errors import UsageError
from pipeline.job import VideoJob
from pipeline.media.places import is_address, place_of
from pipeline.progress import display_for
from pipeline.system.pipes import standard_input, standard_output
from pipeline.video import deblur_video

if TYPE_CHECKING:
    from pipeline.runner.protocols import Engine

EPILOG = """\b
Exit codes:
  0    done
  1    a bug of this program
  2    the command makes no sense as typed, or needs weights or an extra
  3    the input is missing, is no video, or has nothing that can be decoded
  4    the output can't be written
  5    the engine can't be loaded, or failed
  6    done, but the input is damaged: what could be decoded is in the output
  7    the input exceeds a limit
  130  interrupted; there is no output, but what is finished of a long video is kept
"""


@cloup.command(cls=GroupedCommand, epilog=EPILOG)
@cloup.argument("inputs", metavar="IN...", nargs=-1, required=True)
@cloup.argument("output", metavar="OUT")
@cloup.option("--start", type=Time(), help="Where to start, in seconds or [HH:]MM:SS.", group=INPUT)
@cloup.option("--duration", type=Time(), help="How much to process.", group=INPUT)
@cloup.option(
    "--format",
    "format_",
    help="Container, such as matroska: of IN if that alone is a pipe, else of OUT.",
    group=INPUT,
)
@cloup.option(
    "--dashcam",
    is_flag=True,
    help="Join several IN, consecutive files of a loop recording, in that order.",
    group=INPUT,
)
@deblurring_options
@report_option
@telling_options
def video(
    *,
    inputs: tuple[str, ...],
    output: str,
    start: float | None,
    duration: float | None,
    format_: str | None,
    dashcam: bool,
    how: Deblurring,
    report: Path | None,
    quiet: bool,
) -> None:
    """Deblurs the video IN into OUT.

    All streams, timestamps, colour tags and the rotation of IN are kept. IN and OUT may be - for standard input and
    output. OUT gets its name when it is complete; after an error or Ctrl-C there is no such file.

    Where IN and OUT are files and IN is longer than --segment, what is finished outlives Ctrl-C, a crash and a power
    cut in a hidden folder beside OUT: the same command goes on from there.
    """
    show_notes(quiet=quiet)
    input_, *continued = inputs
    _check_names(inputs, output, report, overwrite=how.overwrite)
    if continued and not dashcam:
        raise UsageError("several inputs are joined with --dashcam; to deblur each for itself, use deblur batch")

    def load() -> Engine:
        return how.engine.load()

    keep_text = how.keeps_text(dashcam=dashcam)
    # An input pipe says by its content what it is; an output pipe can't.
    of_input = input_ == "-" and output != "-"
    job = VideoJob(
        input=standard_input() if input_ == "-" else place_of(input_),
        output=standard_output() if output == "-" else Path(output),
        source=replace(
            how.source(format_ if of_input else None, start, duration), continued=tuple(map(Path, continued))
        ),
        sink=how.sink(None if of_input else format_),
        gate=how.gate,
        segments=how.segments(keep_text=keep_text),
        keep_text=keep_text,
    )
    done = deblur_video(job, load, display_for(quiet=quiet, words=words()))
    if report is not None:
        done.write(report)
    if not quiet:
        click.echo(words()(done.summary()), err=True)
    done.raise_if_damaged()


def _check_names(inputs: tuple[str, ...], output: str, report: Path | None, *, overwrite: bool) -> None:
    """Refuses names that do not go together, before anything is opened."""
    if is_address(output):
        raise UsageError(f"{output} is an address; OUT is a file, or - for standard output")
    if len(inputs) > 1 and (address := next(filter(is_address, inputs), None)):
        raise UsageError(f"{address} is an address; --dashcam joins files")
    files = [place for name in inputs if name != "-" and isinstance(place := place_of(name), Path)]
    real = [file.resolve() for file in files]
    for file in files:
        if real.count(file.resolve()) > 1:
            raise UsageError(f"{file} is named twice; name each file that is joined once")
    check_report(report, overwrite=overwrite, beside=files if output == "-" else [*files, Path(output)])
