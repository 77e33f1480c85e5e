"""``deblur image``."""

from __future__ import annotations

import time

import click
import cloup

from network.counting import are, count_of, have
from network.names import printable
from pipeline.batch.inputs import FIELDS, TEMPLATE
from pipeline.cli.groups import INPUT, OUTPUT, GroupedCommand
from pipeline.cli.notes import show_notes
from pipeline.cli.options import EngineOptions, engine_options, telling_options
from pipeline.cli.spelling import words
from pipeline.errors import BatchError, DamagedInputError
from pipeline.images.names import is_sequence, plan_names
from pipeline.images.run import deblur_pictures
from pipeline.images.writing import QUALITY
from pipeline.job import Limits

EPILOG = """\b
Exit codes:
  0    every picture has its result
  2    the command makes no sense as typed, or needs weights or an extra
  3    a picture is missing, or is none
  4    a result can't be written
  5    the engine can't be loaded, or failed
  6    every picture has its result, but some are damaged
  7    the picture exceeds a limit
  8    of several pictures, some have no result; all the others were done
  130  interrupted; what is finished is kept
"""


@cloup.command(cls=GroupedCommand, epilog=EPILOG)
@cloup.argument("inputs", metavar="IN...", nargs=-1, required=True)
@cloup.argument("output", metavar="OUT")
@cloup.option("--recursive", "-r", is_flag=True, help="Go into the folders of folders.", group=INPUT)
@cloup.option(
    "--burst",
    is_flag=True,
    help="The pictures show one scene one after the other; each is deblurred with its neighbours.",
    group=INPUT,
)
@cloup.option(
    "--name",
    "template",
    default=TEMPLATE,
    show_default=True,
    help=f"Name of a result in the folder OUT; may contain {', '.join(f'{{{field}}}' for field in FIELDS)}.",
    group=OUTPUT,
)
@cloup.option(
    "--quality",
    type=click.IntRange(1, 100),
    default=QUALITY,
    show_default=True,
    help="Quality of JPEG, AVIF, HEIF, and WebP with loss.",
    group=OUTPUT,
)
@cloup.option("--overwrite", is_flag=True, help="Replace results that are there.", group=OUTPUT)
@engine_options
@telling_options
def image(
    *,
    inputs: tuple[str, ...],
    output: str,
    recursive: bool,
    burst: bool,
    template: str,
    quality: int,
    overwrite: bool,
    engine: EngineOptions,
    quiet: bool,
) -> None:
    """Deblurs the pictures IN... (files, folders, patterns) into OUT.

    OUT is a picture if IN is one, else a folder. A numbered sequence such as img_%03d.png is taken for a video: each
    picture is deblurred with its neighbours. EXIF, colour profile, XMP and transparency are kept. The extension of OUT
    chooses the format: .jpg, .png, .tif, .webp, .gif, .avif or, with the extra heif, .heic.
    """
    show_notes(quiet=quiet)
    pairs = plan_names(inputs, output, recursive=recursive, template=template)
    tell = words()
    follow = burst or any(map(is_sequence, inputs))
    started = time.perf_counter()
    failed, damaged = [], []
    pictures = count_of(len(pairs), "picture")
    for outcome in deblur_pictures(pairs, engine.load(), Limits(), follow=follow, quality=quality, overwrite=overwrite):
        if outcome.error is not None:
            if len(pairs) == 1:
                raise outcome.error
            failed.append(outcome)
            click.echo(printable(f"failed: {tell(str(outcome.error))}"), err=True)
            continue
        if outcome.damage:
            damaged.append(outcome)
            click.echo(printable(f"damaged: {outcome.path}: {outcome.damage}"), err=True)
        if not quiet:
            for note in outcome.notes:
                click.echo(printable(f"note: {outcome.path}: {tell(str(note))}"), err=True)
            click.echo(printable(f"{outcome.path} -> {outcome.output}"), err=True)
    if not quiet and len(pairs) > 1:
        took = time.perf_counter() - started
        click.echo(f"{len(pairs) - len(failed)} of {pictures} in {took:.1f} s", err=True)
    if failed:
        raise BatchError(f"{len(failed)} of {pictures} {have(len(failed))} no result")
    if damaged:
        raise DamagedInputError(
            f"{len(damaged)} of {pictures} {are(len(damaged))} damaged; what could be read was kept"
        )
