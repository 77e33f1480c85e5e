"""The report of a batch, as one page with small pictures that needs no other file."""

from __future__ import annotations

import base64
from html import escape
from typing import TYPE_CHECKING, Any

import av
import av.error
import numpy as np

from network.counting import count_of
from network.files import write_text
from network.names import printable
from pipeline.batch.plan import Outcome, State, without_name
from pipeline.decode.source import VideoSource
from pipeline.errors import DeblurError, OutputError
from pipeline.job import SourceOptions

if TYPE_CHECKING:
    from pathlib import Path

    from av.stream import Stream

    from pipeline.batch.report import BatchReport

_PAGE = """<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>deblur batch</title>
<style>
body {{ font: 16px/1.5 system-ui, sans-serif; margin: 2rem auto; max-width: 60rem; padding: 0 1rem; color: #222; }}
section {{ border-top: 1px solid #ccc; padding: 1rem 0; }}
h2 {{ font-size: 1.1rem; margin: 0; overflow-wrap: anywhere; }}
figure {{ display: inline-block; margin: .5rem 1rem .5rem 0; }}
img {{ display: block; max-width: 20rem; max-height: 20rem; }}
.failed h2, .not_done h2 {{ color: #a11; }}
.damaged h2 {{ color: #850; }}
li {{ overflow-wrap: anywhere; }}
@media (prefers-color-scheme: dark) {{
  body {{ background: #181818; color: #ddd; }}
  .failed h2, .not_done h2 {{ color: #f88; }}
  .damaged h2 {{ color: #fb6; }}
}}
</style>
</head>
<body>
<h1>deblur batch</h1>
<p>{summary}</p>
{sections}
</body>
</html>
"""


def write_page(report: BatchReport, path: Path, options: SourceOptions) -> None:
    """Writes the page, with a frame of the middle of each video before and after.

    Args:
        report: Report of the batch.
        path: Path of the page.
        options: Options that the inputs were read with.

    Raises:
        OutputError: If the page can't be written.
    """
    sections = "\n".join(_section(outcome, options) for outcome in report.outcomes)
    page = _PAGE.format(summary=escape(report.summary()), sections=sections)
    try:
        write_text(path, page)
    except OSError as error:
        raise OutputError(f"can't write the report {path}: {error.strerror or error}") from error


def _section(outcome: Outcome, options: SourceOptions) -> str:
    items = "".join(f"<li>{escape(printable(line))}</li>" for line in _lines(outcome))
    return (
        f'<section class="{outcome.state.name.lower()}">\n'
        f"<h2>{escape(printable(outcome.video.name))}: {escape(outcome.state.value)}</h2>\n"
        f"{_pictures(outcome, options)}<ul>{items}</ul>\n</section>"
    )


def _lines(outcome: Outcome) -> list[str]:
    video, report = outcome.video, outcome.report
    lines = [without_name(outcome.error, video.name)] if outcome.error else []
    if outcome.state is not State.FAILED:
        lines.append(f"output: {video.output}")
    if report is None:
        return lines
    result = report.result
    lines.append(
        f"{count_of(result.frames_out, 'frame')}, {report.frames_per_second:.1f} frames/s, {result.wall:.1f} s"
    )
    if report.kept:
        lines.append(f"{count_of(report.kept, 'frame')} had been finished by an interrupted run")
    left_out = [note for note in report.notes if note.is_loss]
    lines.append(f"other streams: {', '.join(video.streams) or 'none'}; {count_of(result.packets, 'packet')} copied")
    lines += [f"lost: {note}" for note in left_out]
    lines += [f"note: {note}" for note in report.notes if note not in left_out]
    lines += [f"damage: {place}" for place in report.damage.places]
    return lines


def _pictures(outcome: Outcome, options: SourceOptions) -> str:
    if outcome.state in (State.FAILED, State.NOT_DONE):
        return ""
    video = outcome.video
    return "".join(
        f'<figure><img alt="{name}" src="data:image/jpeg;base64,{base64.b64encode(picture).decode()}">'
        f"<figcaption>{name}</figcaption></figure>\n"
        for name, picture in (
            ("before", thumbnail(video.input, video.middle, options)),
            ("after", thumbnail(video.output, video.middle)),
        )
        if picture is not None
    )


WIDTH = 320
"""Width of a thumbnail in pixels, before it is turned upright."""


def thumbnail(path: Path, seconds: float, options: SourceOptions | None = None) -> bytes | None:
    """A JPEG of the frame that is shown at a time, upright.

    Args:
        path: Path of the video.
        seconds: Time of the frame in seconds from the beginning of the video.
        options: Options that the video is read with; where it begins and ends is not heeded.

    Returns:
        The JPEG; None if there is no such frame or it can't be decoded.
    """
    options = options or SourceOptions()
    reading = SourceOptions(format=options.format, start=seconds, deinterlace=options.deinterlace)
    try:
        with VideoSource(path, reading) as source:
            frame = next(event for event in source.events() if isinstance(event, av.VideoFrame))
            return _jpeg(frame, source.info.rotation)
    except (DeblurError, av.error.FFmpegError, OSError, ValueError, StopIteration):
        return None


def _jpeg(frame: av.VideoFrame, rotation: int) -> bytes:
    height = max(round(frame.height * WIDTH / frame.width / 2) * 2, 2)
    picture = frame.reformat(width=WIDTH, height=height, format="rgb24").to_ndarray()
    upright: Any = np.ascontiguousarray(np.rot90(picture, round(rotation / 90)))
    small = av.VideoFrame.from_ndarray(upright, "rgb24").reformat(format="yuvj420p")
    encoder: Any = av.CodecContext.create("mjpeg", "w")
    encoder.width, encoder.height, encoder.pix_fmt = small.width, small.height, "yuvj420p"
    encoder.time_base = frame.time_base
    encoder.color_range = 2
    encoder.options = {"flags": "+qscale", "global_quality": str(4 * 118)}
    packets: list[av.Packet[Stream]] = [*encoder.encode(small), *encoder.encode(None)]
    return b"".join(bytes(packet) for packet in packets)
