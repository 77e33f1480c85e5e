"""The page served for real, a browser that opens it, and a camera with a blurred picture."""

from __future__ import annotations

import asyncio
import base64
import contextlib
import functools
import json
import multiprocessing
import shutil
import subprocess
import tempfile
import threading
import time
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING, Any

import aiohttp
import av
import pytest
from aiortc import RTCConfiguration, RTCPeerConnection, RTCSessionDescription
from aiortc.mediastreams import MediaStreamError, MediaStreamTrack

from pipeline.engines.load import load_engine
from pipeline.live.hub import LiveHub
from pipeline.live.web.options import ServeOptions, WebLimits
from pipeline.live.web.server import WebServer

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Iterator

    from pipeline.live.web.page import Watched
    from pipeline.runner.protocols import Engine

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

PATIENCE = 60.0
"""Seconds that a browser on a busy machine gets for anything."""


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

    async def screenshot(self, path: Path) -> None:
        """Writes what is seen as PNG."""
        shot = await self.call("Page.captureScreenshot", format="png")
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
async def _browser(camera: Path | None, folder: Path) -> AsyncIterator[Browser]:
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


@dataclass
class Served:
    """A server that runs, and how to reach it."""

    server: WebServer
    hub: LiveHub
    link: str
    fingerprint: str

    @property
    def base(self) -> str:
        """The link without the token."""
        return self.link.partition("?")[0].rstrip("/")


@contextlib.asynccontextmanager
async def _serve(
    engine: Engine,
    *,
    load: Callable[[], Engine] | None = None,
    watched: Callable[[LiveHub], Watched] | None = None,
    limits: WebLimits | None = None,
    **options: Any,
) -> AsyncIterator[Served]:
    """Serves the page on a free port; everything is freed at the end."""
    load = load or functools.partial(load_engine, "openvino", "identity", threads=1)
    with LiveHub(engine) as hub:
        server = WebServer(
            ServeOptions(**{"port": 0, "limits": limits or WebLimits(), **options}),
            hub,
            watched(hub) if watched else None,
            load,
        )
        address = await server.start()
        try:
            yield Served(server, hub, address.link, address.fingerprint)
        finally:
            await server.stop()


def _blurred_camera(clip: Path, path: Path, size: tuple[int, int] = (640, 360), frames: int = 60) -> Path:
    """Writes the first frames of a clip as a raw file, forwards and backwards so that its loop has no jump."""
    with av.open(str(clip)) as source, av.open(str(path), "w", format="yuv4mpegpipe") as out:
        stream: Any = out.add_stream("rawvideo", rate=25)
        stream.width, stream.height, stream.pix_fmt = *size, "yuv420p"
        pictures = []
        for frame in source.decode(video=0):
            pictures.append(frame.reformat(*size, format="yuv420p"))
            if len(pictures) == frames:
                break
        for number, picture in enumerate([*pictures, *pictures[::-1]]):
            picture.pts, picture.time_base = number, Fraction(1, 25)
            out.mux(stream.encode(picture))
        out.mux(stream.encode(None))
    return path


@pytest.fixture
def serve() -> Any:
    """Serves the page; see ``_serve``."""
    return _serve


@pytest.fixture
def open_browser() -> Any:
    """Starts a Chromium; skips where there is none."""
    return _browser


@pytest.fixture(scope="session")
def identity() -> Engine:
    """The engine that changes nothing."""
    return load_engine("openvino", "identity", threads=1)


@pytest.fixture
def blurred_camera(shared_clip: Callable[[str], Path], tmp_path: Path) -> Path:
    """A file that Chromium plays as its camera: a phone's own, really blurred film."""
    return _blurred_camera(shared_clip("phone_blur_desk.mp4"), tmp_path / "camera.y4m")


