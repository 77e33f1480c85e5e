"""A real browser, driven by Chrome's DevTools protocol."""

from __future__ import annotations

import asyncio
import base64
import contextlib
import json
import os
import shutil
import subprocess
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import aiohttp
import pytest

from tests.support.waiting import PATIENCE

if TYPE_CHECKING:
    from collections.abc import AsyncIterator


FLAGS = (
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--disable-dev-shm-usage",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--disable-default-apps",
    "--autoplay-policy=no-user-gesture-required",
    "--use-fake-device-for-media-stream",
    "--use-fake-ui-for-media-stream",
    "--remote-debugging-port=0",
    "--window-size=1100,900",
)


AXE = "AXE_CORE"
"""Environment variable: path of axe.min.js, of the npm package axe-core."""

SCREENSHOTS = "SCREENSHOTS"
"""Environment variable: a folder that gets the pictures of the documents."""

PHONE = {"width": 390, "height": 844, "mobile": True}
SIZES = ({"width": 1100, "height": 900}, PHONE)


class Tab:
    """A page in the browser, driven by Chrome's DevTools protocol."""

    def __init__(self, socket: aiohttp.ClientWebSocketResponse) -> None:
        self._socket = socket
        self._number = 0
        self._answers: dict[int, asyncio.Future[Any]] = {}
        self.complaints: list[str] = []
        """Exceptions and errors that the page's console showed."""
        self._reader = asyncio.create_task(self._read())

    async def call(self, method: str, **parameters: Any) -> Any:
        """Runs a command of the protocol."""
        self._number += 1
        answer = self._answers[self._number] = asyncio.get_running_loop().create_future()
        await self._socket.send_json({"id": self._number, "method": method, "params": parameters})
        return await asyncio.wait_for(answer, PATIENCE)

    async def run(self, script: str) -> Any:
        """The value of a JavaScript expression; promises are awaited."""
        answer = await self.call("Runtime.evaluate", expression=script, awaitPromise=True, returnByValue=True)
        assert "exceptionDetails" not in answer, answer["exceptionDetails"]
        return answer["result"].get("value")

    async def until(self, script: str) -> Any:
        """The value of an expression as soon as it is true."""
        end = time.monotonic() + PATIENCE
        while not (value := await self.run(script)):
            assert time.monotonic() < end, f"{script} never came true; {await self.run('document.body.innerText')}"
            await asyncio.sleep(0.1)
        return value

    async def click(self, selector: str) -> None:
        """Clicks where an element is, with the mouse."""
        x, y = await self.run(
            f"(() => {{ const e = document.querySelector({selector!r}); e.scrollIntoView({{block: 'center'}});"
            "const b = e.getBoundingClientRect(); return [b.x + b.width / 2, b.y + b.height / 2]; })()"
        )
        await self.mouse("mousePressed", x, y)
        await self.mouse("mouseReleased", x, y)

    async def drag(self, selector: str, over: str, share: float) -> None:
        """Drags an element to a share of the width of another."""
        x, y, left, width = await self.run(
            f"(() => {{ const b = document.querySelector({selector!r}).getBoundingClientRect(),"
            f"o = document.querySelector({over!r}).getBoundingClientRect();"
            "return [b.x + b.width / 2, b.y + b.height / 2, o.x, o.width]; })()"
        )
        await self.mouse("mousePressed", x, y)
        for step in (0.5, 1):
            await self.mouse("mouseMoved", x + (left + share * width - x) * step, y)
        await self.mouse("mouseReleased", left + share * width, y)

    async def key(self, selector: str, key: str) -> None:
        """Presses a key on an element."""
        await self.run(f"document.querySelector({selector!r}).focus()")
        for kind in ("keyDown", "keyUp"):
            await self.call("Input.dispatchKeyEvent", type=kind, key=key, code=key)

    async def set(self, selector: str, value: float) -> None:
        """Moves a slider."""
        await self.run(
            f"(() => {{ const e = document.querySelector({selector!r}); e.value = {value};"
            "e.dispatchEvent(new Event('input')); })()"
        )

    async def set_choice(self, selector: str, number: int) -> None:
        """Chooses an option of a list, by its number from 0."""
        await self.run(
            f"(() => {{ const e = document.querySelector({selector!r}); e.selectedIndex = {number};"
            "e.dispatchEvent(new Event('change')); })()"
        )

    async def choose(self, selector: str, path: Path) -> None:
        """Chooses a file in a field for files."""
        root = await self.call("DOM.getDocument")
        node = await self.call("DOM.querySelector", nodeId=root["root"]["nodeId"], selector=selector)
        await self.call("DOM.setFileInputFiles", files=[str(path)], nodeId=node["nodeId"])

    async def mouse(self, kind: str, x: float, y: float) -> None:
        buttons = 0 if kind == "mouseReleased" else 1
        await self.call("Input.dispatchMouseEvent", type=kind, x=x, y=y, button="left", buttons=buttons, clickCount=1)

    async def resize(self, width: int, height: int, *, mobile: bool = False) -> None:
        """Makes the page that large."""
        await self.call(
            "Emulation.setDeviceMetricsOverride", width=width, height=height, deviceScaleFactor=1, mobile=mobile
        )

    async def press(self, key: str, code: int = 0, modifiers: int = 0) -> None:
        """Presses a key where the focus is."""
        text = {"text": "\r"} if key == "Enter" else {}  # that presses a button
        for kind in ("keyDown", "keyUp"):
            await self.call(
                "Input.dispatchKeyEvent",
                **{
                    "type": kind,
                    "key": key,
                    "code": key,
                    "windowsVirtualKeyCode": code,
                    "modifiers": modifiers,
                    **text,
                },
            )

    async def tab_to(self, selector: str) -> None:
        """Presses the Tab key until an element has the focus; wherever the focus is on the way, it is seen."""
        for _ in range(60):
            await self.press("Tab", 9)
            assert await self.run(
                "document.activeElement === document.body"
                "|| getComputedStyle(document.activeElement).outlineStyle !== 'none'"
            )
            if await self.run(f"document.activeElement.matches({selector!r})"):
                return
        pytest.fail(f"the Tab key does not reach {selector}")

    async def assert_accessible(self) -> None:
        """Has axe-core look at the page in light and in dark colours, contrast included; skips where there is none."""
        if not os.environ.get(AXE):
            pytest.skip(f"{AXE} names no axe.min.js (npm pack axe-core)")
        await self.run(f"{Path(os.environ[AXE]).read_text('utf-8')};1")
        for scheme in ("light", "dark"):
            await self.call("Emulation.setEmulatedMedia", features=[{"name": "prefers-color-scheme", "value": scheme}])
            found = await self.run(
                "axe.run().then((r) => r.violations.map((v) => [v.id, v.nodes.map((n) => n.html.slice(0, 200))]))"
            )
            assert not found, scheme

    async def screenshot(self, path: Path, *, above: str = "") -> None:
        """Writes what is seen, or what of it is above an element, as PNG or JPEG by the name."""
        how: dict[str, Any] = {"format": "png"} if path.suffix == ".png" else {"format": "jpeg", "quality": 80}
        if above:
            width, height = await self.run(f"[innerWidth, document.querySelector({above!r}).getBoundingClientRect().y]")
            how["clip"] = {"x": 0, "y": 0, "width": width, "height": height, "scale": 1}
        shot = await self.call("Page.captureScreenshot", **how)
        path.write_bytes(base64.b64decode(shot["data"]))

    async def close(self) -> None:
        """Closes the page, as a person would."""
        if not self._reader.done():
            # There is no answer: the connection ends with the page.
            await self._socket.send_json({"id": 0, "method": "Page.close"})
            await asyncio.wait([self._reader], timeout=10)
            self._reader.cancel()
            await asyncio.wait([self._reader])
        await self._socket.close()

    async def _read(self) -> None:
        async for raw in self._socket:
            message = json.loads(raw.data)
            if answer := self._answers.pop(message.get("id"), None):
                if "error" in message:
                    answer.set_exception(RuntimeError(str(message["error"])))
                elif not answer.done():
                    answer.set_result(message["result"])
            elif message.get("method") == "Runtime.exceptionThrown":
                self.complaints.append(json.dumps(message["params"]["exceptionDetails"])[:400])
            elif message.get("method") == "Log.entryAdded" and message["params"]["entry"]["level"] == "error":
                self.complaints.append(str(message["params"]["entry"]))


