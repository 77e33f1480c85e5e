"""The page served for real, and a visitor that needs no browser."""

from __future__ import annotations

import asyncio
import contextlib
import functools
from dataclasses import dataclass
from fractions import Fraction
from typing import TYPE_CHECKING, Any

import av
from aiortc import RTCConfiguration, RTCPeerConnection, RTCSessionDescription
from aiortc.mediastreams import MediaStreamError, MediaStreamTrack

from pipeline.engines.load import load_engine
from pipeline.live.live_engine import LiveEngine
from pipeline.live.web.options import ServeOptions, WebLimits
from pipeline.live.web.server import WebServer

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable
    from pathlib import Path

    import aiohttp

    from pipeline.live.web.page import SharedSource
    from pipeline.runner.protocols import Engine


@dataclass
class Served:
    """A server that runs, and how to reach it."""

    server: WebServer
    live_engine: LiveEngine
    link: str
    fingerprint: str

    @property
    def base(self) -> str:
        """The link without the token."""
        return self.link.partition("?")[0].rstrip("/")


@contextlib.asynccontextmanager
async def serve(
    engine: Engine,
    *,
    load: Callable[[], Engine] | None = None,
    shared: Callable[[LiveEngine], SharedSource] | None = None,
    limits: WebLimits | None = None,
    **options: Any,
) -> AsyncIterator[Served]:
    """Serves the page on a free port; everything is freed at the end."""
    load = load or functools.partial(load_engine, "openvino", "identity", threads=1)
    with LiveEngine(engine) as live_engine:
        server = WebServer(
            ServeOptions(**{"port": 0, "limits": limits or WebLimits(), **options}),
            live_engine,
            shared(live_engine) if shared else None,
            load,
        )
        address = await server.start()
        try:
            yield Served(server, live_engine, address.link, address.fingerprint)
        finally:
            await server.stop()


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
        picture: Any = await asyncio.wait_for(track.recv(), 20)
        assert isinstance(picture, av.VideoFrame)
        return picture

    async def close(self) -> None:
        await self.peer.close()
        await self._socket.close()


@contextlib.asynccontextmanager
async def visit(client: aiohttp.ClientSession, served: Served) -> AsyncIterator[Visitor]:
    socket = await client.ws_connect(f"{served.base}/live")
    visitor = Visitor(socket)
    try:
        yield visitor
    finally:
        await visitor.close()


def write_camera_file(clip: Path, path: Path, size: tuple[int, int] = (640, 360), frames: int = 60) -> Path:
    """Writes the first frames of a clip as a raw file, forwards and backwards so that its loop has no jump."""
    with av.open(str(clip)) as source, av.open(str(path), "w", format="yuv4mpegpipe") as out:
        stream: Any = out.add_stream("rawvideo", rate=25)
        stream.width, stream.height, stream.pix_fmt = *size, "yuv420p"
        pictures = []
        for frame in source.decode(video=0):
            pictures.append(frame.reformat(*size, format="yuv420p", threads=1))
            if len(pictures) == frames:
                break
        for number, picture in enumerate([*pictures, *pictures[::-1]]):
            picture.pts, picture.time_base = number, Fraction(1, 25)
            out.mux(stream.encode(picture))
        out.mux(stream.encode(None))
    return path
