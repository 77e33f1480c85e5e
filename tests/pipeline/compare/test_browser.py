"""The pages that commands write, in a real browser: the slider is dragged, a frame stepped, a curve read."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

import pytest

from pipeline.compare.run import CompareJob, compare
from tests.support.browser import open_browser
from tests.support.clips import write_clip
from tests.support.commands import CommandLine

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = [pytest.mark.slow, pytest.mark.timeout(300)]

HANDLE = "document.querySelector('.slider-handle')"
SIZES = [{"width": 1100, "height": 900}, {"width": 390, "height": 844, "mobile": True}]


@pytest.mark.parametrize("size", SIZES)
def test_the_page_of_a_comparison_works(tmp_path: Path, size: dict[str, Any]) -> None:
    before, after = (
        write_clip(tmp_path / name, size=(320, 240), frames=40, audio=None, shown=range(first, first + 40))
        for name, first in (("a.mkv", 0), ("b.mkv", 5))
    )
    compare(CompareJob(before, after, page=tmp_path / "page.html"))

    async def scenario() -> None:
        async with open_browser(None, tmp_path) as browser:
            tab = await browser.open((tmp_path / "page.html").as_uri(), **size)
            await tab.until(f"!!{HANDLE}")
            await tab.drag(".slider-handle", ".slider-stage", 0.25)
            assert await tab.run(f"{HANDLE}.getAttribute('aria-valuenow')") == "25"
            caption = "document.querySelector('.slider figcaption').textContent"
            first = await tab.run(caption)
            await tab.click("[aria-label^='Frame after']")
            assert await tab.run(caption) != first
            x, y, width = await tab.run(
                "(() => { const e = document.querySelectorAll('.chart-scrub')[1]; e.scrollIntoView({block: 'center'});"
                "const b = e.getBoundingClientRect(); return [b.x, b.y + 20, b.width]; })()"
            )
            await tab.call("Input.dispatchMouseEvent", type="mouseMoved", x=x + width * 0.5, y=y)
            readout = await tab.run("document.querySelectorAll('.chart-readout')[1].textContent")
            assert readout.startswith(("0:00.760: before ", "0:00.800: before "))
            await tab.click("main ul a")
            assert await tab.run(f"{caption}.includes('changed most')")
            assert await tab.run("document.documentElement.scrollWidth <= innerWidth")
            assert not tab.complaints

    asyncio.run(scenario())


def test_the_page_of_a_batch_has_a_slider_for_each_video(tmp_path: Path) -> None:
    for name in ("a.mp4", "b.mp4"):
        write_clip(tmp_path / name, frames=6)
    report = tmp_path / "report.json"
    arguments = ["--network", "identity", "--precision", "fp32", "--report", report]
    ended = CommandLine().run("batch", tmp_path / "a.mp4", tmp_path / "b.mp4", tmp_path / "out", *arguments)
    assert ended.code == 0, ended.err

    async def scenario() -> None:
        async with open_browser(None, tmp_path) as browser:
            tab = await browser.open(report.with_suffix(".html").as_uri())
            await tab.until("document.querySelectorAll('.slider-handle').length === 2")
            await tab.key(".slider-handle", "Home")
            values = "[...document.querySelectorAll('.slider-handle')].map((one) => one.getAttribute('aria-valuenow'))"
            assert await tab.run(values) == ["0", "50"]
            assert not tab.complaints

    asyncio.run(scenario())