class ColourTrack(MediaStreamTrack):
    """A camera that shows grey pictures of a size, each a little brighter than the one before."""

    kind = "video"

    def __init__(self, size: tuple[int, int] = (64, 48), rate: float = 25.0) -> None:
        super().__init__()
        self.size, self.sent = size, 0
        self._pause = 1 / rate

    async def recv(self) -> av.VideoFrame:
        await asyncio.sleep(self._pause)
        if self.readyState != "live":
            raise MediaStreamError
        width, height = self.size
        frame = av.VideoFrame(width, height, "yuv420p")
        for index, plane in enumerate(frame.planes):
            plane.update(bytes([16 + self.sent % 200 if index == 0 else 128]) * plane.buffer_size)
        frame.pts, frame.time_base = self.sent * 3600, Fraction(1, 90000)
        self.sent += 1
        return frame


class Visitor:
    """A page without a browser: a socket for messages, and aiortc as the other end of the video."""

    def __init__(self, socket: aiohttp.ClientWebSocketResponse) -> None:
        self._socket = socket
        self.peer = RTCPeerConnection(RTCConfiguration(iceServers=[]))
        self._video: asyncio.Future[MediaStreamTrack] = asyncio.get_running_loop().create_future()
        self.peer.on("track", self._video.set_result)

    async def send(self, **message: Any) -> None:
        """Sends a message."""
        await self._socket.send_json(message)

    async def take(self, kind: str) -> dict[str, Any]:
        """The next message of a kind; an error is none of the others."""
        while True:
            message: dict[str, Any] = await self._socket.receive_json(timeout=20)
            if message["type"] == kind:
                return message
            assert message["type"] != "error", message

    async def take_error(self) -> dict[str, Any]:
        """The next error."""
        while (message := await self._socket.receive_json(timeout=20))["type"] != "error":
            pass
        return message  # type: ignore[no-any-return]

    async def start(self, camera: MediaStreamTrack | None, **settings: Any) -> None:
        """Offers a camera, or to watch."""
        await self.send(type="settings", **{"strength": 1.0, "compare": False, **settings})
        if camera is None:
            self.peer.addTransceiver("video", direction="recvonly")
        else:
            self.peer.addTrack(camera)
        await self.peer.setLocalDescription(await self.peer.createOffer())
        mode = "watch" if camera is None else "camera"
        await self.send(type="offer", mode=mode, sdp=self.peer.localDescription.sdp)
        answer = await self.take("answer")
        await self.peer.setRemoteDescription(RTCSessionDescription(answer["sdp"], "answer"))

    async def see(self) -> av.VideoFrame:
        """The next picture that comes."""
        track = await asyncio.wait_for(asyncio.shield(self._video), 20)
        return await asyncio.wait_for(track.recv(), 20)

    async def close(self) -> None:
        await self.peer.close()
        await self._socket.close()


@contextlib.asynccontextmanager
async def _visit(client: aiohttp.ClientSession, served: Served) -> AsyncIterator[Visitor]:
    socket = await client.ws_connect(f"{served.base}/live")
    visitor = Visitor(socket)
    try:
        yield visitor
    finally:
        await visitor.close()


async def _until(condition: Callable[[], Any]) -> None:
    end = time.monotonic() + PATIENCE
    while not condition():
        assert time.monotonic() < end, "it never came true"
        await asyncio.sleep(0.02)


@pytest.fixture
def visit() -> Any:
    """Opens a page without a browser; see ``_visit``."""
    return _visit


@pytest.fixture
def camera_of() -> Any:
    """A camera by its size; see ``ColourTrack``."""
    return ColourTrack


@pytest.fixture
def until() -> Any:
    """Waits until a condition holds."""
    return _until


@pytest.fixture(autouse=True)
def nothing_left() -> Iterator[None]:
    """No test may leave a thread of a connection or a working process behind."""
    before = set(threading.enumerate())  # an engine of another test may wait for its garbage collection
    yield
    end = time.monotonic() + 5
    names = ("video-decoder", "deblur")
    while left := [one.name for one in threading.enumerate() if one not in before and one.name.startswith(names)]:
        assert time.monotonic() < end, left
        time.sleep(0.02)
    assert not multiprocessing.active_children()
