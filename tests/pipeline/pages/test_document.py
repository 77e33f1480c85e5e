"""A page is one file: its styles and scripts are in it, and its text is text."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import pytest

from pipeline.errors import OutputError
from pipeline.pages.document import PARTS, asset, document, write_document

if TYPE_CHECKING:
    from pathlib import Path


def test_a_page_holds_what_it_needs_and_nothing_else() -> None:
    page = document("a <b> & c", "<p>text</p>", ("slider",))
    assert "<title>a &lt;b&gt; &amp; c</title>" in page
    assert asset("slider.js") in page
    assert asset("slider.css") in page
    assert asset("chart.js") not in page
    assert not re.search(r"(?:src|href)=\"(?!data:)", page)


@pytest.mark.parametrize("part", PARTS)
def test_no_file_ends_the_element_that_it_stands_in(part: str) -> None:
    assert "</script" not in asset(f"{part}.js")
    assert "</style" not in asset(f"{part}.css")
    assert "://" not in asset(f"{part}.js") + asset(f"{part}.css")


def test_a_page_that_cannot_be_written_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(OutputError, match=r"can't write the page .*nowhere"):
        write_document(tmp_path / "nowhere" / "page.html", "text")
