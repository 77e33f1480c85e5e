"""``deblur bench``."""

from __future__ import annotations

import math
import tempfile
from dataclasses import dataclass
from functools import partial
from itertools import product
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
import cloup
from cloup.constraints import mutually_exclusive

from network import catalogue
from network.models import registry
from pipeline.bench.isolate import isolated
from pipeline.bench.live import LiveCase, LiveMeasured, measure_live
from pipeline.bench.measure import Case, Measured, measure
from pipeline.bench.report import BenchReport, Missing
from pipeline.bench.synthetic import RATE, write_clip
from pipeline.cli.bench_precisions import compare_precisions
from pipeline.cli.groups import ENGINE, INPUT, MEASUREMENT, OUTPUT, GroupedCommand, as_record
from pipeline.cli.options import (
    device_option,
    hwaccel_option,
    precision_option,
    scale_option,
    threads_option,
    weights_option,
)
from pipeline.cli.types import Size
from pipeline.engines.flops import matrix_rate, network_flops
from pipeline.engines.load import load_engine
from pipeline.engines.registry import engine_names
from pipeline.engines.untrained import write_untrained
from pipeline.errors import EngineError, UsageError
from pipeline.job import Acceleration, SinkOptions, SourceOptions
from pipeline.system.machine import describe

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

DEFAULT_SIZE = (1280, 720)
CLIP_SIZE = Size(wanted="one such as 1280x720, even, from 64 to 16384", smallest=64, largest=16384, is_even=True)
ONE_SIZE = mutually_exclusive.rephrased(error="a FILE has its size; leave out --size, or FILE")


class _Names(click.ParamType[Any]):
    """Names of things, with commas between them.

    Args:
        what: Name of such a thing.
        known: Function that gives the names to choose from.
    """

    def __init__(self, what: str, known: Callable[[], tuple[str, ...]]) -> None:
        self.name, self._what, self._known = f"{what},...", what, known

    def convert(
        self, value: str | tuple[str, ...], param: click.Parameter | None, ctx: click.Context | None
    ) -> tuple[str, ...]:
        names = value if isinstance(value, tuple) else tuple(dict.fromkeys(part.strip() for part in value.split(",")))
        for name in names:
            if name not in self._known():
                self.fail(f"there is no {self._what} {name!r}; choose from {', '.join(self._known())}", param, ctx)
        return names


@dataclass(frozen=True, slots=True)
class BenchOptions:
    """What was typed for `deblur bench`: an attribute for each argument and option."""

    file: Path | None
    sizes: tuple[tuple[int, int], ...]
    seconds: float
    engines: tuple[str, ...]
    live: bool
    rate: float | None
    look_ahead: int | None
    networks: tuple[str, ...]
    weights: Path | None
    precision: str
    scale: float
    threads: int | None
    device: str | None
    hwaccel: str
    codec: str | None
    json_file: Path | None
    plot_file: Path | None

    @property
    def compared_networks(self) -> tuple[str, ...]:
        """The networks whose precisions are to be compared: where ``auto`` of all threads of the processor is meant."""
        is_auto = self.precision == "auto" and (self.weights, self.threads, self.device) == (None, None, None)
        return self.networks if is_auto and {"auto", "openvino"} & set(self.engines) else ()


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
    type=_Names("engine", engine_names),
    default="auto",
    show_default=True,
    help=f"Engines to measure side by side: {', '.join(engine_names())}.",
    group=MEASUREMENT,
)
@cloup.option(
    "--live", is_flag=True, help="Measure a live stream: how late it is, and what is dropped.", group=MEASUREMENT
)
@cloup.option(
    "--rate",
    type=click.FloatRange(min=0, min_open=True),
    help="Frames a second of --live (default: the clip's).",
    group=MEASUREMENT,
)
@cloup.option(
    "--look-ahead", type=click.IntRange(0, 1), help="As for deblur live, with --live.  [default: 0]", group=MEASUREMENT
)
@cloup.option(
    "--network",
    "networks",
    type=_Names("network", registry.names),
    default=catalogue.DEFAULT,
    show_default=True,
    help=f"Networks to measure: {', '.join(catalogue.NAMES)}.",
    group=ENGINE,
)
@device_option
@weights_option
@precision_option
@scale_option
@threads_option
@hwaccel_option
@cloup.option("--codec", help="Video codec, or encoder, of the output; as for deblur video.", group=OUTPUT)
@cloup.option(
    "--json", "json_file", type=click.Path(path_type=Path, dir_okay=False), help="Write the figures.", group=OUTPUT
)
@cloup.option(
    "--plot", "plot_file", type=click.Path(path_type=Path, dir_okay=False), help="Draw them, as SVG.", group=OUTPUT
)
@as_record(BenchOptions, "typed")
def bench(*, typed: BenchOptions) -> None:
    """Measures how fast FILE, or a synthetic clip, is deblurred here.

    Decoding, the engine, and encoding are measured alone and then together, each case in a process of its own. An
    engine that is not installed is named, and the others are measured. A network without weights gets random ones.

    With --precision auto, the precisions of a shipped network are compared first. What is fastest is kept for this
    machine, and auto takes it from then on.
    """
    _check(typed)
    machine = describe()
    precisions: dict[str, dict[str, float]] = {}
    notes: list[str] = []
    for network in typed.compared_networks:
        if (compared := compare_precisions(network, typed.seconds)) is not None:
            precisions[network], line = compared
            notes.append(line)
    measured: list[Measured | LiveMeasured] = []
    missing: list[Missing] = []
    with tempfile.TemporaryDirectory(prefix="deblur-") as folder:
        files = {network: typed.weights or _untrained(network, Path(folder), notes) for network in typed.networks}
        for name, clip in _clips(typed.file, typed.sizes or (DEFAULT_SIZE,)):
            for engine, network in product(typed.engines, typed.networks):
                click.echo(f"measuring {engine}, {network}, {name}", err=True)
                try:
                    measured.append(_measure(typed, clip, engine, network, files[network]))
                except (UsageError, EngineError) as error:
                    missing.append(Missing(f"{network} {engine}", name, str(error)))
                    problem = error
    if not measured:
        raise problem
    stages = tuple(case for case in measured if isinstance(case, Measured))
    live = tuple(case for case in measured if isinstance(case, LiveMeasured))
    source = str(typed.file) if typed.file else f"synthetic clip, {RATE} frames/s"
    report = BenchReport(
        source, typed.seconds, machine, stages, tuple(missing), live, precisions, tuple(notes), typed.scale
    )
    if typed.json_file is not None:
        report.write_json(typed.json_file)
    if typed.plot_file is not None:
        report.write_plot(typed.plot_file)
    click.echo(report.table())


