"""The HTTP server: the page's files, uploads, and the socket of each page."""

from __future__ import annotations

import asyncio
import concurrent.futures
import io
import threading
from dataclasses import dataclass
from importlib import resources
from typing import TYPE_CHECKING, Final

import segno
from aiohttp import web

from network.planes import MAX_STRENGTH
from pipeline.errors import UsageError
from pipeline.live.processor import check_strength
from pipeline.live.web.access import Access, add_security_headers
from pipeline.live.web.certificate import given_context, own_address, self_made_context
from pipeline.live.web.page import Page, SharedSource
from pipeline.live.web.peer import raise_bitrate
from pipeline.live.web.uploads import Uploads
from pipeline.pages.document import asset

if TYPE_CHECKING:
    import ssl
    from collections.abc import Callable

    from pipeline.live.live_engine import LiveEngine
    from pipeline.live.web.options import ServeOptions
    from pipeline.runner.protocols import Engine

_FILES: Final = {"index.html": "text/html", "style.css": "text/css", "page.js": "text/javascript"}
_SHARED_FILES: Final = {"slider.js": "text/javascript"}  # with the pages that other commands write


@dataclass(frozen=True, slots=True)
class PageLink:
    """Address of the page.

    Attributes:
        link: Address that people open; with the token where there is one.
        fingerprint: SHA-256 of the self-made certificate, as browsers show it; empty where there is none.
    """

    link: str
    fingerprint: str


class WebServer:
    """Serves the page, in one event loop, from :meth:`start` to :meth:`stop`."""

    def __init__(
        self, options: ServeOptions, live_engine: LiveEngine, shared: SharedSource | None, load: Callable[[], Engine]
    ) -> None:
        """Prepares the server.

        Args:
            options: Address to serve on, and how to serve.
            live_engine: Live engine that deblurs the pages' cameras; the caller closes it after the server.
            shared: Source that pages may watch; None for none.
            load: Function that makes an engine for an uploaded file, in another process: it must be picklable.
        """
        self._options, self._live_engine, self._shared, self._load = options, live_engine, shared, load
        self._pages: set[Page] = set()
        self._sockets: set[web.WebSocketResponse] = set()
        self._runner: web.AppRunner | None = None
        self._access = Access(options)
        folder = resources.files("pipeline.live.web") / "static"
        self._files = {name: (folder / name).read_text("utf-8") for name in _FILES}
        self._files |= {name: asset(name) for name in _SHARED_FILES}

    @property
    def pages(self) -> int:
        """Open pages."""
        return len(self._pages)

    async def start(self) -> PageLink:
        """Begins to serve.

        Raises:
            UsageError: If the address can't be served on, or the certificate can't be used.
        """
        options = self._options
        host = own_address() if options.host in ("0.0.0.0", "::") else options.host  # noqa: S104 - compared alone
        context, fingerprint = self._tls(host)
        raise_bitrate(options.limits.picture_bits_per_second)
        self._uploads = Uploads(options.limits, self._load)
        app = web.Application(middlewares=[self._access.middleware], client_max_size=options.limits.message_bytes)
        app.on_response_prepare.append(add_security_headers)
        app.add_routes(
            [
                web.get("/", self._index),
                web.get("/page/{name}", self._file),
                web.get("/live", self._live),
                web.post("/uploads", self._upload),
                web.get("/uploads/{key}", self._status),
                web.get("/uploads/{key}/{which:result|original}", self._result),
                web.delete("/uploads/{key}", self._delete),
            ]
        )
        self._runner = web.AppRunner(app, access_log=None, handle_signals=False, shutdown_timeout=2.0)
        await self._runner.setup()
        try:
            await web.TCPSite(self._runner, options.host, options.port, ssl_context=context).start()
        except OSError as error:
            await self.stop()
            raise UsageError(
                f"the page can't be served on {options.host}:{options.port}: {error.strerror}; choose another address"
            ) from error
        port = self._runner.addresses[0][1]
        shown = f"[{host}]" if ":" in host else host
        query = f"?token={self._access.token}" if self._access.token else ""
        return PageLink(f"http{'s' if context else ''}://{shown}:{port}/{query}", fingerprint)

    async def stop(self) -> None:
        """Ends every page and upload, and stops serving."""
        for socket in list(self._sockets):
            await socket.close(code=1001, message=b"The machine has stopped.")
        if self._runner is not None:
            await self._runner.cleanup()
            self._runner = None
            await self._uploads.close()

    def _tls(self, host: str) -> tuple[ssl.SSLContext | None, str]:
        options = self._options
        if options.certificate is not None:
            return given_context(options.certificate, options.key), ""
        if options.has_tls:
            return self_made_context(["localhost", "127.0.0.1", host, *options.names])
        return None, ""

    async def _index(self, _request: web.Request) -> web.Response:
        return self._answer("index.html")

    async def _file(self, request: web.Request) -> web.Response:
        if request.match_info["name"] not in self._files:
            raise web.HTTPNotFound(text="there is no such file\n")
        return self._answer(request.match_info["name"])

    def _answer(self, name: str) -> web.Response:
        return web.Response(text=self._files[name], content_type=(_FILES | _SHARED_FILES)[name])

    async def _live(self, request: web.Request) -> web.StreamResponse:
        limits = self._options.limits
        if len(self._pages) >= limits.pages:
            raise web.HTTPServiceUnavailable(text="too many pages are open; try again later\n")
        socket = web.WebSocketResponse(
            heartbeat=limits.heartbeat_seconds, max_msg_size=limits.message_bytes, compress=False
        )
        room, ahead = self._has_room_for_camera, self._options.look_ahead
        page = Page(socket, self._live_engine, self._shared, limits, room, ahead)
        # Counted before the first await, so that many at once can't all find room.
        self._pages.add(page)
        self._sockets.add(socket)
        try:
            await socket.prepare(request)
            await socket.send_json(self._hello())
            await page.run()
        except ConnectionError:
            pass  # the page was gone before it began
        finally:
            self._pages.discard(page)
            self._sockets.discard(socket)
        return socket

    def _has_room_for_camera(self) -> bool:
        return sum(page.has_camera for page in self._pages) < self._options.limits.cameras

    def _hello(self) -> dict[str, object]:
        limits, source = self._options.limits, self._shared.name if self._shared else None
        engine = self._live_engine.engine
        width, height, rate = self._options.camera
        return {
            "type": "hello",
            "modes": ["camera", "watch"] if source else ["camera"],
            "source": source,
            "engine": f"Deblurred by {engine.network} on {engine.device}, {engine.precision}.",
            "camera": {"width": width, "height": height, "rate": rate},
            "bitrate": limits.picture_bits_per_second,
            "upload_bytes": limits.upload_bytes,
            "upload_seconds": limits.upload_seconds,
        }

    async def _upload(self, request: web.Request) -> web.Response:
        content = request.content.iter_chunked(1 << 18)
        try:
            strength = check_strength(float(request.query.get("strength", "1")))
        except ValueError as error:
            raise web.HTTPBadRequest(text=f"the strength is a number from 0 to {MAX_STRENGTH}\n") from error
        name = request.query.get("name", "")
        key = await self._uploads.receive(name, request.content_length, content, strength)
        return web.json_response({"key": key}, status=201)

    async def _status(self, request: web.Request) -> web.Response:
        return web.json_response(self._uploads.find(request.match_info["key"]).status())

    async def _result(self, request: web.Request) -> web.FileResponse:
        upload = self._uploads.find(request.match_info["key"])
        if upload.state != "done":
            raise web.HTTPNotFound(text="the result is not ready\n")
        path = upload.result if request.match_info["which"] == "result" else upload.original
        if not path.is_file():
            raise web.HTTPNotFound(text="browsers play the file itself\n")
        kind = "deblurred" if path == upload.result else "original"
        name = f"{upload.name}-{kind}.mp4".encode("ascii", "replace").decode().replace("?", "_")
        headers = {"Content-Disposition": f'attachment; filename="{name}"', "Content-Type": "video/mp4"}
        return web.FileResponse(path, headers=headers)

    async def _delete(self, request: web.Request) -> web.Response:
        await self._uploads.delete(request.match_info["key"])
        return web.Response(status=204)


