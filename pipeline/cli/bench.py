"""``deblur bench``."""

from __future__ import annotations

import tempfile
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
import cloup
from cloup.constraints import mutually_exclusive

from pipeline.bench.isolate import isolated
from pipeline.bench.measure import Case, measure
from pipeline.bench.report import BenchReport, Missing
from pipeline.bench.synthetic import RATE, write_clip
from pipeline.cli.groups import INPUT, MEASUREMENT, OUTPUT, GroupedCommand
from pipeline.cli.options import hwaccel_option, network_option, precision_option, threads_option, weights_option
from pipeline.cli.types import Size
from pipeline.engines.flops import matrix_rate, network_flops
from pipeline.engines.load import load_engine
from pipeline.engines.registry import engine_names
from pipeline.errors import EngineError, UsageError
from pipeline.job import Acceleration, SinkOptions, SourceOptions
from pipeline.system.machine import describe

if TYPE_CHECKING:
    from collections.abc import Iterator

    from pipeline.bench.measure import Measured

DEFAULT_SIZE = (1280, 720)
CLIP_SIZE = Size(wanted="one such as 1280x720, even, from 64 to 16384", smallest=64, largest=16384, is_even=True)
ONE_SIZE = mutually_exclusive.rephrased(error="a FILE has its size; leave out --size, or FILE")


class _Engines(click.ParamType[Any]):
    """Names of engines, with commas between them."""

    name = "engine,..."

    def convert(
        self, value: str | tuple[str, ...], param: click.Parameter | None, ctx: click.Context | None
    ) -> tuple[str, ...]:
        names = value if isinstance(value, tuple) else tuple(dict.fromkeys(part.strip() for part in value.split(",")))
        known = engine_names(measured=True)
        for name in names:
            if name not in known:
                self.fail(f"there is no engine {name!r}; choose from {', '.join(known)}", param, ctx)
        return names


@cloup.command(cls=GroupedCommand)
@cloup.constraint(ONE_SIZE, ["file", "sizes"])
@cloup.argument("file", type=click.Path(path_type=Path), required=False)
@cloup.option(
    "--size", "sizes", type=CLIP_SIZE, multiple=True, help="Size of a synthetic clip; may be repeated.", group=INPUT
)
@cloup.option(
    "--seconds",
    type=click.FloatRange(min=0.1),
    default=5.0,
    show_default=True,
    help="Length of each measurement.",
    group=MEASUREMENT,
)
@cloup.option(
    "--compare",
    "engines",
    type=_Engines(),
    default="auto",
    show_default=True,
    help=f"Engines to measure side by side: {', '.join(engine_names(measured=True))}.",
    group=MEASUREMENT,
)
@network_option
@weights_option
@precision_option
@threads_option
@hwaccel_option
@cloup.option("--codec", help="Video codec, or encoder, of the output; as for deblur video.", group=OUTPUT)
@cloup.option(
    "--json", "json_file", type=click.Path(path_type=Path, dir_okay=False), help="Write the figures.", group=OUTPUT
)
@cloup.option(
    "--plot", "plot_file", type=click.Path(path_type=Path, dir_okay=False), help="Draw them, as SVG.", group=OUTPUT
)
def bench(
    *,
    file: Path | None,
    sizes: tuple[tuple[int, int], ...],
    seconds: float,
    engines: tuple[str, ...],
    network: str,
    weights: Path | None,
    precision: str,
    threads: int | None,
    hwaccel: str,
    codec: str | None,
    json_file: Path | None,
    plot_file: Path | None,
) -> None:
    """Measures how fast FILE, or a synthetic clip, is deblurred here.

    Decoding, the engine, and encoding are measured alone and then together, each case in a process of its own. An
    engine that is not installed is named, and the others are measured.
    """
    _check(file, (json_file, plot_file))
    machine = describe()

    def case_of(engine: str, clip: Path) -> Case:
        return Case(
            engine=engine,
            clip=clip,
            seconds=seconds,
            load=partial(load_engine, engine, network, weights, threads=threads, precision=precision, measured=True),
            flops=partial(network_flops, network, weights),
            matrix_rate=partial(matrix_rate, threads=threads, seconds=min(1.0, seconds)),
            source=SourceOptions(deinterlace=True, acceleration=Acceleration(hwaccel)),
            sink=SinkOptions(codec=codec, overwrite=True),
        )

    measured: list[Measured] = []
    missing: list[Missing] = []
    for name, clip in _clips(file, sizes or (DEFAULT_SIZE,)):
        for engine in engines:
            click.echo(f"measuring {engine}, {name}", err=True)
            try:
                measured.append(isolated(measure, case_of(engine, clip)))
            except (UsageError, EngineError) as error:
                missing.append(Missing(engine, name, str(error)))
                problem = error
    if not measured:
        raise problem
    source = str(file) if file else f"synthetic clip, {RATE} frames/s"
    report = BenchReport(source, seconds, machine, tuple(measured), tuple(missing))
    if json_file is not None:
        report.write_json(json_file)
    if plot_file is not None:
        report.write_plot(plot_file)
    click.echo(report.table())


def _check(file: Path | None, outputs: tuple[Path | None, ...]) -> None:
    """Refuses what would fail later, before minutes of work."""
    if file is not None and not file.is_file():
        raise UsageError(f"there is no file {file}")
    for path in filter(None, outputs):
        if not path.absolute().parent.is_dir():
            raise UsageError(f"the folder of {path} is not there; create it first")


def _clips(file: Path | None, sizes: tuple[tuple[int, int], ...]) -> Iterator[tuple[str, Path]]:
    """The clips to measure with their names, each there until the next one is asked for."""
    if file is not None:
        yield file.name, file
        return
    for width, height in sizes:
        with tempfile.TemporaryDirectory(prefix="deblur-") as folder:
            clip = Path(folder) / "clip.mkv"
            write_clip(clip, width, height)
            yield f"{width}x{height}", clip
