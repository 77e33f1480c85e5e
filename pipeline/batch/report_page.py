"""The report of a batch, as one page with a picture of each before and after, that needs no other file."""

from __future__ import annotations

from html import escape
from typing import TYPE_CHECKING

import av
import av.error
import numpy as np

from network.counting import count_of
from network.names import printable
from pipeline.batch.plan import Outcome, State, without_name
from pipeline.decode.source import VideoSource
from pipeline.errors import DeblurError
from pipeline.job import SourceOptions
from pipeline.media.rgb import rgb_of, upright
from pipeline.pages.chart import clock
from pipeline.pages.document import document, write_document
from pipeline.pages.picture import encode, fitted
from pipeline.pages.slider import Stop, slider

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray

    from pipeline.batch.report import BatchReport

_PICTURE_BYTES = 250_000
_PAGE_BYTES = 32_000_000
"""Size of a picture, and of all of them together, at most; as text in the page they take a third more."""

_LARGEST = 1280
"""Greatest width and height of a picture in pixels."""


def write_page(report: BatchReport, path: Path, options: SourceOptions) -> None:
    """Writes the page, with a frame of the middle of each video before and after.

    Args:
        report: Report of the batch.
        path: Path of the page.
        options: Options that the inputs were read with.

    Raises:
        OutputError: If the page can't be written.
    """
    limit = min(_PICTURE_BYTES, _PAGE_BYTES // max(2 * len(report.outcomes), 1))
    sections = [_section(number, outcome, options, limit) for number, outcome in enumerate(report.outcomes, 1)]
    body = f"<h1>deblur batch</h1>\n<p>{escape(report.summary())}</p>\n" + "\n".join(sections)
    write_document(path, document("deblur batch", body, ("slider",)))


def _section(number: int, outcome: Outcome, options: SourceOptions, limit: int) -> str:
    items = "".join(f"<li>{escape(printable(line))}</li>" for line in _lines(outcome))
    return (
        f'<section class="{outcome.state.name.lower()}">\n'
        f"<h2>{escape(printable(outcome.video.name))}: {escape(outcome.state.value)}</h2>\n"
        f"{_pictures(number, outcome, options, limit)}<ul>{items}</ul>\n</section>"
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


def _pictures(number: int, outcome: Outcome, options: SourceOptions, limit: int) -> str:
    if outcome.state in (State.FAILED, State.NOT_DONE):
        return ""
    video = outcome.video
    before = picture_at(video.input, video.middle, options)
    after = picture_at(video.output, video.middle)
    if before is None or after is None:
        return ""
    pictures = encode([before, fitted(after, (before.shape[1], before.shape[0]))], limit, _LARGEST)
    named = tuple(zip(("before", "after"), pictures, strict=True))
    return slider([Stop(f"video-{number}", clock(video.middle), named)])


def picture_at(path: Path, seconds: float, options: SourceOptions | None = None) -> NDArray[np.uint8] | None:
    """The frame that is shown at a time, as RGB, upright, uint8 (H, W, 3).

    Args:
        path: Path of the video.
        seconds: Time of the frame in seconds from the beginning of the video.
        options: Options that the video is read with; where it begins and ends is not heeded.

    Returns:
        The picture; None if there is no such frame or it can't be decoded.
    """
    options = options or SourceOptions()
    reading = SourceOptions(format=options.format, start=seconds, deinterlace=options.deinterlace)
    try:
        with VideoSource(path, reading) as source:
            frame = next(event for event in source.events() if isinstance(event, av.VideoFrame))
            return np.ascontiguousarray(upright(rgb_of(frame, source.spec, 8), source.info.display_matrix))
    except (DeblurError, av.error.FFmpegError, OSError, ValueError, StopIteration):
        return None