def link_text(address: PageLink, *, has_code: bool) -> str:
    """Text for the user with the link, the fingerprint and the QR code of the page.

    Args:
        address: Link and fingerprint of the page.
        has_code: Whether to draw the QR code: no phone can open a page on loopback, and no log needs one.
    """
    lines = [f"open {address.link}"]
    if address.fingerprint:
        lines += [
            "The browser will warn of the certificate, which this machine made for itself. Its SHA-256 is",
            address.fingerprint,
        ]
    if has_code:
        code = io.StringIO()
        segno.make(address.link, error="l", micro=False).terminal(code, compact=True, border=2)
        lines.append(code.getvalue().rstrip("\n"))
    return "\n".join(lines)


class WebThread:
    """Serves the page beside whatever else the program does."""

    def __init__(
        self, options: ServeOptions, live_engine: LiveEngine, shared: SharedSource | None, load: Callable[[], Engine]
    ) -> None:
        """Prepares the server; see :class:`pipeline.live.web.server.WebServer` for the arguments."""
        self._server = WebServer(options, live_engine, shared, load)
        self._thread: threading.Thread | None = None
        self._started: concurrent.futures.Future[PageLink] = concurrent.futures.Future()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._stop: asyncio.Event | None = None

    def start(self) -> PageLink:
        """Begins to serve, and returns when the page can be opened.

        Raises:
            UsageError: If the address can't be served on, or the certificate can't be used.
        """
        self._thread = threading.Thread(target=lambda: asyncio.run(self._serve()), name="deblur-web", daemon=True)
        self._thread.start()
        return self._started.result()

    def stop(self) -> None:
        """Ends every page and upload, and waits until all is freed. Does nothing if nothing is served."""
        if self._thread is None or self._loop is None or self._stop is None:
            return
        if self._thread.is_alive():
            self._loop.call_soon_threadsafe(self._stop.set)
            self._thread.join()

    async def _serve(self) -> None:
        self._loop, self._stop = asyncio.get_running_loop(), asyncio.Event()
        try:
            address = await self._server.start()
        except BaseException as error:  # noqa: BLE001 - raised again by start()
            self._started.set_exception(error)
            return
        self._started.set_result(address)
        try:
            await self._stop.wait()
        finally:
            await self._server.stop()