def _check(typed: BenchOptions) -> None:
    """Refuses what would fail later, before minutes of work, and what would not be heeded."""
    if typed.file is not None and not typed.file.is_file():
        raise UsageError(f"there is no file {typed.file}")
    for path in filter(None, (typed.json_file, typed.plot_file)):
        if not path.absolute().parent.is_dir():
            raise UsageError(f"the folder of {path} is not there; create it first")
    if not typed.live and (typed.rate is not None or typed.look_ahead is not None):
        raise UsageError("--rate and --look-ahead are those of a live stream; give --live, or leave them out")
    if typed.live and (typed.codec or typed.plot_file or typed.hwaccel != Acceleration.NONE):
        raise UsageError("--live encodes and draws nothing; leave out --codec, --plot and --hwaccel")
    if typed.weights is not None and len(typed.networks) > 1:
        raise UsageError("a file of weights is one network; leave out --network")


def _measure(
    typed: BenchOptions, clip: Path, engine: str, network: str, weights: Path | None
) -> Measured | LiveMeasured:
    load = partial(
        load_engine,
        engine,
        network,
        weights,
        threads=typed.threads,
        precision=typed.precision,
        scale=typed.scale,
        device=typed.device,
    )
    source = SourceOptions(deinterlace=True, acceleration=Acceleration(typed.hwaccel))
    if typed.live:
        ahead = typed.look_ahead or 0
        return isolated(measure_live, LiveCase(engine, clip, typed.seconds, load, typed.rate, ahead, source))
    case = Case(
        engine=engine,
        clip=clip,
        seconds=typed.seconds,
        load=load,
        flops=partial(_flops, network, weights, typed.scale),
        matrix_rate=partial(matrix_rate, threads=typed.threads, seconds=min(1.0, typed.seconds)),
        source=source,
        sink=SinkOptions(codec=typed.codec, overwrite=True),
    )
    return isolated(measure, case)


def _flops(network: str, weights: Path | None, scale: float, width: int, height: int) -> int | None:
    """Floating-point operations of a frame whose correction is computed at a scale of its size."""
    return network_flops(network, weights, *(math.ceil(length * scale) for length in (width, height)))


def _untrained(network: str, folder: Path, notes: list[str]) -> Path | None:
    """A file of random weights where a network of the package comes without any, and a note that says so."""
    if network not in catalogue.NAMES or catalogue.onnx_file(network) is not None:
        return None
    path = folder / f"{network}.onnx"
    write_untrained(network, path)
    notes.append(f"{network}: timed with random weights, since it comes without any")
    return path


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
