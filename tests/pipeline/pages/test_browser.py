"""A real browser on a page: the slider is dragged, stepped and zoomed, curves are read, and keys alone do all of it."""

from __future__ import annotations

import asyncio
import base64
from typing import TYPE_CHECKING, Any

import av
import numpy as np
import pytest

from tests.support.browser import SIZES

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = [pytest.mark.slow, pytest.mark.timeout(300)]

HANDLE = ".slider-handle"
RED, GREEN, BLUE = 0, 1, 2


async def colours(tab: Any) -> np.ndarray:
    """Which colour prevails at each place across the picture, low in it: 0 red, 1 green, 2 blue."""
    shot = base64.b64decode((await tab.call("Page.captureScreenshot", format="png"))["data"])
    decoder: Any = av.CodecContext.create("png", "r")
    (frame,) = decoder.decode(av.Packet(shot))
    picture = frame.to_ndarray(format="rgb24")
    left, top, width, height = await tab.run(
        "(() => { const b = document.querySelector('.slider-stage').getBoundingClientRect();"
        "return [b.x, b.y, b.width, b.height]; })()"
    )
    row = picture[round(top + 0.9 * height), round(left) : round(left + width)]
    return np.argmax(row, axis=1)


def split(row: np.ndarray) -> tuple[int, int, float]:
    """Colours at both ends, and where one becomes the other, 0 to 1."""
    return int(row[10]), int(row[-10]), float(np.mean(row == row[10]))


async def value(tab: Any, selector: str, name: str) -> Any:
    return await tab.run(f"document.querySelector({selector!r}).getAttribute({name!r})")


async def text(tab: Any, selector: str) -> Any:
    return await tab.run(f"document.querySelector({selector!r}).textContent")


async def open_page(browser: Any, page: str, **size: Any) -> Any:
    tab = await browser.open(page, **size)
    await tab.until("!!document.querySelector('.slider-handle')")
    await tab.run("Promise.all([...document.images].map((image) => image.decode()))")
    return tab


@pytest.mark.parametrize("size", SIZES)
def test_the_divider_shows_as_much_of_each_picture_as_it_is_dragged_to(
    open_browser: Any, page: str, tmp_path: Path, size: dict[str, Any]
) -> None:
    async def scenario() -> None:
        async with open_browser(None, tmp_path) as browser:
            tab = await open_page(browser, page, **size)
            assert split(await colours(tab)) == (RED, GREEN, pytest.approx(0.5, abs=0.02))
            for share in (0.2, 0.8):
                await tab.drag(HANDLE, ".slider-stage", share)
                assert split(await colours(tab)) == (RED, GREEN, pytest.approx(share, abs=0.02))
                assert await value(tab, HANDLE, "aria-valuenow") == str(round(100 * share))
            assert await value(tab, HANDLE, "aria-valuetext") == "80% before"
            # Nothing sticks out of the page.
            assert await tab.run("document.documentElement.scrollWidth <= innerWidth")
            assert not tab.complaints

    asyncio.run(scenario())


def test_frames_are_stepped_by_buttons_keys_and_links(open_browser: Any, page: str, tmp_path: Path) -> None:
    async def scenario() -> None:
        async with open_browser(None, tmp_path) as browser:
            tab = await open_page(browser, page)
            assert await text(tab, "figcaption") == "moment 0"
            assert await value(tab, "[aria-label^='Frame before']", "aria-disabled") == "true"
            await tab.click("[aria-label^='Frame after']")
            assert await text(tab, "figcaption") == "moment 1"
            await tab.press(".")
            assert await text(tab, "figcaption") == "moment 2"
            await tab.press(",")
            assert await text(tab, "figcaption") == "moment 1"
            await tab.click("#link")
            assert await text(tab, "figcaption") == "moment 2"
            assert await tab.run("document.activeElement.className") == "slider-handle"
            await tab.click(".chart-mark[href='#frame-4']")
            assert await text(tab, "figcaption") == "moment 3"
            assert await value(tab, ".chart-mark[href='#frame-4']", "aria-current") == "true"
            assert await text(tab, "output[aria-label=Frame]") == "4 / 4"
            # The other pictures of this moment are there, those of others are not seen.
            assert await tab.run("document.querySelectorAll('.slider-layer img').length") == 2
            assert not tab.complaints

    asyncio.run(scenario())


