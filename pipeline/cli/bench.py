"""``deblur bench``."""

from __future__ import annotations

import re
import tempfile
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from network import catalogue
from pipeline.bench.isolate import isolated
from pipeline.bench.measure import Case, measure
from pipeline.bench.report import BenchReport, Missing
from pipeline.bench.synthetic import RATE, write_clip
from pipeline.cli.types import precision_option
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


class _Size(click.ParamType[Any]):
    """Width and height in pixels, both even, at least 64."""

    name = "WxH"

    def convert(
        self, value: str | tuple[int, int], param: click.Parameter | None, ctx: click.Context | None
    ) -> tuple[int, int]:
        if isinstance(value, tuple):
            return value
        match = re.fullmatch(r"(\d{2,5})[xX](\d{2,5})", value)
        width, height = (int(match[1]), int(match[2])) if match else (0, 0)
        if min(width, height) < 64 or max(width, height) > 16384 or width % 2 or height % 2:
            self.fail(f"{value!r} is no size; write one such as 1280x720, even, from 64 to 16384", param, ctx)
        return width, height


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


@click.command()
@click.argument("file", type=click.Path(path_type=Path), required=False)
@click.option("--size", "sizes", type=_Size(), multiple=True, help="Of a synthetic clip; may be repeated.")
@click.option("--seconds", type=click.FloatRange(min=0.1), default=5.0, show_default=True, help="For each measurement.")
@click.option(
    "--compare",
    "engines",
    type=_Engines(),
    default="auto",
    show_default=True,
    help=f"Engines to measure side by side: {', '.join(engine_names(measured=True))}.",
)
@click.option(
    "--network",
    type=click.Choice(catalogue.NAMES),
    default=catalogue.DEFAULT,
    show_default=True,
    help="Which network.",
)
@click.option("--weights", type=click.Path(path_type=Path), help="Weights other than the shipped ones.")
@precision_option
@click.option("--threads", type=click.IntRange(min=1), help="Threads of the engine; all cores if not given.")
@click.option(
    "--hwaccel",
    type=click.Choice([str(kind) for kind in Acceleration]),
    default=str(Acceleration.NONE),
    show_default=True,
    help="Decode on the GPU.",
)
@click.option("--codec", help="Video codec, or encoder, of the output; as for deblur video.")
@click.option("--json", "json_file", type=click.Path(path_type=Path, dir_okay=False), help="Write the figures.")
@click.option("--plot", "plot_file", type=click.Path(path_type=Path, dir_okay=False), help="Draw them, as SVG.")
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
    _check(file, sizes, (json_file, plot_file))
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


def _check(file: Path | None, sizes: tuple[tuple[int, int], ...], outputs: tuple[Path | None, ...]) -> None:
    """Refuses what would fail later, before minutes of work."""
    if file is not None and sizes:
        raise UsageError("a FILE has its size; leave out --size, or FILE")
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
