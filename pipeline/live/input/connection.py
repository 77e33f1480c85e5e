"""One connection to a source: from opening it to its end."""

from __future__ import annotations

import errno
import threading
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

import av
import av.error
from av.codec.context import Flags

from pipeline.errors import InputError
from pipeline.live.input.address import Address, Kind
from pipeline.live.input.capture_clock import CaptureClock
from pipeline.live.input.srt import SrtPipe

if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import IO

LATE = 1.0
"""Seconds by which frames may come late before only keyframes are decoded, until it is made up for."""

CAUGHT_UP = 0.25
"""Most seconds by which a keyframe may be late if full decoding is to go on with it."""

_NAP = 0.1
"""Seconds after which a waiting thread checks whether the connection is still wanted."""


@dataclass(frozen=True, slots=True)
class ReaderOptions:
    """Time-outs of a connection.

    Attributes:
        open_timeout: Seconds to wait for a connection and its headers.
        read_timeout: Seconds to wait for data.
    """

    open_timeout: float = 10.0
    read_timeout: float = 5.0


class Connection:
    """Reads a source in a thread of its own, which is abandoned where FFmpeg does not come back.

    Network sources give up by FFmpeg's own time-outs. Devices and pipes may block for ever in the system, where
    nothing can reach them: then :meth:`abandon` makes sure that whatever still comes is thrown away, and the thread,
    a daemon, ends whenever the system lets it.

    Attributes:
        corrupt: Number of packets that could not be decoded.
        skipped: Number of packets that were not decoded, because decoding was late.
        last_sign: Time of the last frame or of the beginning, by :func:`time.perf_counter`.
        opened: Whether the connection ever gave a frame.
        error: Error that ended it; None while it runs and at a regular end.
    """

    def __init__(
        self, address: Address, options: ReaderOptions, deliver: Callable[[av.VideoFrame, float], None]
    ) -> None:
        """Prepares the connection.

        Args:
            address: Source to read.
            options: Time-outs of the connection.
            deliver: Function that takes each frame and its capture time. The connection's thread calls it, and never
                again once :meth:`abandon` has returned.
        """
        self._address, self._options, self._deliver = address, options, deliver
        self._lock = threading.Lock()
        self._wanted = True
        self._pipe: SrtPipe | None = None
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._run, name="deblur-source", daemon=True)
        self.corrupt = self.skipped = 0
        self.last_sign = time.perf_counter()
        self.opened = False
        self.error: Exception | None = None

    def start(self) -> None:
        """Begins to read."""
        self.last_sign = time.perf_counter()
        self._thread.start()

    def wait(self, timeout: float) -> bool:
        """Waits for the end at most ``timeout`` seconds, and tells whether it has come."""
        return self._ended.wait(timeout)

    def abandon(self) -> None:
        """Makes the connection end as soon as it can; no frame is delivered any more."""
        with self._lock:
            self._wanted = False
            if self._pipe is not None:
                self._pipe.close()

    def _run(self) -> None:
        try:
            if self._address.needs_srt_program:
                self._read_carried()
            else:
                self._read(self._address.url)
        except Exception as error:  # noqa: BLE001 - looked at by whoever waits for the end
            self.error = error
        finally:
            self._ended.set()

    def _read_carried(self) -> None:
        with self._lock:
            if not self._wanted:
                return
            pipe = self._pipe = SrtPipe(self._address.url, sends=False)
        try:
            self._read(pipe.file)
        except av.error.FFmpegError as error:
            raise ConnectionError(errno.ECONNRESET, pipe.failure or str(error)) from error
        finally:
            pipe.close()
            pipe.file.close()

    def _read(self, source: str | IO[bytes]) -> None:
        address, options = self._address, self._options
        with av.open(
            source,
            "r",
            format=address.format,
            options=dict(address.options),
            timeout=(options.open_timeout, options.read_timeout),
        ) as container:
            if not container.streams.video:
                raise InputError(f"{address.name} has no video")
            stream = container.streams.best("video") or container.streams.video[0]
            if not isinstance(stream, av.VideoStream):
                raise InputError(f"{address.name} has no video that can be decoded")
            # Threads that each work on a frame of their own keep as many frames back.
            stream.thread_type = "AUTO" if address.kind is Kind.FILE else "SLICE"
            if not address.is_paced_here:
                stream.codec_context.flags |= Flags.low_delay
            self._decode(container, stream)

    def _decode(self, container: av.container.InputContainer, stream: av.VideoStream) -> None:
        clock = CaptureClock(paced=self._address.is_paced_here)
        is_late = False
        for packet in container.demux(stream):
            if not self._wanted:
                return
            if is_late and packet.size and not packet.is_keyframe:
                # Only a keyframe can be gone on from; whether it is late too shows when it is decoded.
                self.skipped += 1
                continue
            try:
                frames = packet.decode()
            except av.error.EOFError:
                return
            except av.error.InvalidDataError:
                self.corrupt += 1
                continue
            for frame in frames:
                arrival = time.perf_counter()
                captured = clock.captured(frame.time, arrival)
                lateness = arrival - captured
                is_late = lateness > (CAUGHT_UP if is_late else LATE)
                if not self._pace(captured) or not self._give(frame, min(captured, time.perf_counter())):
                    return

    def _pace(self, due: float) -> bool:
        """Waits until a frame is due; returns False if it is not wanted any more."""
        while self._wanted and (remaining := due - time.perf_counter()) > 0:
            self.last_sign = time.perf_counter()  # it is this side that waits
            time.sleep(min(remaining, _NAP))
        return self._wanted

    def _give(self, frame: av.VideoFrame, captured: float) -> bool:
        with self._lock:
            if not self._wanted:
                return False
            self.last_sign = time.perf_counter()
            self.opened = True
            self._deliver(frame, captured)
        return True