class Browser:
    """A Chromium that runs."""

    def __init__(self, port: int, client: aiohttp.ClientSession, downloads: Path) -> None:
        self._port, self._client = port, client
        self.downloads = downloads
        self._tabs: list[Tab] = []

    async def open(
        self, url: str, width: int = 1100, height: int = 900, *, mobile: bool = False, script: str = ""
    ) -> Tab:
        """Opens a page, with a script that runs before its own."""
        async with self._client.put(f"http://127.0.0.1:{self._port}/json/new?about:blank") as answer:
            target = await answer.json()
        tab = Tab(await self._client.ws_connect(target["webSocketDebuggerUrl"], max_msg_size=0))
        self._tabs.append(tab)
        for domain in ("Page", "Runtime", "Log"):
            await tab.call(f"{domain}.enable")
        await tab.resize(width, height, mobile=mobile)
        await tab.call("Security.setIgnoreCertificateErrors", ignore=True)
        await tab.call("Browser.setDownloadBehavior", behavior="allow", downloadPath=str(self.downloads))
        await tab.call("Page.addScriptToEvaluateOnNewDocument", source=script)
        await tab.call("Page.navigate", url=url)
        await tab.until("document.readyState === 'complete' && location.href !== 'about:blank'")
        return tab

    async def downloaded(self, pattern: str) -> Path:
        """The file that the page saved; it has its name when it is complete."""
        end = time.monotonic() + PATIENCE
        while True:
            for path in self.downloads.glob(pattern):
                return path
            assert time.monotonic() < end, f"no {pattern} was saved"
            await asyncio.sleep(0.1)


@contextlib.asynccontextmanager
async def open_browser(camera: Path | None, folder: Path) -> AsyncIterator[Browser]:
    program = shutil.which("chromium") or shutil.which("google-chrome")
    if program is None:
        pytest.skip("there is no chromium (Debian: apt-get install chromium)")
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as profile:
        flags = [*FLAGS, f"--user-data-dir={profile}"]
        if camera is not None:
            flags.append(f"--use-file-for-fake-video-capture={camera}")
        with (folder / "chromium.log").open("wb") as log:
            process = subprocess.Popen([program, *flags, "about:blank"], stdout=log, stderr=log)  # noqa: S603
        try:
            port_file = Path(profile) / "DevToolsActivePort"
            end = time.monotonic() + PATIENCE
            while not (port_file.is_file() and port_file.read_text().count("\n")):
                assert process.poll() is None, (folder / "chromium.log").read_text()[-2000:]
                assert time.monotonic() < end, "chromium did not start"
                await asyncio.sleep(0.1)
            port = int(port_file.read_text().split("\n")[0])
            downloads = folder / "downloads"
            downloads.mkdir(exist_ok=True)
            async with aiohttp.ClientSession() as client:
                browser = Browser(port, client, downloads)
                yield browser
                for tab in browser._tabs:
                    await tab.close()
        finally:
            process.terminate()
            await asyncio.to_thread(process.wait, 20)