def test_any_two_pictures_are_compared(open_browser: Any, page: str, tmp_path: Path) -> None:
    async def scenario() -> None:
        async with open_browser(None, tmp_path) as browser:
            tab = await open_page(browser, page)
            choose = (
                "(() => {{ const s = document.querySelectorAll('select')[{}]; s.value = {};"
                "s.dispatchEvent(new Event('change')); }})()"
            )
            await tab.run(choose.format(1, 2))
            assert split(await colours(tab))[:2] == (RED, BLUE)
            await tab.run(choose.format(0, 2))  # that is on the right: both change places
            assert split(await colours(tab))[:2] == (BLUE, RED)
            await tab.click("[aria-label^='Frame after']")
            assert split(await colours(tab))[:2] == (BLUE, RED)
            assert await value(tab, HANDLE, "aria-label") == "Divider between sharp and before"

    asyncio.run(scenario())


def test_both_pictures_zoom_and_move_together(open_browser: Any, page: str, tmp_path: Path) -> None:
    places = """[...document.querySelectorAll('.slider-layer img')].map((image) => {
      const b = image.getBoundingClientRect(), s = document.querySelector('.slider-stage').getBoundingClientRect();
      return [b.width / s.width, b.x - s.x, b.y - s.y];
    })"""

    async def scenario() -> None:
        async with open_browser(None, tmp_path) as browser:
            tab = await open_page(browser, page)
            left, top, width, height = await tab.run(
                "(() => { const b = document.querySelector('.slider-stage').getBoundingClientRect();"
                "return [b.x, b.y, b.width, b.height]; })()"
            )

            async def wheel(delta: float, x: float = 0.25, y: float = 0.5) -> None:
                await tab.call(
                    "Input.dispatchMouseEvent",
                    type="mouseWheel",
                    x=left + x * width,
                    y=top + y * height,
                    deltaX=0,
                    deltaY=delta,
                )
                await asyncio.sleep(0.3)

            await wheel(-200)
            (scale, *_), _ = await tab.run(places)
            assert scale == pytest.approx(1)  # nobody is busy with it: the page would scroll
            await tab.click(HANDLE)
            await wheel(-300)
            first, second = await tab.run(places)
            assert first == pytest.approx(second)
            scale, x, y = first
            assert 1.5 < scale < 3
            # What was under the pointer still is.
            assert x + scale * 0.25 * width == pytest.approx(0.25 * width, abs=2)
            assert y + scale * 0.5 * height == pytest.approx(0.5 * height, abs=2)
            # Dragging moves the picture now, and the divider stays.
            before = await value(tab, HANDLE, "aria-valuenow")
            await tab.mouse("mousePressed", left + 0.8 * width, top + 0.5 * height)
            await tab.mouse("mouseMoved", left + 0.8 * width - 40, top + 0.5 * height - 20)
            await tab.mouse("mouseReleased", left + 0.8 * width - 40, top + 0.5 * height - 20)
            first, second = await tab.run(places)
            assert first == pytest.approx(second)
            assert first == pytest.approx([scale, x - 40, y - 20], abs=1)
            assert await value(tab, HANDLE, "aria-valuenow") == before
            await tab.click("[aria-label^='Fit']")
            assert (await tab.run(places))[0] == pytest.approx([1, 0, 0], abs=0.5)
            assert not tab.complaints

    asyncio.run(scenario())


def test_two_fingers_zoom_and_one_moves_the_divider(open_browser: Any, page: str, tmp_path: Path) -> None:
    async def scenario() -> None:
        async with open_browser(None, tmp_path) as browser:
            tab = await open_page(browser, page, **SIZES[1])
            await tab.call("Emulation.setTouchEmulationEnabled", enabled=True, maxTouchPoints=2)
            left, top, width, height = await tab.run(
                "(() => { const b = document.querySelector('.slider-stage').getBoundingClientRect();"
                "return [b.x, b.y, b.width, b.height]; })()"
            )

            async def touch(kind: str, *fingers: float) -> None:
                points = [{"x": left + x * width, "y": top + 0.7 * height, "id": n} for n, x in enumerate(fingers)]
                await tab.call("Input.dispatchTouchEvent", type=kind, touchPoints=points)

            await touch("touchStart", 0.3)
            await touch("touchMove", 0.6)
            await touch("touchMove", 0.7)
            await touch("touchEnd")
            assert float(await value(tab, HANDLE, "aria-valuenow")) == pytest.approx(70, abs=2)
            await touch("touchStart", 0.4)
            await touch("touchStart", 0.4, 0.6)
            for apart in (0.12, 0.16, 0.2):
                await touch("touchMove", 0.5 - apart, 0.5 + apart)
            await touch("touchEnd")
            assert float((await text(tab, "output[aria-label=Zoom]"))[:-1]) == pytest.approx(2, abs=0.2)
            assert not tab.complaints

    asyncio.run(scenario())


