"""``deblur best``."""

from __future__ import annotations

from pathlib import Path

import click
import cloup

from pipeline.cli.groups import FRAMES, INPUT, OUTPUT, GroupedCommand
from pipeline.cli.notes import show_notes
from pipeline.cli.options import EngineOptions, engine_options, telling_options
from pipeline.cli.spelling import words
from pipeline.cli.types import Rectangle, Time
from pipeline.images.best import COUNT, GAP, Region, write_best_frames
from pipeline.job import SourceOptions
from pipeline.progress import display_for

EPILOG = """\b
Exit codes:
  0    done
  2    the command makes no sense as typed, or needs weights or an extra
  3    the input is missing, is no video, or has nothing that can be decoded
  4    a picture can't be written
  5    the engine can't be loaded, or failed
  6    done, but the input is damaged
  7    the input exceeds a limit
  130  interrupted; there are no pictures
"""


@cloup.command(cls=GroupedCommand, epilog=EPILOG)
@cloup.argument("input_", metavar="IN", type=click.Path(path_type=Path))
@cloup.argument("folder", metavar="OUT_DIR", type=click.Path(path_type=Path))
@cloup.option("--start", type=Time(), help="Where to start, in seconds or [HH:]MM:SS.", group=INPUT)
@cloup.option("--duration", type=Time(), help="How much to look at.", group=INPUT)
@cloup.option(
    "--deinterlace", is_flag=True, help="Deinterlace interlaced video, which is refused otherwise.", group=INPUT
)
@cloup.option(
    "--count", "-n", type=click.IntRange(1, 100), default=COUNT, show_default=True, help="Pictures.", group=FRAMES
)
@cloup.option(
    "--gap",
    type=click.FloatRange(min=0),
    default=GAP,
    show_default=True,
    help="Least seconds between two pictures.",
    group=FRAMES,
)
@cloup.option(
    "--region",
    type=Rectangle(),
    help="Part of the upright picture whose sharpness counts, such as a number plate or a face, in pixels.",
    group=FRAMES,
)
@cloup.option("--overwrite", is_flag=True, help="Replace pictures that are there.", group=OUTPUT)
@engine_options
@telling_options
def best(
    *,
    input_: Path,
    folder: Path,
    start: float | None,
    duration: float | None,
    deinterlace: bool,
    count: int,
    gap: float,
    region: tuple[int, int, int, int] | None,
    overwrite: bool,
    engine: EngineOptions,
    quiet: bool,
) -> None:
    """Deblurs the video IN, and writes its sharpest frames into the folder OUT_DIR.

    Each picture is a PNG, upright, with the time of its frame in its name. Sharpness is compared after deblurring, so
    it suits frames of one scene; in a video of many, choose one by --start and --duration.
    """
    show_notes(quiet=quiet)
    options = SourceOptions(start=start, duration=duration, deinterlace=deinterlace)
    found = write_best_frames(
        input_,
        folder,
        engine.load,
        options,
        display_for(quiet=quiet, words=words()),
        count=count,
        gap=gap,
        region=None if region is None else Region(*region),
        overwrite=overwrite,
    )
    for frame in found:
        click.echo(frame.path)
