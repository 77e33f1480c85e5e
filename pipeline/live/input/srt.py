"""SRT where this build of FFmpeg has none: the SRT project's own program carries it, through a pipe."""

from __future__ import annotations

import shutil
import subprocess
import threading
from typing import TYPE_CHECKING

from pipeline.errors import UsageError

if TYPE_CHECKING:
    from typing import IO

PROGRAM = "srt-live-transmit"

_CONNECTED = ("SRT source connected", "SRT target connected", "Accepted SRT")
"""Messages of the program when the other end has connected."""

_PAYLOAD = 1316
"""Size of a packet in bytes: seven packets of an MPEG transport stream, which is what every receiver of live streams
takes."""

_GRACE = 2.0
"""Most seconds to wait for data under way when a stream is ended."""


def find_program() -> str:
    """Path of the program.

    Raises:
        UsageError: If it is not installed.
    """
    found = shutil.which(PROGRAM)
    if found is None:
        raise UsageError(
            f"this build of FFmpeg has no SRT (PyAV's own wheels don't): install {PROGRAM}, which comes with Debian's "
            "srt-tools and Homebrew's srt, and try again"
        )
    return found


class SrtPipe:
    """One connection by SRT, as a file of bytes.

    Attributes:
        file: Unbuffered file to read received data from, or to write sent data to. It ends, or breaks, with the
            connection.
    """

    def __init__(self, url: str, *, sends: bool) -> None:
        """Begins to connect.

        Args:
            url: Address with the parameters of ``srt-live-transmit``, such as ``srt://host:9000?latency=200``.
                Whoever may list this machine's processes can read it.
            sends: Whether to send or to receive.

        Raises:
            UsageError: If the program is not installed.
            OSError: If it can't be started.
        """
        ends = ("file://con", url) if sends else (url, "file://con")
        self._process = subprocess.Popen(  # noqa: S603 - no shell, and the address is the user's own
            [find_program(), "-autoreconnect:no", "-loglevel:error", f"-chunk:{_PAYLOAD}", *ends],
            stdin=subprocess.PIPE if sends else subprocess.DEVNULL,
            stdout=subprocess.DEVNULL if sends else subprocess.PIPE,
            stderr=subprocess.PIPE,
            bufsize=0,
            start_new_session=True,  # Ctrl-C is for this program, which ends the stream in its own time
        )
        file, errors = (self._process.stdin if sends else self._process.stdout), self._process.stderr
        assert file is not None, "pipes were asked for"
        assert errors is not None, "pipes were asked for"
        self.file: IO[bytes] = file
        self._connected = threading.Event()
        self._last_error = ""
        self._listener = threading.Thread(target=self._listen, args=(errors,), name="deblur-srt", daemon=True)
        self._listener.start()

    @property
    def is_connected(self) -> bool:
        """Whether somebody was ever at the other end."""
        return self._connected.is_set()

    @property
    def failure(self) -> str:
        """Reason why the connection ended, for the user; empty if it has not ended."""
        try:
            self._process.wait(_GRACE)
        except subprocess.TimeoutExpired:
            return ""
        self._listener.join(_GRACE)
        if self._last_error:
            return self._last_error
        return "the other end is gone" if self.is_connected else "no answer"

    def finish(self) -> None:
        """Ends a stream that is sent, when what was written is on its way."""
        try:
            self.file.close()
            self._process.wait(_GRACE)
        except (OSError, subprocess.TimeoutExpired):
            pass  # whatever did not get away in that time is lost, as on any live stream
        self.close()

    def close(self) -> None:
        """Ends the connection at once; a read or write that waits for it returns. May be called from any thread."""
        self._process.kill()
        self._process.wait()

    def _listen(self, errors: IO[bytes]) -> None:
        with errors:
            for line in errors:
                text = line.decode("utf-8", "replace").strip()
                if any(sign in text for sign in _CONNECTED):
                    self._connected.set()
                elif text.startswith("ERROR"):
                    self._last_error = text.removeprefix("ERROR:").strip().removeprefix("error:").strip()
