"""Bar charts as SVG, for the scripts beside this one."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING
from xml.etree import ElementTree as ET

if TYPE_CHECKING:
    from collections.abc import Sequence

WIDTH, ROW, BAR, TITLE = 640, 34, 18, 40
LABELS, VALUES = 210, 90
INK, FILL, AXIS = "#222222", "#4477aa", "#999999"


@dataclass(frozen=True)
class Bar:
    """One bar.

    Attributes:
        label: To its left.
        values: Of which it shows the mean, and the least and the greatest as a line.
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
        title: What is shown, and in what unit.
        form: Of the numbers beside the bars, for :meth:`str.format`.
        bars: From top to bottom.
    """

    title: str
    form: str
    bars: tuple[Bar, ...]


def bar_chart(panels: Sequence[Panel]) -> str:
    """Panels one below the other, as an SVG document."""
    height = sum(TITLE + ROW * len(panel.bars) for panel in panels) + ROW // 2
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
        _draw(root, panel, top)
        top += TITLE + ROW * len(panel.bars)
    ET.indent(root)
    return ET.tostring(root, encoding="unicode") + "\n"


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


def _text(root: ET.Element, text: str, x: float, y: float, *, anchor: str = "start", weight: str = "normal") -> None:
    place = {"x": f"{x:.1f}", "y": f"{y:.1f}", "text-anchor": anchor, "font-weight": weight, "fill": INK}
    ET.SubElement(root, "text", place).text = text


def _line(root: ET.Element, x1: float, y1: float, x2: float, y2: float, colour: str) -> None:
    ends = {"x1": x1, "y1": y1, "x2": x2, "y2": y2}
    ET.SubElement(
        root, "line", {key: f"{value:.1f}" for key, value in ends.items()} | {"stroke": colour, "stroke-width": "1.5"}
    )
