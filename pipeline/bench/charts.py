"""Bars and curves as SVG, by hand: for a few figures, a plotting library would be most of the install."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING
from xml.etree import ElementTree as ET

if TYPE_CHECKING:
    from collections.abc import Sequence

WIDTH, ROW, BAR, TITLE = 640, 34, 18, 40
LABELS, VALUES = 210, 90
INK, FILL, AXIS = "#222222", "#4477aa", "#999999"
COLOURS = ("#4477aa", "#ee6677", "#228833", "#ccbb44", "#66ccee", "#aa3377")
"""Colours of curves, in turn: Paul Tol's palette, which the colour-blind can tell apart."""
CURVES = 260


@dataclass(frozen=True)
class Bar:
    """One bar.

    Attributes:
        label: Text to its left.
        values: Numbers whose mean the bar shows, with a line from the least to the greatest.
    """

    label: str
    values: tuple[float, ...]

    @property
    def mean(self) -> float:
        """Length of the bar."""
        return sum(self.values) / len(self.values)


@dataclass(frozen=True)
class Panel:
    """Bars on one scale.

    Attributes:
        title: Quantity and unit of the bars.
        form: Format of the numbers beside the bars, for :meth:`str.format`.
        bars: Bars from top to bottom.
    """

    title: str
    form: str
    bars: tuple[Bar, ...]


@dataclass(frozen=True)
class Curve:
    """Points that belong together, joined by lines.

    Attributes:
        name: Name of the curve in the legend.
        points: Points (x, y), from left to right.
    """

    name: str
    points: tuple[tuple[float, float], ...]


@dataclass(frozen=True)
class Curves:
    """Curves on common axes.

    Attributes:
        title: Quantity and unit of the vertical axis.
        across: Quantity and unit of the horizontal axis.
        curves: The curves.
        logarithmic: Whether both axes are logarithmic; all coordinates must then be above 0.
    """

    title: str
    across: str
    curves: tuple[Curve, ...]
    logarithmic: bool = False


def chart(panels: Sequence[Panel | Curves]) -> str:
    """Panels one below the other, as an SVG document."""
    height = sum(map(_height, panels)) + ROW // 2
    root = ET.Element(
        "svg",
        {
            "xmlns": "http://www.w3.org/2000/svg",
            "viewBox": f"0 0 {WIDTH} {height}",
            "width": str(WIDTH),
            "height": str(height),
            "font-family": "sans-serif",
            "font-size": "13",
        },
    )
    ET.SubElement(root, "rect", {"width": str(WIDTH), "height": str(height), "fill": "white"})
    top = 0
    for panel in panels:
        if isinstance(panel, Curves):
            _draw_curves(root, panel, top)
        else:
            _draw(root, panel, top)
        top += _height(panel)
    ET.indent(root)
    return ET.tostring(root, encoding="unicode") + "\n"


def _height(panel: Panel | Curves) -> int:
    if isinstance(panel, Curves):
        return TITLE + CURVES + 2 * ROW
    return TITLE + ROW * len(panel.bars)


def _draw(root: ET.Element, panel: Panel, top: int) -> None:
    values = [value for bar in panel.bars for value in (*bar.values, 0.0)]
    low, high = min(values), max(values)
    scale = (WIDTH - LABELS - VALUES) / ((high - low) or 1.0)

    def across(value: float) -> float:
        return LABELS + (value - low) * scale

    _text(root, panel.title, 12, top + 26, weight="bold")
    for index, bar in enumerate(panel.bars):
        middle = top + TITLE + ROW * index + ROW // 2
        _text(root, bar.label, LABELS - 10, middle + 5, anchor="end")
        left, right = sorted((across(0), across(bar.mean)))
        box = {"x": f"{left:.1f}", "y": str(middle - BAR // 2), "width": f"{right - left:.1f}", "height": str(BAR)}
        ET.SubElement(root, "rect", box | {"fill": FILL})
        if len(bar.values) > 1:
            _line(root, across(min(bar.values)), middle, across(max(bar.values)), middle, INK)
        end = max(across(value) for value in (*bar.values, 0.0))
        _text(root, panel.form.format(bar.mean), end + 8, middle + 5)
    _line(root, across(0), top + TITLE, across(0), top + TITLE + ROW * len(panel.bars), AXIS)


@dataclass(frozen=True)
class _Axis:
    """Map from values to places."""

    values: tuple[float, ...]
    begin: float
    end: float
    logarithmic: bool

    def place(self, value: float) -> float:
        low, high = self._scaled(min(self.values)), self._scaled(max(self.values))
        share = (self._scaled(value) - low) / ((high - low) or 1.0)
        return self.begin + share * (self.end - self.begin)

    def ticks(self, gap: float) -> list[float]:
        """Values that occur, from the smallest one on, as many as there is room for."""
        chosen: list[float] = []
        for value in sorted(set(self.values)):
            if not chosen or abs(self.place(value) - self.place(chosen[-1])) >= gap:
                chosen.append(value)
        return chosen

    def _scaled(self, value: float) -> float:
        return math.log(value) if self.logarithmic else value


def _draw_curves(root: ET.Element, panel: Curves, top: int) -> None:
    points = [point for curve in panel.curves for point in curve.points]
    if not points:
        return
    bottom, left, right = top + TITLE + CURVES, 70, WIDTH - 170
    x_values, y_values = zip(*points, strict=True)
    across = _Axis(x_values, left + 10, right - 10, panel.logarithmic)
    up = _Axis(y_values, bottom - 10, top + TITLE + 10, panel.logarithmic)
    _text(root, panel.title, 12, top + 26, weight="bold")
    _text(root, panel.across, (left + right) / 2, bottom + 42, anchor="middle")
    _line(root, left, bottom, right, bottom, AXIS)
    _line(root, left, top + TITLE, left, bottom, AXIS)
    for value in across.ticks(44):
        _line(root, across.place(value), bottom, across.place(value), bottom + 5, AXIS)
        _text(root, f"{value:.3g}", across.place(value), bottom + 20, anchor="middle")
    for value in up.ticks(16):
        _line(root, left - 5, up.place(value), left, up.place(value), AXIS)
        _text(root, f"{value:.3g}", left - 9, up.place(value) + 4, anchor="end")
    for index, curve in enumerate(panel.curves):
        colour = COLOURS[index % len(COLOURS)]
        places = [(across.place(x), up.place(y)) for x, y in curve.points]
        joined = " ".join(f"{x:.1f},{y:.1f}" for x, y in places)
        ET.SubElement(root, "polyline", {"points": joined, "fill": "none", "stroke": colour, "stroke-width": "2"})
        for x, y in places:
            ET.SubElement(root, "circle", {"cx": f"{x:.1f}", "cy": f"{y:.1f}", "r": "3.5", "fill": colour})
        level = top + TITLE + 14 + 20 * index
        _line(root, right + 14, level - 4, right + 34, level - 4, colour)
        _text(root, curve.name, right + 40, level)


def _text(root: ET.Element, text: str, x: float, y: float, *, anchor: str = "start", weight: str = "normal") -> None:
    place = {"x": f"{x:.1f}", "y": f"{y:.1f}", "text-anchor": anchor, "font-weight": weight, "fill": INK}
    ET.SubElement(root, "text", place).text = text


def _line(root: ET.Element, x1: float, y1: float, x2: float, y2: float, colour: str) -> None:
    ends = {"x1": x1, "y1": y1, "x2": x2, "y2": y2}
    ET.SubElement(
        root, "line", {key: f"{value:.1f}" for key, value in ends.items()} | {"stroke": colour, "stroke-width": "1.5"}
    )
