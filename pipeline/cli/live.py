"""``deblur live``.

What imports PyAV is imported by the functions here and not by the module: on Linux, OpenCV's window hangs where PyAV
was loaded before it.
"""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from network.planes import MAX_STRENGTH
from pipeline.cli.notes import show_notes
from pipeline.cli.serve import page_companion, serve_options
from pipeline.cli.spelling import words
from pipeline.cli.types import precision_option
from pipeline.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Callable

    from pipeline.live.output.worker import Output
    from pipeline.live.run import Window
    from pipeline.live.session import LiveSession

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
"""Frames that may wait with --every-frame: a second, by which the picture may then be late."""


class _Size(click.ParamType[Any]):
    """Width and height in pixels, such as 1280x720."""

    name = "WxH"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> tuple[int, int]:
        if isinstance(value, tuple):
            return value
        width, _, height = value.lower().partition("x")
        if not (width.isdecimal() and height.isdecimal() and int(width) >= 2 and int(height) >= 2):
            self.fail(f"{value!r} is no size; write width and height such as 1280x720", param, ctx)
        return int(width), int(height)


def _list_cameras(ctx: click.Context, _param: click.Parameter, value: bool) -> None:
    if not value:
        return
    from pipeline.live.input.cameras import find_cameras, table

    click.echo(table(find_cameras()))
    ctx.exit()


