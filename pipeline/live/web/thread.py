"""The server in a thread with an event loop of its own, for a program that has none."""

from __future__ import annotations

import asyncio
import concurrent.futures
import threading
from typing import TYPE_CHECKING

from pipeline.live.web.server import WebServer

if TYPE_CHECKING:
    from collections.abc import Callable

    from pipeline.live.hub import LiveHub
    from pipeline.live.web.options import ServeOptions
    from pipeline.live.web.page import Watched
    from pipeline.live.web.server import Address
    from pipeline.runner.protocols import Engine


class WebThread:
    """Serves the page beside whatever else the program does."""

    def __init__(
        self, options: ServeOptions, hub: LiveHub, watched: Watched | None, load: Callable[[], Engine]
    ) -> None:
        """Prepares the server; see :class:`pipeline.live.web.server.WebServer` for the arguments."""
        self._server = WebServer(options, hub, watched, load)
        self._thread: threading.Thread | None = None
        self._started: concurrent.futures.Future[Address] = concurrent.futures.Future()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._stop: asyncio.Event | None = None

    def start(self) -> Address:
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
