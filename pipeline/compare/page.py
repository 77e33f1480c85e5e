"""The page of a comparison: slider, curves and means in one file."""

from __future__ import annotations

from html import escape
from typing import TYPE_CHECKING

from pipeline.compare.findings import PICTURE_BYTES
from pipeline.pages.chart import Line, Mark, chart, clock
from pipeline.pages.document import document
from pipeline.pages.slider import Stop, slider

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pipeline.compare.findings import Findings


_HELP = f"""<p class="small">
Two figures tell how sharp a picture is beside another one of the same moment. Edge strength is the root mean square of
the gradient (Tenengrad); noise and the blocks of strong compression count too. Steepest edges is the 99th
percentile of the gradient, in codes of 255; blocks in flat parts are too weak to count. A shaded band holds all
values around a point. Rings link to the frames above. Pictures are JPEG, at most {PICTURE_BYTES // 1_000_000} MB
together.
</p>"""


def page(title: str, findings: Findings, lines: Sequence[str]) -> str:
    """The text of the page.

    Args:
        title: Title, as plain text.
        findings: What was found, of one frame at least.
        lines: What the user should know besides, as plain text.
    """
    times = _times(findings)
    keys = {time: f"frame-{number}" for number, time in enumerate(times, 1)}
    body = [f"<h1>{escape(title)}</h1>", _table(findings)]
    body += [f'<p class="small">{escape(line)}</p>' for line in lines]
    if times:
        body += [_slider(findings, times, keys), _links(findings, keys)]
    body.append("<h2>Over time</h2>")
    for number, (name, curve) in enumerate(findings.curves.items()):
        if not curve.times:
            continue
        drawn = [Line(video, *curve.points(place)) for place, video in enumerate(findings.videos(name))]
        marks = [] if number else [Mark(time, keys[time], f"Frame at {clock(time)}") for time in times]
        heading = name[:1].upper() + name[1:]
        body.append(chart(heading, findings.digits(name), curve.times, drawn, marks))
    body.append(_HELP)
    return document(title, "\n".join(body), ("slider", "chart"))


def _times(findings: Findings) -> list[float]:
    """Times of all frames that are shown, in order."""
    extremes = [one.time for each in findings.extremes.values() for one in each.kept]
    return sorted({*(one.time for one in findings.even.kept), *extremes})


def _slider(findings: Findings, times: Sequence[float], keys: dict[float, str]) -> str:
    kept = {one.time: one.value for one in findings.even.kept}
    reasons: dict[float, list[str]] = {}
    for kind, each in findings.extremes.items():
        for one in each.kept:
            kept[one.time] = one.value
            reasons.setdefault(one.time, []).append(kind)
    return slider(
        [
            Stop(
                keys[time],
                ", ".join([clock(time), *reasons.get(time, [])]),
                tuple(zip(findings.names, kept[time], strict=True)),
            )
            for time in times
        ]
    )


def _links(findings: Findings, keys: dict[float, str]) -> str:
    rows = []
    for kind, each in findings.extremes.items():
        links = ", ".join(f'<a href="#{keys[one.time]}">{clock(one.time)}</a>' for one in each.kept)
        if links:
            rows.append(f"<li>{escape(kind.capitalize())}: {links}</li>")
    return f"<ul>{''.join(rows)}</ul>"


def _table(findings: Findings) -> str:
    heads = "".join(f'<th scope="col">{escape(name)}</th>' for name in findings.names)
    rows = "".join(
        f'<tr><th scope="row">{escape(name)}</th>{"".join(f"<td>{text}</td>" for text in texts)}</tr>'
        for name, texts in findings.rows()
    )
    return (
        '<div class="scroll" tabindex="0" role="region" aria-label="Means over all frames">'
        f'<table><thead><tr><th scope="col">Mean of</th>{heads}</tr></thead><tbody>{rows}</tbody></table></div>'
    )
