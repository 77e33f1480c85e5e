"""Curves over time as SVG inside a page, to be read off by pointer and keys; see ``static/chart.js``."""

from __future__ import annotations

import json
import math
from dataclasses import dataclass
from html import escape
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

_WIDTH, _HEIGHT = 1000, 200


@dataclass(frozen=True, slots=True)
class Line:
    """One curve.

    Attributes:
        name: Name in the legend.
        means: Value at each time; None where there is none.
        lows: Least value around each time.
        highs: Greatest value around each time.
    """

    name: str
    means: tuple[float | None, ...]
    lows: tuple[float | None, ...]
    highs: tuple[float | None, ...]


@dataclass(frozen=True, slots=True)
class Mark:
    """A link on the axis of time.

    Attributes:
        time: Time in seconds.
        key: Identifier of what it links to.
        label: What it is, for those who can't see its place.
    """

    time: float
    key: str
    label: str


def clock(seconds: float) -> str:
    """A time for people, such as ``1:02:03.450``; negative times have a sign."""
    thousandths = round(abs(seconds) * 1000)
    minutes, rest = divmod(thousandths, 60_000)
    hours, minutes = divmod(minutes, 60)
    sign = "-" if seconds < 0 and thousandths else ""
    return f"{sign}{f'{hours}:{minutes:02}' if hours else minutes}:{rest / 1000:06.3f}"


def chart(title: str, digits: int, times: Sequence[float], lines: Sequence[Line], marks: Sequence[Mark] = ()) -> str:
    """HTML of curves on common axes; at most three, which differ in colour and dashes.

    Args:
        title: Quantity and unit.
        digits: Digits of values behind the point.
        times: Times of the values in seconds, ascending, one at least.
        lines: The curves, with a value or None for each time.
        marks: Links on the axis of time.
    """
    values = [value for line in lines for value in (*line.lows, *line.highs) if value is not None]
    low, high = (min(values), max(values)) if values else (0.0, 1.0)
    if high - low < 10.0**-digits:
        low, high = low - 0.5 * 10.0**-digits, high + 0.5 * 10.0**-digits
    first, span = times[0], (times[-1] - times[0]) or 1.0

    def place(time: float, value: float) -> str:
        return f"{(time - first) / span * _WIDTH:.1f} {(high - value) / (high - low) * _HEIGHT:.1f}"

    def path(kind: str, points: list[str]) -> str:
        return f'<path class="{kind}" d="M{"L".join(points)}"/>' if points else ""

    drawn = ""
    for number, line in enumerate(lines):
        for run in _runs(line.means):
            outline = [place(times[index], line.highs[index] or 0.0) for index in run]
            outline += [place(times[index], line.lows[index] or 0.0) for index in reversed(run)]
            drawn += path(f"band curve-{number}", outline)
            points = [place(times[index], line.means[index] or 0.0) for index in run]
            drawn += path(f"curve-{number}", points * 2 if len(points) == 1 else points)
    data = {
        "times": [round(time, 3) for time in times],
        "labels": [clock(time) for time in times],
        "curves": [
            {"name": line.name, "values": [None if value is None else f"{value:.{digits}f}" for value in line.means]}
            for line in lines
        ],
    }
    legend = "".join(
        f'<li><svg viewBox="0 0 32 10" aria-hidden="true"><path class="curve-{number}" d="M0 5L32 5"/></svg>'
        f"{escape(line.name)}</li>"
        for number, line in enumerate(lines)
    )
    links = "".join(
        f'<a class="chart-mark" href="#{escape(mark.key)}" aria-label="{escape(mark.label)}" '
        f'title="{escape(mark.label)}" style="left:{min(max((mark.time - first) / span, 0), 1) * 100:.2f}%"></a>'
        for mark in marks
    )
    return f"""<figure class="chart" data-chart>
<figcaption>{escape(title)}</figcaption>
<ul class="chart-legend">{legend}</ul>
<div class="chart-body">
<div class="chart-up"><span>{high:.{digits}f}</span><span>{low:.{digits}f}</span></div>
<div class="chart-plot">
<svg viewBox="0 0 {_WIDTH} {_HEIGHT}" preserveAspectRatio="none" aria-hidden="true">{drawn}</svg>
<div class="chart-scrub" tabindex="0" role="slider" aria-label="{escape(title)}, over time" aria-valuemin="0"
 aria-valuemax="{len(times) - 1}" aria-valuenow="0" aria-valuetext="{clock(first)}"></div>
<div class="chart-line" hidden></div>
{links}</div>
<div class="chart-across"><span>{clock(first)}</span><span>{clock(times[-1])}</span></div>
</div>
<output class="chart-readout"></output>
<script type="application/json">{_inside_script(data)}</script>
</figure>
"""


def _inside_script(data: object) -> str:
    """JSON that can't end the element around it."""
    return json.dumps(data, allow_nan=False).replace("<", "\\u003c")


def _runs(values: Sequence[float | None]) -> list[list[int]]:
    """Places of values that stand side by side without a gap."""
    runs: list[list[int]] = [[]]
    for index, value in enumerate(values):
        if value is not None and math.isfinite(value):
            runs[-1].append(index)
        elif runs[-1]:
            runs.append([])
    return [run for run in runs if run]
