"""``deblur live``.

What imports PyAV is imported by the functions here and not by the module, so that help and refusals come at once.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import click
import cloup

from pipeline.cli.groups import INPUT, OUTPUT, SPEED, GroupedCommand, as_record
from pipeline.cli.notes import show_notes
from pipeline.cli.options import EngineOptions, check_report, engine_options, report_option, telling_options
from pipeline.cli.serve import PageOptions, page_service, serve_options
from pipeline.cli.spelling import words
from pipeline.cli.types import Size
from pipeline.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Callable

    from pipeline.live.output.worker import Output
    from pipeline.live.run import LiveJob, Window
    from pipeline.live.session import LiveSession
    from pipeline.runner.protocols import Engine

EPILOG = """\b
SOURCE is one of
  0, 1, ...             a camera by its number (see --list), or its device
  rtsp://..., srt://... an address: rtsp, rtmp, http, srt, udp, tcp, rtp
  clip.mp4              a file, played at its own pace
  lavfi:testsrc2        a picture made by FFmpeg's filters

\b
Keys in the window
  space  on and off         s  snapshot
  + -    strength           r  begin and end a recording
  d      divider (drag it)  q  quit

\b
Exit codes: as of `deblur video`; Ctrl-C and q are regular ends, with 0.
"""

DEFAULT_SOURCE = "0"

QUEUE = 30
"""Number of frames that may wait with --every-frame: a second, by which the picture may then be late."""


def _list_cameras(ctx: click.Context, _param: click.Parameter, value: bool) -> None:
    if not value:
        return
    from pipeline.live.input.cameras import find_cameras, table

    click.echo(table(find_cameras()))
    ctx.exit()


@dataclass(frozen=True, slots=True)
class LiveOptions:
    """What was typed for `deblur live`: an attribute for each argument, option, and record of options."""

    source: str | None
    size: tuple[int, int] | None
    fps: float | None
    input_format: str | None
    every_frame: bool
    auto_size: bool
    look_ahead: int | None
    window: bool
    record: Path | None
    page: PageOptions
    rtmp: tuple[str, ...]
    srt: tuple[str, ...]
    virtual_camera: bool
    is_null: bool
    duration: float | None
    overwrite: bool
    report: Path | None
    engine: EngineOptions
    quiet: bool

    @property
    def has_outputs(self) -> bool:
        """Whether there is an output beside the window and the page."""
        return bool(self.record or self.rtmp or self.srt or self.virtual_camera or self.is_null)

    @property
    def wants_window(self) -> bool:
        """Whether the window is to be shown."""
        return self.window or not (self.has_outputs or self.page.serve)

    @property
    def frames_ahead(self) -> int:
        """Number of frames to look ahead of this machine's source: none where somebody watches it as it comes."""
        if self.look_ahead is not None:
            return self.look_ahead
        return 0 if self.wants_window or self.page.serve or self.virtual_camera else 1

    @property
    def is_for_pages_alone(self) -> bool:
        """Whether there is no source here, because pages send the pictures of their cameras."""
        return bool(self.page.serve) and self.source is None

    def outputs(self, tell: Callable[[str], None]) -> list[Output]:
        """The outputs that take the results, beside the window and the page.

        Args:
            tell: Function that takes lines for the user.
        """
        from pipeline.live.output.publisher import Publisher
        from pipeline.live.output.recording import Recording
        from pipeline.live.output.virtual_camera import VirtualCamera
        from pipeline.live.output.worker import NullOutput

        outputs: list[Output] = [] if self.record is None else [Recording(self.record, overwrite=self.overwrite)]
        outputs += [Publisher(url, tell) for url in (*self.rtmp, *self.srt)]
        if self.virtual_camera:
            outputs.append(VirtualCamera())
        if self.is_null:
            outputs.append(NullOutput())
        return outputs


