"""Who may talk to the page: host, origin, token, and how often."""

from __future__ import annotations

import hmac
import ipaddress
import secrets
import socket
import time
from typing import TYPE_CHECKING, Final

from aiohttp import web

if TYPE_CHECKING:
    from collections.abc import Callable

    from aiohttp.typedefs import Handler

    from pipeline.live.web.options import ServeOptions

BURST: Final = 5
"""Burst of requests that an address may make at once, in seconds' worth of its rate."""

MAX_ADDRESSES: Final = 1024
"""Most addresses whose requests are counted; beyond that, the longest quiet ones are forgotten."""

_LOOPBACK_NAMES = ("localhost", "127.0.0.1", "::1")


class TokenBucket:
    """A limit on the rate of requests in the long run, which allows some at once."""

    def __init__(self, per_second: float, burst: float, clock: Callable[[], float] = time.monotonic) -> None:
        """Makes a full bucket.

        Args:
            per_second: Number of tokens that are added each second.
            burst: Most tokens that the bucket holds.
            clock: Function that returns seconds since any moment.
        """
        self._per_second, self._burst, self._clock = per_second, burst, clock
        self._level, self._last = burst, clock()

    def take(self) -> bool:
        """Takes a token; returns False if there is none."""
        now = self._clock()
        self._level = min(self._burst, self._level + (now - self._last) * self._per_second)
        self._last = now
        if self._level < 1:
            return False
        self._level -= 1
        return True


class Access:
    """Decides about every request, before anything else sees it.

    - *Host* has to name this machine. A page elsewhere whose name was made to resolve to this machine
      (DNS rebinding) is refused thereby, token or not.
    - *Origin*, where a browser sends it, has to be this very page: other pages can neither connect nor upload.
    - The *token* comes once, in the link. It is exchanged for a cookie that no script can read, and the link is
      replaced in the browser's address bar.

    Attributes:
        token: Secret that the link has to carry; empty on loopback.
    """

    def __init__(self, options: ServeOptions) -> None:
        self.token = "" if options.is_private else secrets.token_urlsafe(24)
        self._scheme = "https" if options.has_tls else "http"
        self._is_private = options.is_private
        self._names = {name.lower() for name in (*_LOOPBACK_NAMES, *options.names, options.host)}
        if not options.is_private:
            name = socket.gethostname().lower()
            self._names |= {name, name.partition(".")[0] + ".local"}
        self._rate = options.limits.requests_per_second
        self._buckets: dict[str, TokenBucket] = {}

    @web.middleware
    async def middleware(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        """Lets ``handler`` answer a request that is allowed."""
        if not self._is_in_time(request.remote or ""):
            raise web.HTTPTooManyRequests(text="too many requests; wait a little\n", headers={"Retry-After": "2"})
        if not self._is_ours(request.host):
            raise web.HTTPMisdirectedRequest(
                text=f"this machine is not served under the name {request.host!r}; add it by --serve-name\n"
            )
        origin = request.headers.get("Origin")
        if origin is not None and origin.lower() != f"{self._scheme}://{request.host}".lower():
            raise web.HTTPForbidden(text="another page may not use this one\n")
        if self.token:
            cookie = f"deblur-{request.url.port}"  # cookies do not tell ports apart
            if request.path == "/" and self._matches(request.query.get("token")):
                found = web.HTTPSeeOther("/")
                # Lax, not Strict: a link that is opened from a message has to get there. Nothing but pages answers a
                # GET from elsewhere, and the origin is checked for all the rest.
                found.set_cookie(cookie, self.token, httponly=True, samesite="Lax", secure=self._scheme == "https")
                raise found
            if not self._matches(request.cookies.get(cookie)):
                raise web.HTTPUnauthorized(
                    text="this page needs its link, with the token, as the terminal shows it\n",
                    headers={"WWW-Authenticate": "Token"},
                )
        return await handler(request)

    def _matches(self, token: str | None) -> bool:
        return token is not None and hmac.compare_digest(token.encode(), self.token.encode())

    def _is_ours(self, host: str) -> bool:
        name = _without_port(host).lower()
        if name in self._names:
            return True
        if self._is_private:
            return False
        try:
            ipaddress.ip_address(name)  # an address can't be rebound as a name can
        except ValueError:
            return False
        return True

    def _is_in_time(self, address: str) -> bool:
        bucket = self._buckets.pop(address, None) or TokenBucket(self._rate, BURST * self._rate)
        self._buckets[address] = bucket  # at the end: the order is that of the last request
        if len(self._buckets) > MAX_ADDRESSES:
            del self._buckets[next(iter(self._buckets))]
        return bucket.take()


def _without_port(host: str) -> str:
    if host.startswith("["):
        return host[1:].partition("]")[0]
    return host.partition(":")[0]


async def add_security_headers(request: web.Request, response: web.StreamResponse) -> None:
    """Tells the browser to load nothing from elsewhere, to run no inline script, and to keep nothing."""
    scheme = "wss" if request.secure else "ws"
    # Older Safari does not take 'self' in connect-src for a WebSocket; a Host that is refused is named nowhere.
    socket_source = f" {scheme}://{request.host}" if response.status < 400 else ""
    response.headers.update(
        {
            "Content-Security-Policy": "default-src 'none'; script-src 'self'; style-src 'self'; "
            f"img-src 'self' blob: data:; media-src 'self' blob:; connect-src 'self'{socket_source}; "
            "base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
            "Cross-Origin-Opener-Policy": "same-origin",
            "Cross-Origin-Resource-Policy": "same-origin",
            "Permissions-Policy": "camera=(self), microphone=(), geolocation=()",
            "Referrer-Policy": "no-referrer",
            "X-Content-Type-Options": "nosniff",
            "X-Frame-Options": "DENY",
            "Cache-Control": "no-store",
        }
    )
