"""One open page: its messages, its session, its video connection, and the end of all three."""

from __future__ import annotations

import asyncio
import contextlib
import json
import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from aiohttp import WSMsgType

from network.planes import MAX_STRENGTH
from pipeline.errors import DeblurError, InputError
from pipeline.live.session import SessionOptions
from pipeline.live.web.access import TokenBucket
from pipeline.live.web.peer import Peer
from pipeline.live.web.track import Appearance, ResultTrack

if TYPE_CHECKING:
    from collections.abc import Callable

    from aiohttp import web

    from pipeline.live.live_engine import LiveEngine
    from pipeline.live.session import LiveSession
    from pipeline.live.web.options import WebLimits

FIGURES_EVERY: Final = 0.5
"""Seconds between two messages with figures to a page."""


@dataclass(frozen=True, slots=True)
class SharedSource:
    """This machine's own source, for pages to watch.

    Attributes:
        name: Name of the source, as pages show it.
        session: Session with the source's frames; pages can't change its strength and size.
    """

    name: str
    session: LiveSession


class Page:
    """An open page with its session and its video connection. All of them end with the page's socket."""

    def __init__(
        self,
        socket: web.WebSocketResponse,
        live_engine: LiveEngine,
        shared: SharedSource | None,
        limits: WebLimits,
        may_send_camera: Callable[[], bool],
        look_ahead: int = 0,
    ) -> None:
        """Takes over a socket.

        Args:
            socket: Socket to the page.
            live_engine: Live engine that deblurs the page's camera.
            shared: Source that the page may watch; None for none.
            limits: Limits on what the page may ask for.
            may_send_camera: Whether there is room for one more camera.
            look_ahead: Number of frames to look ahead of the page's camera, 0 or 1.
        """
        self._socket, self._live_engine, self._shared, self._limits = socket, live_engine, shared, limits
        self._may_send_camera = may_send_camera
        self._rate = TokenBucket(limits.messages_per_second, limits.messages_per_second)
        self._camera: LiveSession | None = None
        self._peer: Peer | None = None
        self._figures: asyncio.Task[None] | None = None
        self._endings: set[asyncio.Task[None]] = set()
        self._strength, self._look_ahead = 1.0, look_ahead
        self._appearance = Appearance()

    @property
    def has_camera(self) -> bool:
        """Whether the page sends a camera at the moment."""
        return self._camera is not None

    async def run(self) -> None:
        """Answers messages until the page is gone, then frees everything."""
        try:
            async for message in self._socket:
                if message.type is not WSMsgType.TEXT:
                    await self._refuse("messages are text here")
                    return
                if not self._rate.take():
                    await self._refuse("too many messages")
                    return
                await self._take(message.data)
        finally:
            await self._stop()
            if self._endings:
                await asyncio.wait(self._endings)

    async def _take(self, text: str) -> None:
        try:
            kind, message = _parse(text)
            if kind == "offer":
                await self._start(_text(message, "sdp"), _text(message, "mode"))
            elif kind == "settings":
                self._set(message)
            elif kind == "stop":
                await self._stop()
            else:
                raise InputError(f"there is no message {kind!r}")
        except DeblurError as error:
            await self._fail(str(error))

    async def _start(self, offer: str, mode: str) -> None:
        await self._stop()
        limits = self._limits
        if mode == "camera":
            if not self._may_send_camera():
                raise InputError("too many cameras are being deblurred at the moment; try again later")
            options = SessionOptions(strength=self._strength, look_ahead=self._look_ahead)
            session = self._camera = self._live_engine.open(options)
        elif mode == "watch" and self._shared is not None:
            session = self._shared.session
        else:
            raise InputError("there is nothing to watch here")
        self._apply()
        track = ResultTrack(session, self._appearance, limits.picture_size, self._end_later)
        self._peer = Peer(track, limits, self._camera.push if self._camera else _ignore, self._end_later)
        answer = await self._peer.answer(offer)
        await self._send({"type": "answer", "sdp": answer})
        self._figures = asyncio.create_task(self._send_figures(session, track))

    def _set(self, message: dict[str, Any]) -> None:
        strength, compares = message.get("strength"), message.get("compare")
        if not isinstance(strength, int | float) or not (math.isfinite(strength) and 0 <= strength <= MAX_STRENGTH):
            raise InputError(f"the strength is from 0 to {MAX_STRENGTH}")
        if not isinstance(compares, bool):
            raise InputError("compare is true or false")
        self._strength, self._appearance.compares = float(strength), compares
        self._apply()

    def _apply(self) -> None:
        """A camera's session is the page's own; of what several watch, each shows the share that it wants."""
        if self._camera is not None:
            self._camera.strength = self._strength
        self._appearance.share = 1.0 if self._camera is not None else self._strength

    async def _send_figures(self, session: LiveSession, track: ResultTrack) -> None:
        while True:
            shown = track.view.count
            if session.size is not None:
                width, height = session.size
                figures = {
                    "width": width,
                    "height": height,
                    "dropped": session.count.dropped + shown.dropped,
                    "latency": None if math.isnan(shown.recent) else shown.recent,
                }
                await self._send({"type": "stats", **figures})
            await asyncio.sleep(FIGURES_EVERY)

    async def _stop(self) -> None:
        """Ends session and video connection; the page may start anew."""
        camera, peer, figures = self._camera, self._peer, self._figures
        self._camera = self._peer = self._figures = None
        if figures is not None:
            figures.cancel()
            await asyncio.wait([figures])
        if peer is not None:
            await peer.close()
        if camera is not None:
            camera.close()

    def _end_later(self, reason: str) -> None:
        """Ends the stream from within one of its own tasks, which can't wait for itself."""
        task = asyncio.create_task(self._fail(reason) if reason else self._stop())
        self._endings.add(task)
        task.add_done_callback(self._endings.discard)

    async def _fail(self, reason: str) -> None:
        await self._stop()
        await self._send({"type": "error", "message": f"{reason[:1].upper()}{reason[1:]}."})

    async def _refuse(self, reason: str) -> None:
        await self._socket.close(code=1008, message=reason.encode())

    async def _send(self, message: dict[str, Any]) -> None:
        # A page that is gone gets nothing; the loop over its messages ends by itself.
        with contextlib.suppress(ConnectionError):
            await self._socket.send_str(json.dumps(message))


def _ignore(_frame: object) -> None:
    """Ignores the frames of a page that only watches."""


def _parse(text: str) -> tuple[str, dict[str, Any]]:
    try:
        message = json.loads(text)
    except (ValueError, RecursionError):
        message = None
    if not isinstance(message, dict):
        raise InputError("messages are JSON objects here")
    return _text(message, "type"), message


def _text(message: dict[str, Any], key: str) -> str:
    value = message.get(key)
    if not isinstance(value, str):
        raise InputError(f"the message has no {key}")
    return value
