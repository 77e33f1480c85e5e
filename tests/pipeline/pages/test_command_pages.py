"""The pages that commands write of real video, in a real browser: dragged, stepped, read, by keys alone, on a phone."""

from __future__ import annotations

import asyncio
import contextlib
import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from tests.support.browser import PHONE, SCREENSHOTS, SIZES
from tests.support.clips import write_clip
from tests.support.commands import CommandLine

if TYPE_CHECKING:
    from collections.abc import Callable

pytestmark = [pytest.mark.slow, pytest.mark.timeout(900)]

CLIP = Path(__file__).resolve().parents[3] / "examples" / "clip.mp4"
PAGES = ("sample", "compare", "batch")
HANDLE = "document.querySelector('.slider-handle')"
CAPTION = "document.querySelector('.slider figcaption').textContent"
PLACE = f"{HANDLE}.getAttribute('aria-valuenow')"


@pytest.fixture(scope="module")
def pages(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """The page of each command; for pictures of the documents, of the repository's clip and by the shipped network."""
    folder = tmp_path_factory.mktemp("pages")

    def run(*arguments: object) -> None:
        with contextlib.chdir(folder):
            ended = CommandLine().run(*arguments, timeout=400)
        assert ended.code == 0, ended.err

    how = ["--network", "identity", "--precision", "fp32"]
    if os.environ.get(SCREENSHOTS):
        run("video", CLIP, "clip.mp4", *how, "--crf", "16", "--start", "0.4", "--duration", "0.9")
        how = []
    else:
        write_clip(folder / "clip.mp4", size=(320, 192), frames=25, options={"g": "5"})
    run("batch", "clip.mp4", "out", "--report", "batch.json", *how)
    run("compare", "clip.mp4", "out/clip.mp4", "--html", "compare.html")
    run(
        "sample",
        "clip.mp4",
        "sample.html",
        "--try",
        "strength=1,1.4",
        "--at",
        "0.4",
        "--at",
        "0.7",
        "--length",
        "0.1",
        *how,
    )
    return {name: folder / f"{name}.html" for name in PAGES}


@pytest.fixture
def visit(open_browser: Any, pages: dict[str, Path], tmp_path: Path) -> Callable[..., None]:
    """Opens the page of a command in a window of a size, and does something with it; its console must stay empty."""

    def run(name: str, act: Callable[[Any], Any], size: dict[str, Any]) -> None:
        async def scenario() -> None:
            async with open_browser(None, tmp_path) as browser:
                tab = await browser.open(pages[name].as_uri(), **size)
                await tab.until(f"!!{HANDLE}")
                await act(tab)
                assert await tab.run("document.documentElement.scrollWidth <= innerWidth")
                assert not tab.complaints

        asyncio.run(scenario())

    return run


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("name", PAGES)
def test_the_slider_is_dragged_and_frames_are_stepped(
    visit: Callable[..., None], name: str, size: dict[str, Any]
) -> None:
    async def act(tab: Any) -> None:
        await tab.run(f"{HANDLE}.scrollIntoView({{block: 'center'}})")
        await tab.drag(".slider-handle", ".slider-stage", 0.25)
        assert await tab.run(PLACE) == "25"
        if name == "batch":  # one frame of each video
            return
        first = await tab.run(CAPTION)
        await tab.click("[aria-label^='Frame after']")
        assert await tab.run(CAPTION) != first

    visit(name, act, size)


@pytest.mark.parametrize("name", PAGES)
def test_keys_alone_do_all_of_it(visit: Callable[..., None], name: str) -> None:
    async def act(tab: Any) -> None:
        zoom = "document.querySelector('output[aria-label=Zoom]').textContent"
        await tab.tab_to(".slider-handle")
        await tab.press("Home")
        assert await tab.run(PLACE) == "0"
        await tab.press("ArrowRight")
        assert await tab.run(PLACE) == "2"
        await tab.press("+")
        assert await tab.run(zoom) == "1.5\N{MULTIPLICATION SIGN}"
        await tab.press("0")
        assert await tab.run(zoom) == "1.0\N{MULTIPLICATION SIGN}"
        if name != "batch":
            first = await tab.run(CAPTION)
            await tab.press(".")
            assert await tab.run(CAPTION) != first
            await tab.tab_to("[aria-label^='Frame before']")
            await tab.press(",")
            assert await tab.run(CAPTION) == first
        if name == "compare":
            await tab.tab_to(".chart-scrub")
            await tab.press("End")
            assert (await tab.run("document.querySelector('.chart-readout').textContent")).startswith("0:0")
        if name == "sample":
            await tab.tab_to("select")

    visit(name, act, SIZES[0])


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("name", PAGES)
def test_axe_finds_no_fault(visit: Callable[..., None], name: str, size: dict[str, Any]) -> None:
    visit(name, lambda tab: tab.assert_accessible(), size)


def test_curves_of_a_comparison_are_read_and_link_to_frames(visit: Callable[..., None]) -> None:
    async def act(tab: Any) -> None:
        x, y, width = await tab.run(
            "(() => { const e = document.querySelectorAll('.chart-scrub')[1]; e.scrollIntoView({block: 'center'});"
            "const b = e.getBoundingClientRect(); return [b.x, b.y + 20, b.width]; })()"
        )
        await tab.call("Input.dispatchMouseEvent", type="mouseMoved", x=x + width * 0.5, y=y)
        readout = await tab.run("document.querySelectorAll('.chart-readout')[1].textContent")
        assert readout.startswith("0:00.")
        await tab.click("main ul a")
        assert await tab.run(f"{CAPTION}.includes('changed most')")

    visit("compare", act, PHONE)


def test_each_slider_of_a_sample_is_its_own_and_any_setting_is_compared(visit: Callable[..., None]) -> None:
    async def act(tab: Any) -> None:
        places = "[...document.querySelectorAll('.slider-handle')].map((one) => one.getAttribute('aria-valuenow'))"
        assert await tab.run(places) == ["50", "50"]
        await tab.key(".slider-handle", "Home")
        assert await tab.run(places) == ["0", "50"]
        await tab.set_choice("select", 2)
        names = "[...document.querySelectorAll('.slider-name.left')].map((one) => one.textContent)"
        assert await tab.run(names) == ["strength 1.4", "before"]

    visit("sample", act, SIZES[0])


@pytest.mark.skipif(not os.environ.get(SCREENSHOTS), reason=f"{SCREENSHOTS} names no folder for the pictures")
@pytest.mark.parametrize("name", PAGES)
def test_pictures_of_the_documents_are_made(visit: Callable[..., None], name: str) -> None:
    async def act(tab: Any) -> None:
        # Without what the figures above and below tell of the machine that makes the pictures.
        await tab.run("document.querySelector('h2, .slider').scrollIntoView()")
        for key in {"compare": "....++", "sample": "."}.get(name, ""):
            await tab.key(".slider-handle", key)
        await tab.run("document.activeElement.blur()")
        await tab.run("Promise.all([...document.images].map((image) => image.decode()))")
        path = Path(os.environ[SCREENSHOTS]) / f"page-{name}.jpg"
        await tab.screenshot(path)
        assert path.stat().st_size < 150_000

    visit(name, act, {"width": 960, "height": 715})
