"""Address of the page, its users, and limits on what it may take of this machine."""

from __future__ import annotations

import ipaddress
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from pipeline.errors import UsageError

if TYPE_CHECKING:
    from pathlib import Path

DEFAULT_HOST = "127.0.0.1"
DEFAULT_PORT = 8765

CAMERA = (640, 360, 30.0)
"""Width, height and frames a second that a page asks of its camera."""


@dataclass(frozen=True, slots=True)
class WebLimits:
    """Limits on what pages may ask of this machine.

    Attributes:
        pages: Most pages that are open at a time.
        cameras: Most pages that may send a camera at a time.
        frame_pixels: Most pixels of a camera's frame.
        message_bytes: Most bytes of a message from a page.
        messages_per_second: Most messages a second from a page, in the long run; as many at once.
        requests_per_second: Most requests a second from an address, in the long run; five times as many at once.
        upload_bytes: Most bytes of a file.
        upload_seconds: Longest video of a file, in seconds.
        upload_pixels: Most pixels of a file's frame.
        uploads: Most files that are held at a time; one of them is worked on.
        idle_seconds: Seconds after which a file that no page asks for any more is deleted.
        connect_seconds: Seconds after which a video connection that is not established is given up.
        heartbeat_seconds: Seconds between heartbeats that are asked of a page. A page that gives none for half of
            that time is gone.
        picture_size: Greatest width and height of the video to a page, in pixels; larger pictures are scaled down.
        picture_bits_per_second: Highest bitrate of the video to a page, in bits a second.
    """

    pages: int = 16
    cameras: int = 4
    frame_pixels: int = 1920 * 1088
    message_bytes: int = 64 * 1024
    messages_per_second: float = 20.0
    requests_per_second: float = 20.0
    upload_bytes: int = 1_000_000_000
    upload_seconds: float = 600.0
    upload_pixels: int = 4096 * 2304
    uploads: int = 4
    idle_seconds: float = 120.0
    connect_seconds: float = 20.0
    heartbeat_seconds: float = 10.0
    picture_size: tuple[int, int] = (1280, 1280)
    picture_bits_per_second: int = 12_000_000


@dataclass(frozen=True, slots=True)
class ServeOptions:
    """Address and options of the page.

    Attributes:
        host: Address of this machine, ``0.0.0.0`` or ``::`` for all of them, or a name.
        port: Port number; 0 takes any free port.
        certificate: PEM file with the certificate and its chain; None makes one where the page leaves this machine.
        key: PEM file with the certificate's key; None if it is in the same file.
        names: Names beside its addresses under which this machine may be asked, such as ``studio.example``.
        camera: Width, height and frames a second that a page asks of its camera.
        look_ahead: Number of frames to look ahead of a page's camera, 0 or 1; see
            :class:`pipeline.live.session.SessionOptions`.
        limits: Limits on what pages ask of this machine.
    """

    host: str = DEFAULT_HOST
    port: int = DEFAULT_PORT
    certificate: Path | None = None
    key: Path | None = None
    names: tuple[str, ...] = ()
    camera: tuple[int, int, float] = CAMERA
    look_ahead: int = 0
    limits: WebLimits = field(default_factory=WebLimits)

    @property
    def is_private(self) -> bool:
        """Whether only this machine itself can reach the page."""
        if self.host == "localhost":
            return True
        try:
            return ipaddress.ip_address(self.host).is_loopback
        except ValueError:
            return False

    @property
    def has_tls(self) -> bool:
        """Whether the page is served by HTTPS: always, but on loopback without a certificate."""
        return self.certificate is not None or not self.is_private


def parse_address(text: str) -> tuple[str, int]:
    """Host and port of ``HOST:PORT``, ``HOST``, ``:PORT``, ``PORT`` or ``[IPV6]:PORT``.

    Args:
        text: Address as it was typed; what it leaves out is loopback and port 8765.

    Raises:
        UsageError: If the text has none of these forms.
    """
    wrong = UsageError(f"{text!r} is no address to serve on; write HOST:PORT such as 127.0.0.1:8765 or 0.0.0.0:8765")
    if text.startswith("["):
        host, bracket, rest = text[1:].partition("]")
        if not bracket or (rest and not rest.startswith(":")):
            raise wrong
        port = rest[1:]
    elif text.count(":") > 1:
        host, port = text, ""
    elif text.isdecimal():
        host, port = "", text
    else:
        host, _, port = text.partition(":")
    if port and not (port.isdecimal() and int(port) < 65536):
        raise wrong
    return host or DEFAULT_HOST, int(port) if port else DEFAULT_PORT
