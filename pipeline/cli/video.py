"""``deblur video``."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from pipeline.cli.gate import SkipSharp
from pipeline.cli.limits import guard_options
from pipeline.errors import UsageError
from pipeline.gate import GateOptions
from pipeline.hardware import Acceleration
from pipeline.pipes import standard_input, standard_output
from pipeline.progress import display_for
from pipeline.sink import SinkOptions
from pipeline.source import SourceOptions
from pipeline.video import VideoJob, deblur_video

if TYPE_CHECKING:
    from pipeline.engine import Engine
    from pipeline.isolation import Isolation
    from pipeline.limits import Limits

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
  130  interrupted; nothing was written
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


class _Bitrate(click.ParamType[Any]):
    """Bits a second, with k or M for thousands and millions."""

    name = "bitrate"

    def convert(self, value: str | int, param: click.Parameter | None, ctx: click.Context | None) -> int:
        if isinstance(value, int):
            return value
        match = re.fullmatch(r"(\d+(?:\.\d+)?)([kKmM]?)", value)
        bits = round(float(match[1]) * {"": 1, "k": 1000, "m": 1_000_000}[match[2].lower()]) if match else 0
        if bits < 1:
            self.fail(f"{value!r} is no bitrate; write bits a second such as 8M, 800k or 8000000", param, ctx)
        return bits


@click.command(epilog=EPILOG)
@click.argument("input_", metavar="IN")
@click.argument("output", metavar="OUT")
@click.option(
    "--engine",
    type=click.Choice(["auto", "openvino", "tensorrt", "torch"]),
    default="auto",
    show_default=True,
    help="What runs the network; auto takes the fastest that is there.",
)
@click.option("--network", default="idc-rt", show_default=True, help="Which network: idc-rt, idc, or identity.")
@click.option("--weights", type=click.Path(path_type=Path), help="Weights other than the shipped ones.")
@click.option(
    "--strength",
    type=click.FloatRange(0, 1),
    default=1.0,
    show_default=True,
    help="How much of the correction is applied.",
)
@click.option(
    "--hwaccel",
    type=click.Choice(["auto", "none", "cuda"]),
    default="none",
    show_default=True,
    help="Decode on the GPU; auto where there is one.",
)
@click.option(
    "--codec", help="Video codec of OUT, or an encoder such as hevc_nvenc; that of IN where possible, else h264."
)
@click.option("--crf", type=float, help="Quality at which the codec aims; lower is better and larger.")
@click.option("--preset", help="The encoder's trade of speed for size.")
@click.option("--bitrate", type=_Bitrate(), help="Bits a second, such as 8M, in place of --crf.")
@click.option("--start", type=_Time(), help="Where to start, in seconds or [HH:]MM:SS.")
@click.option("--duration", type=_Time(), help="How much to process.")
@click.option("--deinterlace", is_flag=True, help="Deinterlace interlaced video, which is refused otherwise.")
@click.option("--format", "format_", help="Container, such as matroska: of IN if that alone is a pipe, else of OUT.")
@click.option("--overwrite", is_flag=True, help="Replace OUT if it is there.")
@click.option(
    "--skip-sharp",
    type=SkipSharp(),
    default="off",
    show_default=True,
    help="Pass frames untouched whose blur, from 0 to 1, is at most this.",
)
@click.option("--every-frame", is_flag=True, help="Run the network even for a frame that equals the one before.")
@click.option("--report", type=click.Path(path_type=Path, dir_okay=False), help="Write a report as JSON.")
@click.option("--threads", type=click.IntRange(min=1), help="Threads of the engine; all cores if not given.")
@guard_options
@click.option("--quiet", "-q", is_flag=True, help="Show errors only.")
def video(
    *,
    input_: str,
    output: str,
    engine: str,
    network: str,
    weights: Path | None,
    strength: float,
    hwaccel: str,
    codec: str | None,
    crf: float | None,
    preset: str | None,
    bitrate: int | None,
    start: float | None,
    duration: float | None,
    deinterlace: bool,
    format_: str | None,
    overwrite: bool,
    skip_sharp: float | None,
    every_frame: bool,
    report: Path | None,
    threads: int | None,
    limits: Limits,
    isolation: Isolation | None,
    quiet: bool,
) -> None:
    """Deblurs the video IN into OUT.

    All streams, timestamps, colour tags and the rotation of IN are kept. IN and OUT may be - for standard input and
    output. OUT gets its name when it is complete; after an error or Ctrl-C there is no such file.
    """
    _check_report(report, overwrite=overwrite)

    def load() -> Engine:
        from pipeline.engines.select import load_engine  # input and output are checked before it is imported

        return load_engine(engine, network, weights, strength, threads, None if quiet else _tell)

    # An input pipe says by its content what it is; an output pipe can't.
    of_input = input_ == "-" and output != "-"
    job = VideoJob(
        input=standard_input() if input_ == "-" else Path(input_),
        output=standard_output() if output == "-" else Path(output),
        source=SourceOptions(
            format=format_ if of_input else None,
            start=start,
            duration=duration,
            deinterlace=deinterlace,
            acceleration=Acceleration(hwaccel),
            limits=limits,
            isolation=isolation,
        ),
        sink=SinkOptions(
            format=None if of_input else format_,
            codec=codec,
            crf=crf,
            preset=preset,
            bitrate=bitrate,
            overwrite=overwrite,
        ),
        gate=GateOptions(duplicates=not every_frame, sharp=skip_sharp),
    )
    done = deblur_video(job, load, display_for(quiet=quiet))
    if report is not None:
        done.write(report)
    if not quiet:
        click.echo(done.summary(), err=True)
    done.raise_if_damaged()


def _tell(line: str) -> None:
    """Shows a line while something takes long, and beside the progress."""
    click.echo(f"note: {line}", err=True)


def _check_report(path: Path | None, *, overwrite: bool) -> None:
    """Refuses a report that could not be written at the end, before the work starts."""
    if path is None:
        return
    if path.exists() and not overwrite:
        raise UsageError(f"{path} exists; give --overwrite to replace it, or another name to --report")
    if not path.absolute().parent.is_dir():
        raise UsageError(f"the folder of the report, {path.absolute().parent}, is not there; create it first")