@cloup.command(cls=GroupedCommand, epilog=EPILOG)
@cloup.argument("source", default=None, required=False)
@cloup.option(
    "--list",
    is_flag=True,
    callback=_list_cameras,
    expose_value=False,
    is_eager=True,
    help="Show cameras.",
    group=INPUT,
)
@cloup.option(
    "--size",
    type=Size(smallest=2),
    help="Size of a camera's picture; of anything else, the most that is processed.",
    group=INPUT,
)
@cloup.option(
    "--fps",
    type=click.FloatRange(min=0.1, max=1000),
    help="Frames a second of a camera; of anything else, the most.",
    group=INPUT,
)
@cloup.option(
    "--input-format",
    help="Format of a camera, such as mjpeg or yuyv422; else the container, such as mpegts.",
    group=INPUT,
)
@cloup.option(
    "--every-frame", is_flag=True, help="Let frames wait, up to a second, rather than drop them.", group=SPEED
)
@cloup.option("--auto", "auto_size", is_flag=True, help="Shrink the picture until the frame rate holds.", group=SPEED)
@cloup.option(
    "--look-ahead",
    type=click.IntRange(0, 1),
    help="1: wait for the next frame, so that the network sees it too: sharper, a frame later. 0: do not wait.  "
    "[default: 0 with a window, a page or a virtual camera, else 1]",
    group=SPEED,
)
@cloup.option(
    "--window", is_flag=True, help="Show a window; so it is where no other output is asked for.", group=OUTPUT
)
@cloup.option(
    "--record",
    type=click.Path(path_type=Path, dir_okay=False),
    help="Write a file, with true time stamps.",
    group=OUTPUT,
)
@serve_options
@cloup.option("--rtmp", multiple=True, metavar="URL", help="Send to a server (or udp:, tcp:), as H.264.", group=OUTPUT)
@cloup.option("--srt", multiple=True, metavar="URL", help="Send to a server by SRT, as H.264.", group=OUTPUT)
@cloup.option("--virtual-camera", is_flag=True, help="Be a camera for other programs.", group=OUTPUT)
@cloup.option("--null", "is_null", is_flag=True, help="Show nothing, to measure.", group=OUTPUT)
@cloup.option(
    "--duration", type=click.FloatRange(min=0, min_open=True), help="Seconds after which to end.", group=INPUT
)
@cloup.option("--overwrite", is_flag=True, help="Replace files that are there.", group=OUTPUT)
@report_option
@engine_options
@telling_options
@as_record(LiveOptions, "typed")
def live(*, typed: LiveOptions) -> None:
    """Deblurs what a camera sees, now: SOURCE, or camera 0; with --serve and no SOURCE, the cameras of browsers.

    The picture never falls behind: what the machine has no time for is dropped, and counted.
    """
    files = [Path(typed.source)] if typed.source else []
    check_report(
        typed.report, overwrite=typed.overwrite, beside=files if typed.record is None else [*files, typed.record]
    )
    if typed.is_for_pages_alone and (typed.has_outputs or typed.wants_window):
        raise UsageError("name SOURCE for outputs beside --serve, such as 0 for the first camera")
    if typed.wants_window:
        from pipeline.live.output.window_check import require_window

        require_window()

    from pipeline.live.run import run_live
    from pipeline.live.status import status_for

    status = status_for(quiet=typed.quiet, words=words())
    job = _job(typed, status.note)
    show_notes(show=status.note)
    done = run_live(job, _load(typed.engine)(), status)
    if typed.report is not None:
        done.write(typed.report)
    if not typed.quiet and done.captured.passed:
        click.echo(words()(done.summary()), err=True)
    if done.error is not None:
        raise done.error


def _job(typed: LiveOptions, tell: Callable[[str], None]) -> LiveJob:
    from pipeline.live.input.address import CameraRequest, Kind, find_address
    from pipeline.live.input.feed import ReconnectOptions
    from pipeline.live.run import LiveJob
    from pipeline.live.session import SessionOptions

    outputs = typed.outputs(tell)
    request = CameraRequest(typed.size, typed.fps, typed.input_format)
    address = None if typed.is_for_pages_alone else find_address(typed.source or DEFAULT_SOURCE, request)
    is_camera = address is not None and address.kind is Kind.CAMERA
    services = []
    if typed.page.serve:
        title = address.name if address else ""
        camera = (typed.size, typed.fps)
        load = _load(typed.engine)
        services.append(page_service(typed.page, typed.page.serve, camera, title, load, typed.look_ahead or 0))
    return LiveJob(
        address=address,
        session=SessionOptions(
            queue=QUEUE if typed.every_frame else 1,
            size_limit=None if is_camera else typed.size,
            strength=typed.engine.strength,
            look_ahead=typed.frames_ahead,
        ),
        reconnect=ReconnectOptions(rate=None if is_camera else typed.fps),
        outputs=outputs,
        open_window=_open_window if typed.wants_window else None,
        services=services,
        duration=typed.duration,
        auto_size=typed.auto_size,
    )


def _load(engine: EngineOptions) -> partial[Engine]:
    """A function that makes the engine. Its strength stays 1, because a session applies the one that was typed."""
    from pipeline.engines.load import load_engine

    return partial(
        load_engine,
        engine.engine,
        engine.network,
        engine.weights,
        threads=engine.threads,
        precision=engine.precision,
        scale=engine.scale,
        device=engine.device,
    )


def _open_window(session: LiveSession, tell: Callable[[str], None], toggle_recording: Callable[[], bool]) -> Window:
    from pipeline.live.output.window import Preview

    return Preview(session, Path(), tell, toggle_recording)