@click.command(epilog=EPILOG)
@click.argument("source", default=None, required=False)
@click.option("--list", is_flag=True, callback=_list_cameras, expose_value=False, is_eager=True, help="Show cameras.")
@click.option("--size", type=_Size(), help="Of a camera's picture; of anything else, the most that is processed.")
@click.option("--fps", type=click.FloatRange(min=0.1, max=1000), help="Of a camera; of anything else, the most.")
@click.option("--input-format", help="Of a camera, such as mjpeg or yuyv422; else the container, such as mpegts.")
@click.option("--every-frame", is_flag=True, help="Let frames wait, up to a second, rather than drop them.")
@click.option("--auto", "auto_size", is_flag=True, help="Shrink the picture until the frame rate holds.")
@click.option("--window", is_flag=True, help="Show a window; so it is where no other output is asked for.")
@click.option("--record", type=click.Path(path_type=Path, dir_okay=False), help="Write a file, with true time stamps.")
@serve_options
@click.option("--rtmp", multiple=True, metavar="URL", help="Send to a server (or udp:, tcp:), as H.264.")
@click.option("--srt", multiple=True, metavar="URL", help="Likewise, by SRT.")
@click.option("--virtual-camera", is_flag=True, help="Be a camera for other programs.")
@click.option("--null", "is_null", is_flag=True, help="Show nothing, to measure.")
@click.option("--duration", type=click.FloatRange(min=0, min_open=True), help="Seconds after which to end.")
@click.option("--overwrite", is_flag=True, help="Replace files that are there.")
@click.option("--report", type=click.Path(path_type=Path, dir_okay=False), help="Write a report as JSON.")
@click.option(
    "--engine",
    type=click.Choice(["auto", "openvino", "tensorrt", "torch"]),
    default="auto",
    show_default=True,
    help="What runs the network; auto takes the fastest that is there.",
)
@click.option("--network", default="idc-rt", show_default=True, help="Which network: idc-rt, idc, or identity.")
@click.option("--weights", type=click.Path(path_type=Path), help="Weights other than the shipped ones.")
@precision_option
@click.option(
    "--strength",
    type=click.FloatRange(0, MAX_STRENGTH),
    default=1.0,
    show_default=True,
    help="How much of the correction is applied; over 1 is more than the network would.",
)
@click.option("--threads", type=click.IntRange(min=1), help="Threads of the engine; all cores if not given.")
@click.option("--quiet", "-q", is_flag=True, help="Show errors only.")
def live(
    *,
    source: str | None,
    size: tuple[int, int] | None,
    fps: float | None,
    input_format: str | None,
    every_frame: bool,
    auto_size: bool,
    window: bool,
    record: Path | None,
    serve: str | None,
    certificate: Path | None,
    key: Path | None,
    names: tuple[str, ...],
    rtmp: tuple[str, ...],
    srt: tuple[str, ...],
    virtual_camera: bool,
    is_null: bool,
    duration: float | None,
    overwrite: bool,
    report: Path | None,
    engine: str,
    network: str,
    weights: Path | None,
    precision: str,
    strength: float,
    threads: int | None,
    quiet: bool,
) -> None:
    """Deblurs what a camera sees, now: SOURCE, or camera 0; with --serve and no SOURCE, the cameras of browsers.

    The picture never falls behind: what the machine has no time for is dropped, and counted.
    """
    _check_report(report, overwrite=overwrite)
    has_outputs = bool(record or rtmp or srt or virtual_camera or is_null)
    wants_window = window or not (has_outputs or serve)
    if serve and source is None and (has_outputs or wants_window):
        raise UsageError("name SOURCE for outputs beside --serve, such as 0 for the first camera")
    if wants_window:
        from pipeline.live.output.window_check import require_window

        require_window()

    from pipeline.live.input.address import Kind, Wishes, find_address
    from pipeline.live.input.feed import FeedOptions
    from pipeline.live.run import LiveJob, run_live
    from pipeline.live.session import SessionOptions
    from pipeline.live.status import status_for

    status = status_for(quiet=quiet, words=words())
    outputs = _outputs(record, (*rtmp, *srt), status.note, camera=virtual_camera, null=is_null, overwrite=overwrite)
    wishes = Wishes(size, fps, input_format)
    address = None if serve and source is None else find_address(source or DEFAULT_SOURCE, wishes)
    is_camera = address is not None and address.kind is Kind.CAMERA

    from pipeline.engines.load import load_engine

    companions = []
    if serve:
        load = partial(load_engine, engine, network, weights, threads=threads, precision=precision)
        title = address.name if address else ""
        companions.append(page_companion(serve, certificate, key, names, (size, fps), title, load))
    job = LiveJob(
        address=address,
        session=SessionOptions(
            queue=QUEUE if every_frame else 1, size_limit=None if is_camera else size, strength=strength
        ),
        feed=FeedOptions(rate=None if is_camera else fps),
        outputs=outputs,
        open_window=_open_window if wants_window else None,
        companions=companions,
        duration=duration,
        auto_size=auto_size,
    )
    show_notes(show=status.note)
    loaded = load_engine(engine, network, weights, threads=threads, precision=precision)
    done = run_live(job, loaded, status)
    if report is not None:
        done.write(report)
    if not quiet and done.captured.passed:
        click.echo(words()(done.summary()), err=True)
    if done.error is not None:
        raise done.error


def _outputs(
    record: Path | None,
    urls: tuple[str, ...],
    tell: Callable[[str], None],
    *,
    camera: bool,
    null: bool,
    overwrite: bool,
) -> list[Output]:
    from pipeline.live.output.publisher import Publisher
    from pipeline.live.output.recording import Recording
    from pipeline.live.output.virtual_camera import VirtualCamera
    from pipeline.live.output.worker import NullOutput

    outputs: list[Output] = [] if record is None else [Recording(record, overwrite=overwrite)]
    outputs += [Publisher(url, tell) for url in urls]
    if camera:
        outputs.append(VirtualCamera())
    if null:
        outputs.append(NullOutput())
    return outputs


def _open_window(session: LiveSession, tell: Callable[[str], None], toggle_recording: Callable[[], bool]) -> Window:
    from pipeline.live.output.window import Preview

    return Preview(session, Path(), tell, toggle_recording)


def _check_report(path: Path | None, *, overwrite: bool) -> None:
    """Refuses a report that could not be written at the end, before the work starts."""
    if path is None:
        return
    if path.exists() and not overwrite:
        raise UsageError(f"{path} exists; give --overwrite to replace it, or another name to --report")
    if not path.absolute().parent.is_dir():
        raise UsageError(f"the folder of the report, {path.absolute().parent}, is not there; create it first")
