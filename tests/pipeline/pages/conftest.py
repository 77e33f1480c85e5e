"""A page with sliders and curves, and a browser that opens it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from pipeline.pages.chart import Line, Mark, chart
from pipeline.pages.document import document, write_document
from pipeline.pages.picture import encode
from pipeline.pages.slider import Stop, slider
from tests.support.browser import open_browser
from tests.support.scenes import natural_picture

if TYPE_CHECKING:
    from pathlib import Path

NAMES = ("before", "after", "sharp")
COLOURS = ((200, 40, 40), (40, 160, 40), (40, 40, 200))


@pytest.fixture(name="open_browser")
def open_browser_fixture() -> Any:
    """Starts a Chromium; skips where there is none."""
    return open_browser


@pytest.fixture
def page(tmp_path: Path) -> str:
    """Address of a page: three pictures at four moments, red, green and blue with a grey square in the middle."""
    stops = []
    for number in range(4):
        pictures = [np.full((240, 400, 3), colour, np.uint8) for colour in COLOURS]
        for picture in pictures:
            picture[100:140, 180:220] = 30 * number
            picture[:60] = natural_picture(number, 400)[:60]
        stops.append(
            Stop(f"frame-{number + 1}", f"moment {number}", tuple(zip(NAMES, encode(pictures, 10**5), strict=True)))
        )
    values = tuple(float(n % 7) for n in range(50))
    lines = [Line(name, values, values, values) for name in NAMES]
    marks = [Mark(n * 10, f"frame-{n + 1}", f"Frame {n + 1}") for n in range(4)]
    body = (
        "<h1>A page</h1>"
        + slider(stops)
        + chart("Figure", 1, list(range(50)), lines, marks)
        + '<p><a id="link" href="#frame-3">third</a></p>'
    )
    path = tmp_path / "page.html"
    write_document(path, document("A page", body, ("slider", "chart")))
    return path.as_uri()
