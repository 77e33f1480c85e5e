"""Charts: every bar and every point where its value says."""

from __future__ import annotations

from xml.etree import ElementTree as ET

import pytest

from pipeline.bench.charts import Bar, Curve, Curves, Panel, chart

SVG = "{http://www.w3.org/2000/svg}"


def test_bars_grow_from_zero_to_their_mean_and_lines_show_the_spread() -> None:
    bars = (Bar("up & away", (1.0, 3.0)), Bar("down", (-1.0,)), Bar("none", (0.0,)))
    root = ET.fromstring(chart([Panel("a < b", "{:+.1f}", bars)]))  # noqa: S314 - our own text
    boxes = list(root.iter(f"{SVG}rect"))[1:]  # the first is the background
    spread, axis = root.iter(f"{SVG}line")
    zero = float(axis.attrib["x1"])
    up, down, none = ((float(box.attrib["x"]), float(box.attrib["width"])) for box in boxes)
    assert up[0] == pytest.approx(zero, abs=0.1)
    assert down[0] + down[1] == pytest.approx(zero, abs=0.2)
    assert up[1] == pytest.approx(2 * down[1], abs=0.2)
    assert none[1] == 0
    unit = down[1]
    ends = [(float(spread.attrib[key]) - zero) / unit for key in ("x1", "x2")]
    assert ends == pytest.approx([1, 3], abs=0.01)
    assert [text.text for text in root.iter(f"{SVG}text")] == [
        "a < b", "up & away", "+2.0", "down", "-1.0", "none", "+0.0",
    ]  # fmt: skip
    width = float(root.attrib["width"])
    assert all(0 <= float(box.attrib["x"]) <= width for box in boxes)


def test_bars_that_are_all_zero_can_be_drawn() -> None:
    assert "nan" not in chart([Panel("nothing", "{:.1f}", (Bar("a", (0.0,)),))])


def test_points_of_curves_lie_where_their_values_say() -> None:
    curves = (Curve("one & two", ((1.0, 8.0), (4.0, 2.0))), Curve("two", ((2.0, 4.0),)))
    for logarithmic, share in ((False, 1 / 3), (True, 1 / 2)):
        panel = Curves("speed", "size", curves, logarithmic=logarithmic)
        root = ET.fromstring(chart([panel]))  # noqa: S314 - our own text
        places = [(float(dot.attrib["cx"]), float(dot.attrib["cy"])) for dot in root.iter(f"{SVG}circle")]
        (left, high), (right, low), (middle, between) = places
        assert (middle - left) / (right - left) == pytest.approx(share, abs=0.01)
        assert (low - between) / (low - high) == pytest.approx(share, abs=0.01)
        assert left < right
        assert high < low
        texts = [text.text for text in root.iter(f"{SVG}text")]
        assert {"speed", "size", "one & two", "two", "1", "2", "4", "8"} <= set(texts)
        assert len(list(root.iter(f"{SVG}polyline"))) == 2


def test_panels_of_both_kinds_do_not_overlap() -> None:
    bars = Panel("bars", "{:.0f}", (Bar("a", (1.0,)),))
    curves = Curves("curves", "x", (Curve("c", ((1.0, 1.0), (2.0, 1.0))),))
    root = ET.fromstring(chart([bars, curves, bars]))  # noqa: S314 - our own text
    levels = {text.text: float(text.attrib["y"]) for text in root.iter(f"{SVG}text")}
    assert levels["curves"] < levels["x"] < levels["bars"] < float(root.attrib["height"])
    assert Curves("none", "x", ()) is not None
    assert "circle" not in chart([Curves("none", "x", ())])