def test_a_curve_is_read_under_the_pointer(open_browser: Any, page: str, tmp_path: Path) -> None:
    async def scenario() -> None:
        async with open_browser(None, tmp_path) as browser:
            tab = await open_page(browser, page)
            x, y, width = await tab.run(
                "(() => { const e = document.querySelector('.chart-scrub'); e.scrollIntoView({block: 'center'});"
                "const b = e.getBoundingClientRect(); return [b.x, b.y + 20, b.width]; })()"
            )
            await tab.call("Input.dispatchMouseEvent", type="mouseMoved", x=x + width * 33.2 / 49, y=y)
            assert await text(tab, ".chart-readout") == "0:33.000: before 5.0, after 5.0, sharp 5.0"
            assert await tab.run("document.querySelector('.chart-line').getBoundingClientRect().x") == pytest.approx(
                x + width * 33 / 49, abs=1.5
            )
            assert not tab.complaints

    asyncio.run(scenario())


def test_keys_alone_reach_and_move_everything(open_browser: Any, page: str, tmp_path: Path) -> None:
    async def scenario() -> None:
        async with open_browser(None, tmp_path) as browser:
            tab = await open_page(browser, page)
            reached = []
            for _ in range(25):
                await tab.press("Tab", 9)
                reached.append(
                    await tab.run("document.activeElement.getAttribute('aria-label') ?? document.activeElement.tagName")
                )
                # Wherever the focus is, it is seen.
                assert await tab.run(
                    "document.activeElement === document.body"
                    "|| getComputedStyle(document.activeElement).outlineStyle !== 'none'"
                )
            assert {
                "Divider between before and after", "Frame after (.)", "Zoom in (+)", "Fit (0)", "SELECT", "SUMMARY",
                "Figure, over time", "Frame 3", "A",
            } <= set(reached)  # fmt: skip
            await tab.run("document.querySelector('.slider-handle').focus()")
            for key, expected in (
                ("ArrowRight", 52), ("ArrowUp", 54), ("PageDown", 44), ("ArrowLeft", 42), ("End", 100), ("Home", 0),
            ):  # fmt: skip
                await tab.press(key)
                assert await value(tab, HANDLE, "aria-valuenow") == str(expected), key
            await tab.press("+")
            assert await text(tab, "output[aria-label=Zoom]") == "1.5\N{MULTIPLICATION SIGN}"
            move = "getComputedStyle(document.querySelector('.slider-stage')).getPropertyValue('--transform')"
            before = await tab.run(move)
            await tab.press("ArrowRight", modifiers=8)
            assert await tab.run(move) != before
            assert await value(tab, HANDLE, "aria-valuenow") == "0"
            await tab.press("0")
            assert await text(tab, "output[aria-label=Zoom]") == "1.0\N{MULTIPLICATION SIGN}"
            await tab.run("document.querySelector('.chart-scrub').focus()")
            await tab.press("End")
            await tab.press("ArrowLeft")
            assert await value(tab, ".chart-scrub", "aria-valuetext") == ("0:48.000: before 6.0, after 6.0, sharp 6.0")
            assert not tab.complaints

    asyncio.run(scenario())


def test_without_scripts_all_pictures_are_there(open_browser: Any, page: str, tmp_path: Path) -> None:
    async def scenario() -> None:
        async with open_browser(None, tmp_path) as browser:
            tab = await browser.open("about:blank#")
            await tab.call("Emulation.setScriptExecutionDisabled", value=True)
            await tab.call("Page.navigate", url=page)
            await asyncio.sleep(1)
            tree = await tab.call("Accessibility.getFullAXTree")
            names = [n["name"]["value"] for n in tree["nodes"] if n.get("role", {}).get("value") == "image"]
            assert names == ["before", "after", "sharp"] * 4

    asyncio.run(scenario())


@pytest.mark.parametrize("size", SIZES)
def test_axe_finds_no_fault(open_browser: Any, page: str, tmp_path: Path, size: dict[str, Any]) -> None:
    async def scenario() -> None:
        async with open_browser(None, tmp_path) as browser:
            tab = await open_page(browser, page, **size)
            await tab.assert_accessible()

    asyncio.run(scenario())
