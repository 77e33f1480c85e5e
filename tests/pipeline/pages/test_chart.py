"""Curves are drawn where their values are, with gaps where there are none."""

from __future__ import annotations

import json
import re

import pytest

from pipeline.pages.chart import Line, Mark, chart, clock


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(0, "0:00.000"), (59.9996, "1:00.000"), (61.5, "1:01.500"), (3725.04, "1:02:05.040"), (-1.25, "-0:01.250")],
)
def test_a_clock_is_read_by_people(seconds: float, text: str) -> None:
    assert clock(seconds) == text


def line(*values: float | None) -> Line:
    return Line("a </script> b", values, values, values)


def test_points_lie_at_their_values_and_a_gap_parts_the_line() -> None:
    page = chart("Sharpness", 2, [0, 1, 2, 4], [line(0, 1, None, 0.5)])
    drawn = re.findall(r'<path class="curve-0" d="(M[^"]+)"/>', page.partition("chart-plot")[2])
    assert drawn == ["M0.0 200.0L250.0 0.0", "M1000.0 100.0L1000.0 100.0"]
    data = json.loads(re.findall(r'<script type="application/json">(.*?)</script>', page)[0])
    assert data["times"] == [0, 1, 2, 4]
    assert data["curves"] == [{"name": "a </script> b", "values": ["0.00", "1.00", None, "0.50"]}]


def test_a_constant_a_single_and_no_value_are_drawn() -> None:
    assert "100.0L1000.0 100.0" in chart("x", 1, [0, 1], [line(3, 3)])
    assert "M0.0 100.0L0.0 100.0" in chart("x", 1, [5], [line(3)])
    assert "nan" not in chart("x", 1, [5, 6], [line(None, None)])


def test_marks_are_links_at_their_time() -> None:
    page = chart("x", 1, [10, 20], [line(1, 2)], [Mark(12.5, "frame-3", "Frame at 0:12.500")])
    assert 'href="#frame-3" aria-label="Frame at 0:12.500"' in page
    assert "left:25.00%" in page
