"""What a batch did, as one page that needs nothing but itself."""

from __future__ import annotations

import base64
from html import escape
from typing import TYPE_CHECKING

from pipeline.batch.thumbnails import thumbnail
from pipeline.batch.work import Outcome, State
from pipeline.errors import OutputError

if TYPE_CHECKING:
    from pathlib import Path

    from pipeline.batch.report import BatchReport
    from pipeline.source import SourceOptions

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
        report: What was done.
        path: Of the page.
        options: How the inputs were read.

    Raises:
        OutputError: If the page can't be written.
    """
    sections = "\n".join(_section(outcome, options) for outcome in report.outcomes)
    page = _PAGE.format(summary=escape(report.summary()), sections=sections)
    try:
        path.write_text(page, encoding="utf-8", errors="backslashreplace")
    except OSError as error:
        raise OutputError(f"can't write the report {path}: {error.strerror or error}") from error


def _section(outcome: Outcome, options: SourceOptions) -> str:
    items = "".join(f"<li>{escape(line)}</li>" for line in _lines(outcome))
    return (
        f'<section class="{outcome.state.name.lower()}">\n'
        f"<h2>{escape(outcome.video.name)}: {escape(outcome.state.value)}</h2>\n"
        f"{_pictures(outcome, options)}<ul>{items}</ul>\n</section>"
    )


def _lines(outcome: Outcome) -> list[str]:
    video, report = outcome.video, outcome.report
    lines = [outcome.error] if outcome.error else []
    if outcome.state is not State.FAILED:
        lines.append(f"output: {video.output}")
    if report is None:
        return lines
    result = report.result
    lines.append(f"{result.frames_out} frames, {report.frames_per_second:.1f} frames/s, {result.wall:.1f} s")
    if report.kept:
        lines.append(f"{report.kept} frames had been finished by an interrupted run")
    left_out = [note for note in report.notes if "left out" in note or "can't carry" in note]
    lines.append(f"other streams: {', '.join(video.streams) or 'none'}; {result.packets} packets copied")
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
