"""The options that commands share, and the records in which commands get them."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
import cloup

from network import catalogue
from network.planes import MAX_STRENGTH
from pipeline.cli.groups import ENGINE, FRAMES, INPUT, OUTPUT, RESUME, SPEED, added, as_record
from pipeline.cli.guards import guard_options
from pipeline.cli.notes import tell_details
from pipeline.cli.types import Bitrate, Scale, SkipSharp
from pipeline.engines.precision import PRECISIONS
from pipeline.engines.registry import engine_names
from pipeline.errors import UsageError
from pipeline.job import (
    SEGMENT_SECONDS,
    Acceleration,
    GateOptions,
    SegmentOptions,
    SinkOptions,
    SourceOptions,
    segment_settings,
)
from pipeline.system.file_names import check_name

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from pipeline.job import Isolation, Limits
    from pipeline.runner.protocols import Engine

network_option = cloup.option(
    "--network",
    default=catalogue.DEFAULT,
    show_default=True,
    help=f"Which network: {', '.join(catalogue.NAMES)}.",
    group=ENGINE,
)
weights_option = cloup.option(
    "--weights", type=click.Path(path_type=Path), help="Weights other than the shipped ones.", group=ENGINE
)
precision_option = cloup.option(
    "--precision",
    type=click.Choice(PRECISIONS),
    default="auto",
    show_default=True,
    help="The network's arithmetic; auto takes what deblur bench found, else int8 where the processor has it.",
    group=ENGINE,
)
device_option = cloup.option(
    "--device",
    metavar="NAME",
    help="Device of OpenVINO, such as GPU, NPU or AUTO, or of ONNX Runtime: coreml or directml. It is checked before "
    "its first use. The processor if not given.",
    group=ENGINE,
)
scale_option = cloup.option(
    "--scale",
    type=Scale(),
    default=1.0,
    show_default=True,
    help="0.5 computes the correction at half the size: faster, and better for strokes of over 40 pixels.",
    group=ENGINE,
)
threads_option = cloup.option(
    "--threads", type=click.IntRange(min=1), help="Threads of the engine; all cores if not given.", group=SPEED
)
hwaccel_option = cloup.option(
    "--hwaccel",
    type=click.Choice([str(kind) for kind in Acceleration]),
    default=str(Acceleration.NONE),
    show_default=True,
    help="Decode on the GPU; auto where there is one.",
    group=SPEED,
)
report_option = cloup.option(
    "--report", type=click.Path(path_type=Path, dir_okay=False), help="Write a report as JSON.", group=OUTPUT
)
_quiet_option = cloup.option("--quiet", "-q", is_flag=True, help="Show errors only.")
_verbose_option = cloup.option(
    "--verbose",
    "-v",
    is_flag=True,
    expose_value=False,
    callback=lambda _ctx, _param, value: tell_details(wanted=value),
    help="Show too what was opened and chosen, and where the time went.",
)


def telling_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """Adds ``--quiet``, which the command gets, and ``--verbose``, for :func:`pipeline.cli.notes.show_notes`."""
    return _quiet_option(_verbose_option(command))


def check_report(path: Path | None, *, overwrite: bool, beside: Iterable[Path] = ()) -> None:
    """Refuses a report that could not be written at the end, or that would replace another file of the command.

    Args:
        path: Path of the report; None for no report.
        overwrite: Whether to replace a report that is there.
        beside: Paths of the files that the command reads and writes.

    Raises:
        UsageError: If the report is refused.
    """
    if path is None:
        return
    check_name(path)
    for other in beside:
        if path.resolve() == other.resolve() or (path.exists() and other.exists() and path.samefile(other)):
            raise UsageError(f"--report would write over {other}; give it a name of its own")
    if path.exists() and not overwrite:
        raise UsageError(f"{path} exists; give --overwrite to replace it, or another name to --report")
    if not path.absolute().parent.is_dir():
        raise UsageError(f"the folder of the report, {path.absolute().parent}, is not there; create it first")


@dataclass(frozen=True, slots=True)
class EngineOptions:
    """What was typed for :func:`engine_options`, each attribute for the option of the same name."""

    engine: str
    network: str
    weights: Path | None
    precision: str
    strength: float
    scale: float
    threads: int | None
    device: str | None

    def load(self, threads: int | None = None) -> Engine:
        """Loads the engine.

        Args:
            threads: Number of threads of the engine where ``--threads`` was not given.
        """
        from pipeline.engines.load import load_engine  # input and output are checked before it is imported

        number = self.threads or threads
        return load_engine(
            self.engine,
            self.network,
            self.weights,
            self.strength,
            number,
            self.precision,
            scale=self.scale,
            device=self.device,
        )


def engine_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """Adds the options of the engine, which the command gets as ``engine``, an :class:`EngineOptions`."""
    return added(
        cloup.option(
            "--engine",
            type=click.Choice(engine_names()),
            default="auto",
            show_default=True,
            help="What runs the network; auto takes the fastest that is there.",
            group=ENGINE,
        ),
        device_option,
        network_option,
        weights_option,
        precision_option,
        cloup.option(
            "--strength",
            type=click.FloatRange(0, MAX_STRENGTH),
            default=1.0,
            show_default=True,
            help="How much of the correction is applied; over 1 for strong blur.",
            group=ENGINE,
        ),
        scale_option,
        threads_option,
        as_record(EngineOptions, "engine"),
    )(command)


@dataclass(frozen=True, slots=True)
class Deblurring:
    """What was typed for :func:`deblurring_options`: an attribute for each option, and for each record of options."""

    engine: EngineOptions
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

    def source(
        self, container: str | None = None, start: float | None = None, duration: float | None = None
    ) -> SourceOptions:
        """Options to read inputs with; see :class:`pipeline.job.SourceOptions`."""
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
            or self.engine.scale != 1
        )
        return self.engine.engine == "tensorrt" and not is_looked_at

    def sink(self, container: str | None = None) -> SinkOptions:
        """Options to write outputs with; see :class:`pipeline.job.SinkOptions`."""
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
        """Options to keep finished segments with; None to keep none."""
        if not self.segment:
            return None
        settings = segment_settings(self.engine.strength, keep_text=keep_text, scale=self.engine.scale)
        return SegmentOptions(seconds=self.segment, fresh=self.fresh, always=always, settings=settings)


def deblurring_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """Adds the options that say how files become files, which the command gets as ``how``, a :class:`Deblurring`."""
    return added(
        cloup.option(
            "--deinterlace",
            is_flag=True,
            help="Deinterlace interlaced video, which is refused otherwise.",
            group=INPUT,
        ),
        cloup.option(
            "--codec",
            help="Video codec of OUT, or an encoder such as hevc_nvenc; that of IN where possible, else h264.",
            group=OUTPUT,
        ),
        cloup.option(
            "--crf", type=float, help="Quality at which the codec aims; lower is better and larger.", group=OUTPUT
        ),
        cloup.option("--preset", help="The encoder's trade of speed for size.", group=OUTPUT),
        cloup.option("--bitrate", type=Bitrate(), help="Bits a second, such as 8M, in place of --crf.", group=OUTPUT),
        cloup.option("--overwrite", is_flag=True, help="Replace OUT if it is there.", group=OUTPUT),
        cloup.option(
            "--skip-sharp",
            type=SkipSharp(),
            default="off",
            show_default=True,
            help="Pass frames untouched whose blur, from 0 to 1, is at most this.",
            group=FRAMES,
        ),
        cloup.option(
            "--every-frame",
            is_flag=True,
            help="Run the network even for a frame that equals the one before.",
            group=FRAMES,
        ),
        cloup.option(
            "--keep-text/--no-keep-text",
            default=None,
            help="Leave burned-in text such as a dashcam's time as it is, and whatever else is sharp and never moves; "
            "done with --dashcam unless told otherwise.",
            group=FRAMES,
        ),
        hwaccel_option,
        cloup.option(
            "--segment",
            type=click.FloatRange(min=0),
            default=SEGMENT_SECONDS,
            show_default=True,
            help="Seconds of video after which what is done is kept for a later run; 0 writes in one piece.",
            group=RESUME,
        ),
        cloup.option(
            "--fresh",
            is_flag=True,
            help="Throw away what an interrupted run has left, and start over.",
            group=RESUME,
        ),
        engine_options,
        guard_options,
        as_record(Deblurring, "how"),
    )(command)
