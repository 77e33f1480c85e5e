"""Results as a live stream to a server or a player, connected again where it breaks."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

import av.error

from pipeline.errors import UsageError
from pipeline.live.backoff import Backoff
from pipeline.live.input.address import has_protocol
from pipeline.live.input.srt import SrtPipe, find_program
from pipeline.live.output.encoder import EncoderOptions, LiveEncoder
from pipeline.media.places import without_password

if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import IO

    from pipeline.live.subscription import LiveResult

_FORMATS = {"rtmp": "flv", "rtmps": "flv", "srt": "mpegts", "udp": "mpegts", "tcp": "mpegts"}

TIMEOUT = 5.0
"""Seconds after which a connection that takes nothing is given up."""


class Publisher:
    """Sends results to an address as H.264: FLV over RTMP, an MPEG transport stream over SRT, UDP or TCP."""

    queue = 2
    """Number of waiting results: the newest and one more, so that one late packet costs no frame."""

    def __init__(self, url: str, tell: Callable[[str], None], bitrate: int = 6_000_000) -> None:
        """Prepares to connect, with the first frame.

        Args:
            url: Address to send to.
            tell: Function that takes a line for the user when the connection breaks and when it is back.
            bitrate: Highest bitrate, in bits a second.

        Raises:
            UsageError: If nothing here can send to such an address.
        """
        scheme = url.partition("://")[0].lower()
        if "://" not in url or scheme not in _FORMATS:
            raise UsageError(f"can't send to {url!r}; give an address of {', '.join(_FORMATS)}")
        self._needs_srt_program = scheme == "srt" and not has_protocol(scheme)
        if self._needs_srt_program:
            find_program()
        rate = str(bitrate)
        self._options = EncoderOptions(
            format=_FORMATS[scheme],
            options={
                "preset": "veryfast",
                "tune": "zerolatency",
                "crf": "21",
                "maxrate": rate,
                "bufsize": rate,
            },
            timeout=TIMEOUT,
        )
        self._url, self._tell = url, tell
        self._encoder: LiveEncoder | None = None
        self._pipe: SrtPipe | None = None
        self._backoff = Backoff()
        self._retry_at = 0.0
        self.name = without_password(url)
        self._is_connected = False

    def show(self, result: LiveResult) -> bool:
        """Sends a result, or leaves it out where there is no connection."""
        if self._encoder is None and time.perf_counter() < self._retry_at:
            return False
        try:
            if self._encoder is None:
                self._encoder = LiveEncoder(self._open(), result, self._options)
            self._encoder.encode(result)
        except (OSError, ValueError, av.error.FFmpegError) as error:
            self._lose(error)
            return False
        if not self._is_connected and (self._pipe is None or self._pipe.is_connected):
            self._is_connected = True
            self._backoff.reset()
            self._tell(f"sending to {self.name}")
        return True

    def close(self) -> None:
        """Ends the stream; a connection that is gone already is no error."""
        encoder, self._encoder = self._encoder, None
        if encoder is not None:
            try:
                encoder.close()
            except (OSError, ValueError, av.error.FFmpegError) as error:
                self._tell(f"{self.name} did not end regularly: {getattr(error, 'strerror', None) or error}")
        if self._pipe is not None:
            self._pipe.finish()
            self._pipe = None

    def _open(self) -> str | IO[bytes]:
        if not self._needs_srt_program:
            return self._url
        self._pipe = SrtPipe(self._url, sends=True)
        return self._pipe.file

    def _lose(self, error: Exception) -> None:
        reason = getattr(error, "strerror", None) or str(error)
        if self._pipe is not None:
            reason = self._pipe.failure or reason
        pause = self._backoff.pause()
        self._tell(f"can't send to {self.name}: {reason}; trying again in {pause:g} s")
        if self._encoder is not None:
            self._encoder.abandon()
            self._encoder = None
        if self._pipe is not None:
            self._pipe.finish()
            self._pipe = None
        self._is_connected = False
        self._retry_at = time.perf_counter() + pause
