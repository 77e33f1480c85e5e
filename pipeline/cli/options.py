"""The options that say how a video is deblurred, shared by the commands that turn files into files."""

from __future__ import annotations

import functools
import re
from dataclasses import dataclass, fields
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from network.planes import MAX_STRENGTH
from pipeline.cli.types import SkipSharp, guard_options, precision_option
from pipeline.job import SEGMENT_SECONDS, Acceleration, GateOptions, SegmentOptions, SinkOptions, SourceOptions

if TYPE_CHECKING:
    from collections.abc import Callable

    from pipeline.job import Isolation, Limits
    from pipeline.runner.protocols import Engine


class Bitrate(click.ParamType[Any]):
    """Bits a second, with k or M for thousands and millions."""

    name = "bitrate"

    def convert(self, value: str | int, param: click.Parameter | None, ctx: click.Context | None) -> int:
        """Turns what was typed into bits a second."""
        if isinstance(value, int):
            return value
        match = re.fullmatch(r"(\d+(?:\.\d+)?)([kKmM]?)", value)
        bits = round(float(match[1]) * {"": 1, "k": 1000, "m": 1_000_000}[match[2].lower()]) if match else 0
        if bits < 1:
            self.fail(f"{value!r} is no bitrate; write bits a second such as 8M, 800k or 8000000", param, ctx)
        return bits


@dataclass(frozen=True, slots=True)
class Deblurring:
    """What was typed for :func:`deblurring_options`, each attribute for the option of the same name."""

    engine: str
    network: str
    weights: Path | None
    strength: float
    precision: str
    threads: int | None
    hwaccel: str
    codec: str | None
    crf: float | None
    preset: str | None
    bitrate: int | None
    deinterlace: bool
    overwrite: bool
    skip_sharp: float | None
    every_frame: bool
    keep_text: bool | None
    segment: float
    fresh: bool
    limits: Limits
    isolation: Isolation | None

    def load(self, threads: int | None = None) -> Engine:
        """Loads the engine.

        Args:
            threads: Of the engine where ``--threads`` was not given.
        """
        from pipeline.engines.load import load_engine  # input and output are checked before it is imported

        number = self.threads or threads
        return load_engine(self.engine, self.network, self.weights, self.strength, number, precision=self.precision)

    def source(
        self, container: str | None = None, start: float | None = None, duration: float | None = None
    ) -> SourceOptions:
        """How inputs are read; see :class:`pipeline.job.SourceOptions`."""
        return SourceOptions(
            format=container,
            start=start,
            duration=duration,
            deinterlace=self.deinterlace,
            acceleration=Acceleration(self.hwaccel),
            on_device=self._on_device,
            limits=self.limits,
            isolation=self.isolation,
        )

    @property
    def _on_device(self) -> bool:
        """Whether frames may stay on the GPU that decodes them, because nothing looks at their samples before it."""
        is_looked_at = (
            not self.every_frame
            or self.skip_sharp is not None
            or self.deinterlace
            or self.isolation is not None
            or bool(self.keep_text)
        )
        return self.engine == "tensorrt" and not is_looked_at

    def sink(self, container: str | None = None) -> SinkOptions:
        """How outputs are written; see :class:`pipeline.job.SinkOptions`."""
        return SinkOptions(
            format=container,
            codec=self.codec,
            crf=self.crf,
            preset=self.preset,
            bitrate=self.bitrate,
            overwrite=self.overwrite,
        )

    @property
    def gate(self) -> GateOptions:
        """Which frames pass the network by."""
        return GateOptions(duplicates=not self.every_frame, sharp=self.skip_sharp)

    def keeps_text(self, *, dashcam: bool) -> bool:
        """Whether burned-in text is left as it is: as was asked for, and else in clips of a dashcam."""
        return dashcam if self.keep_text is None else self.keep_text

    def segments(self, *, always: bool = False, keep_text: bool = False) -> SegmentOptions | None:
        """How what is finished is kept; None for not at all."""
        if not self.segment:
            return None
        settings = (("strength", f"{self.strength:g}"), ("keep_text", f"{keep_text}"))
        return SegmentOptions(seconds=self.segment, fresh=self.fresh, always=always, settings=settings)


_OPTIONS = (
    click.option(
        "--engine",
        type=click.Choice(["auto", "openvino", "tensorrt", "torch"]),
        default="auto",
        show_default=True,
        help="What runs the network; auto takes the fastest that is there.",
    ),
    click.option("--network", default="idc-rt", show_default=True, help="Which network: idc-rt, idc, or identity."),
    click.option("--weights", type=click.Path(path_type=Path), help="Weights other than the shipped ones."),
    click.option(
        "--strength",
        type=click.FloatRange(0, MAX_STRENGTH),
        default=1.0,
        show_default=True,
        help="How much of the correction is applied; over 1 for strong blur.",
    ),
    precision_option,
    click.option(
        "--hwaccel",
        type=click.Choice(["auto", "none", "cuda"]),
        default="none",
        show_default=True,
        help="Decode on the GPU; auto where there is one.",
    ),
    click.option(
        "--codec", help="Video codec of OUT, or an encoder such as hevc_nvenc; that of IN where possible, else h264."
    ),
    click.option("--crf", type=float, help="Quality at which the codec aims; lower is better and larger."),
    click.option("--preset", help="The encoder's trade of speed for size."),
    click.option("--bitrate", type=Bitrate(), help="Bits a second, such as 8M, in place of --crf."),
    click.option("--deinterlace", is_flag=True, help="Deinterlace interlaced video, which is refused otherwise."),
    click.option("--overwrite", is_flag=True, help="Replace OUT if it is there."),
    click.option(
        "--skip-sharp",
        type=SkipSharp(),
        default="off",
        show_default=True,
        help="Pass frames untouched whose blur, from 0 to 1, is at most this.",
    ),
    click.option("--every-frame", is_flag=True, help="Run the network even for a frame that equals the one before."),
    click.option(
        "--keep-text/--no-keep-text",
        default=None,
        help="Leave burned-in text such as a dashcam's time as it is, and whatever else is sharp and never moves; "
        "done with --dashcam unless told otherwise.",
    ),
    click.option(
        "--segment",
        type=click.FloatRange(min=0),
        default=SEGMENT_SECONDS,
        show_default=True,
        help="Seconds of video after which what is done is kept for a later run; 0 writes in one piece.",
    ),
    click.option("--fresh", is_flag=True, help="Throw away what an interrupted run has left, and start over."),
    click.option("--threads", type=click.IntRange(min=1), help="Threads of the engine; all cores if not given."),
    guard_options,
)


def deblurring_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """Adds the options to a command, which gets one argument for them: ``how``, a :class:`Deblurring`."""

    @functools.wraps(command)
    def wrapped(*args: Any, **options: Any) -> Any:
        how = Deblurring(**{field.name: options.pop(field.name) for field in fields(Deblurring)})
        return command(*args, how=how, **options)

    for option in reversed(_OPTIONS):
        wrapped = option(wrapped)
    return wrapped
