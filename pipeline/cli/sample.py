"""``deblur sample``."""

from __future__ import annotations

import itertools
import webbrowser
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
import cloup

from pipeline.cli.groups import ENGINE, INPUT, OUTPUT, GroupedCommand
from pipeline.cli.notes import show_notes
from pipeline.cli.options import Deblurring, EngineOptions, check_report, deblurring_options, telling_options
from pipeline.cli.spelling import words
from pipeline.cli.types import Time
from pipeline.errors import UsageError
from pipeline.job import VideoJob
from pipeline.pages.document import write_document
from pipeline.progress import display_for
from pipeline.sample.page import page as page_of
from pipeline.sample.page import summary
from pipeline.sample.run import Setting
from pipeline.sample.run import sample as make_sample
from pipeline.sample.search import Stretch, look_at_keyframes, most_blurred

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

_TRIES = ("network", "precision", "scale", "strength", "threads", "weights")
"""Options of which several values can be tried."""

MOST_SETTINGS = 6
"""Settings that a page compares, at most: with more, no picture could be told from another."""


@cloup.command(cls=GroupedCommand)
@cloup.argument("input_", metavar="IN", type=click.Path(path_type=Path))
@cloup.argument("page", metavar="[PAGE]", type=click.Path(path_type=Path, dir_okay=False), required=False)
@cloup.option(
    "--at",
    "places",
    type=Time(),
    multiple=True,
    help="Where a stretch begins, in seconds or [HH:]MM:SS; may be given several times. Else the most blurred ones.",
    group=INPUT,
)
@cloup.option(
    "--length", type=Time(), default="1", show_default=True, help="How long each stretch is, in seconds.", group=INPUT
)
@cloup.option(
    "--count", type=click.IntRange(1, 10), default=3, show_default=True, help="Stretches to look for.", group=INPUT
)
@cloup.option(
    "--try",
    "tries",
    metavar="OPTION=A,B",
    multiple=True,
    help=f"Values to compare, such as strength=0.7,1,1.3; OPTION is one of {', '.join(_TRIES)}.",
    group=ENGINE,
)
@cloup.option("--open", "opens", is_flag=True, help="Open the page in the browser.", group=OUTPUT)
@deblurring_options
@telling_options
def sample(
    *,
    input_: Path,
    page: Path | None,
    places: tuple[float, ...],
    length: float,
    count: int,
    tries: tuple[str, ...],
    opens: bool,
    how: Deblurring,
    quiet: bool,
) -> None:
    """Deblurs the most blurred seconds of the video IN, and writes a page that compares before and after.

    PAGE is one HTML file that needs no other; without a name it is called like IN, in the current folder. It also says
    how long the whole video would take and how large it would be. Nothing else is written.
    """
    show_notes(quiet=quiet)
    page = page or Path(f"{input_.stem}.sample.html")
    check_report(page, overwrite=how.overwrite)
    if not length > 0:
        raise UsageError("a stretch is longer than nothing, not 0 seconds", field="length")
    settings = [Setting(name, engine.load) for name, engine in _settings(how.engine, tries)]
    duration: float | None = None
    if places:
        stretches = [Stretch(place, length) for place in sorted(set(places))]
    else:
        looks, duration = look_at_keyframes(input_)
        stretches = most_blurred(looks, duration, count, length)
    job = VideoJob(
        input=input_,
        output=page.with_suffix(input_.suffix or ".mkv"),
        source=how.source(),
        sink=how.sink(),
        gate=how.gate,
    )
    made = make_sample(job, stretches, settings, display_for(quiet=quiet, words=words()))
    write_document(page, page_of(f"Sample of {input_.name}", made, duration))
    if not quiet:
        for line in summary(made, duration):
            click.echo(line, err=True)
    click.echo(page)
    if opens:
        webbrowser.open(page.resolve().as_uri())


def _settings(engine: EngineOptions, tries: Sequence[str]) -> list[tuple[str, EngineOptions]]:
    """All combinations of the values to try, each with its name."""
    axes: list[list[tuple[str, str]]] = []
    for text in tries:
        key, sign, values = text.partition("=")
        if key not in _TRIES or not sign or not values:
            raise UsageError(f"`try` {text!r} is not OPTION=A,B with one of {', '.join(_TRIES)}", field="try")
        axes.append([(key, value) for value in values.split(",")])
    if not axes:
        return [("after", engine)]
    found = [
        (" ".join(f"{key} {value}" for key, value in row), _with(engine, dict(row))) for row in itertools.product(*axes)
    ]
    if len(found) > MOST_SETTINGS:
        raise UsageError(f"{len(found)} settings are too many to compare; try {MOST_SETTINGS} at most", field="try")
    return found


def _with(engine: EngineOptions, values: Mapping[str, str]) -> EngineOptions:
    """The options with other values, as they are typed."""
    typed: dict[str, Any] = {}
    for key, value in values.items():
        kind: Any = {"scale": float, "strength": float, "threads": int, "weights": Path}.get(key, str)
        try:
            typed[key] = kind(value)
        except ValueError as error:
            raise UsageError(f"`try`: {value!r} is no value of {key}", field="try") from error
    return replace(engine, **typed)
