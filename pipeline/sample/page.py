"""The page of a sample: a slider for each stretch, and what the whole video would take with each setting."""

from __future__ import annotations

from html import escape
from typing import TYPE_CHECKING

from pipeline.pages.chart import clock
from pipeline.pages.document import document
from pipeline.pages.slider import Stop, slider

if TYPE_CHECKING:
    from pipeline.sample.run import Sample

BEFORE = "before"


def page(title: str, sample: Sample, duration: float | None) -> str:
    """The text of the page.

    Args:
        title: Title, as plain text.
        sample: What was found.
        duration: Seconds that the whole video lasts; None if it is not known.
    """
    body = [f"<h1>{escape(title)}</h1>", _table(sample, duration)]
    names = (BEFORE, *(tried.name for tried in sample.tried))
    for number, (stretch, moments) in enumerate(zip(sample.stretches, sample.moments, strict=True), 1):
        if not moments:
            continue
        blur = "" if stretch.blur is None else f", blur {stretch.blur:.2f}"
        body.append(f"<h2>From {clock(stretch.start)} to {clock(stretch.start + stretch.length)}{blur}</h2>")
        stops = [
            Stop(f"stretch-{number}-{place}", clock(moment.time), tuple(zip(names, moment.pictures, strict=True)))
            for place, moment in enumerate(moments, 1)
        ]
        body.append(slider(stops))
    body.append(
        '<p class="small">Blur is this program\'s estimate for the keyframe, from 0 (every edge is a step) to 1. Time '
        "and size are those of these stretches, taken for the whole video; blurred stretches take fewer bytes than "
        "sharp ones. Pictures are JPEG.</p>"
    )
    return document(title, "\n".join(body), ("slider",))


def summary(sample: Sample, duration: float | None) -> list[str]:
    """A line for each setting: how fast it was, and what the whole video would take."""
    return ["; ".join(f"{head} {text}" if head else text for head, text in row) for row in _rows(sample, duration)]


def _table(sample: Sample, duration: float | None) -> str:
    rows = _rows(sample, duration)
    heads = "".join(f'<th scope="col">{escape(head or "setting")}</th>' for head, _text in rows[0])
    lines = "".join(
        f'<tr><th scope="row">{escape(row[0][1])}</th>'
        + "".join(f"<td>{escape(text)}</td>" for _, text in row[1:])
        + "</tr>"
        for row in rows
    )
    return (
        '<div class="scroll" tabindex="0" role="region" aria-label="Time and size of each setting">'
        f"<table><thead><tr>{heads}</tr></thead><tbody>{lines}</tbody></table></div>"
    )


def _rows(sample: Sample, duration: float | None) -> list[list[tuple[str, str]]]:
    rows = []
    for tried in sample.tried:
        row = [("", tried.name), ("frames a second", f"{tried.frames / tried.seconds:.1f}")]
        if duration is not None:
            row += [
                ("whole video", clock(round(tried.time_for(duration))).partition(".")[0]),
                ("size", f"{tried.size_for(duration) / 1e6:.1f} MB"),
            ]
        rows.append([*row, ("by", tried.backend)])
    return rows
