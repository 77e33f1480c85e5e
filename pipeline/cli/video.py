"""``deblur video``."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from pipeline.cli.notes import show_notes
from pipeline.cli.options import Deblurring, deblurring_options
from pipeline.cli.spelling import words
from pipeline.errors import UsageError
from pipeline.job import VideoJob
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


class _Time(click.ParamType[Any]):
    """Seconds, or [HH:]MM:SS, either with a fraction."""

    name = "time"

    def convert(self, value: str | float, param: click.Parameter | None, ctx: click.Context | None) -> float:
        if not isinstance(value, str):
            return float(value)
        parts = value.split(":")
        seconds = 0.0
        try:
            for part in parts:
                seconds = 60 * seconds + float(part)
        except ValueError:
            seconds = -1.0
        if not 0 <= seconds < float("inf") or len(parts) > 3:  # also false for NaN
            self.fail(f"{value!r} is no time; write seconds or [HH:]MM:SS", param, ctx)
        return seconds


@click.command(epilog=EPILOG)
@click.argument("inputs", metavar="IN...", nargs=-1, required=True)
@click.argument("output", metavar="OUT")
@click.option("--start", type=_Time(), help="Where to start, in seconds or [HH:]MM:SS.")
@click.option("--duration", type=_Time(), help="How much to process.")
@click.option("--format", "format_", help="Container, such as matroska: of IN if that alone is a pipe, else of OUT.")
@click.option("--dashcam", is_flag=True, help="Join several IN, consecutive files of a loop recording, in that order.")
@deblurring_options
@click.option("--report", type=click.Path(path_type=Path, dir_okay=False), help="Write a report as JSON.")
@click.option("--quiet", "-q", is_flag=True, help="Show errors only.")
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
    check_report(report, overwrite=how.overwrite)
    input_, *continued = inputs
    if continued and not dashcam:
        raise UsageError("several inputs are joined with --dashcam; to deblur each for itself, use deblur batch")

    def load() -> Engine:
        return how.load()

    keep_text = how.keeps_text(dashcam=dashcam)
    # An input pipe says by its content what it is; an output pipe can't.
    of_input = input_ == "-" and output != "-"
    job = VideoJob(
        input=standard_input() if input_ == "-" else Path(input_),
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


def check_report(path: Path | None, *, overwrite: bool) -> None:
    """Refuses a report that could not be written at the end, before the work starts."""
    if path is None:
        return
    if path.exists() and not overwrite:
        raise UsageError(f"{path} exists; give --overwrite to replace it, or another name to --report")
    if not path.absolute().parent.is_dir():
        raise UsageError(f"the folder of the report, {path.absolute().parent}, is not there; create it first")
