"""One WebRTC connection with a page: its camera comes in, or not, and pictures go out."""

from __future__ import annotations

import asyncio
import contextlib
import re
from typing import TYPE_CHECKING, Final

import av
from aiortc import RTCConfiguration, RTCPeerConnection, RTCSessionDescription
from aiortc.codecs import h264, vpx
from aiortc.exceptions import InvalidAccessError, InvalidStateError
from aiortc.mediastreams import MediaStreamError

from pipeline.errors import EngineError, InputError
from pipeline.live.web.access import TokenBucket
from pipeline.media.frames import RANGE_LIMITED

if TYPE_CHECKING:
    from collections.abc import Callable

    from aiortc import MediaStreamTrack

    from pipeline.live.web.options import WebLimits
    from pipeline.live.web.track import ResultTrack

SPACE_BT601: Final = 6
"""FFmpeg's ``AVCOL_SPC_SMPTE170M``."""

_SIZE_CHANGES: Final = (0.2, 10.0)
"""How often a camera may change its size: times a second in the long run, and at once. Each new one costs the engine a
moment, and browsers change it while they find out what the network carries."""

_CANDIDATE: Final = re.compile(r"^a=(candidate:.*|end-of-candidates)\r?\n", re.MULTILINE)


def raise_bitrate(maximum: int) -> None:
    """Lets aiortc's encoders use a rate at which detail survives; theirs ends at 1.5 or 3 Mbit/s.

    aiortc has no option for it: its encoders read these values of their modules. Where the network allows less, the
    browser says so, and the rate follows.

    Args:
        maximum: Highest bitrate, in bits a second.
    """
    for codec in (vpx, h264):
        vars(codec).update(MAX_BITRATE=maximum, DEFAULT_BITRATE=maximum // 3)


class Peer:
    """A connection that exists from its answer to its close."""

    def __init__(
        self,
        outgoing: ResultTrack,
        limits: WebLimits,
        on_frame: Callable[[av.VideoFrame], None],
        on_end: Callable[[str], None],
    ) -> None:
        """Prepares the connection; nothing is sent yet.

        Args:
            outgoing: Track of the outgoing pictures.
            limits: Limits on the size of a frame and on the time that connecting takes.
            on_frame: Function that takes each frame of the page's camera, in the event loop; an EngineError ends the
                connection.
            on_end: Function that is called in the event loop, once, when the connection ended without :meth:`close`;
                with a line for the user, or nothing where the page itself ended it.
        """
        self._outgoing, self._limits, self._on_frame, self._on_end = outgoing, limits, on_frame, on_end
        # No servers: aiortc's default would ask one of Google's for this machine's address.
        self._connection = RTCPeerConnection(RTCConfiguration(iceServers=[]))
        self._tasks: list[asyncio.Task[None]] = []
        self._is_over = False

    async def answer(self, offer: str) -> str:
        """Accepts what a page offers.

        The page's addresses are left out: it is the page that connects, and this machine sends nothing to an address
        from which it did not get the password of this connection first.

        Args:
            offer: Complete SDP of the offer.

        Returns:
            SDP of the answer, with this machine's addresses.

        Raises:
            pipeline.errors.InputError: If the offer is not valid.
        """
        self._connection.on("connectionstatechange", self._notice_state)
        self._connection.on("track", self._take_track)
        try:
            await self._connection.setRemoteDescription(RTCSessionDescription(_CANDIDATE.sub("", offer), "offer"))
            if [transceiver.kind for transceiver in self._connection.getTransceivers()] != ["video"]:
                raise InputError("a page has to offer one video, and nothing else")
            self._connection.addTrack(self._outgoing)
            answer = await self._connection.createAnswer()
            if answer is None:
                raise InputError("the offer has no answer")
            await self._connection.setLocalDescription(answer)
        except (ValueError, KeyError, IndexError, AttributeError, AssertionError) as error:
            # What aiortc raises for SDP that is none; it has no class of its own for it.
            raise InputError("the offer is no session description that is understood here") from error
        except (InvalidStateError, InvalidAccessError) as error:
            raise InputError(f"the offer can't be answered: {error}") from error
        self._tasks.append(asyncio.create_task(self._give_up_late()))
        return self._connection.localDescription.sdp

    async def close(self) -> None:
        """Ends the connection, with its sockets, threads and tasks. May be called twice."""
        self._is_over = True
        self._outgoing.stop()
        for task in self._tasks:
            task.cancel()
        if self._tasks:
            await asyncio.wait(self._tasks)
        self._tasks.clear()
        await self._connection.close()

    def _end(self, reason: str) -> None:
        if not self._is_over:
            self._is_over = True
            self._on_end(reason)

    def _notice_state(self) -> None:
        if self._connection.connectionState == "failed":
            self._end("the video connection broke off")
        elif self._connection.connectionState == "closed":
            self._end("")

    def _take_track(self, track: MediaStreamTrack) -> None:
        self._tasks.append(asyncio.create_task(self._read(track)))

    async def _read(self, track: MediaStreamTrack) -> None:
        """Takes every frame as soon as it is there: aiortc's own queue has no bound."""
        size, changes = (0, 0), TokenBucket(*_SIZE_CHANGES)
        with contextlib.suppress(MediaStreamError):  # the page stopped sending
            while True:
                frame = await track.recv()
                if not isinstance(frame, av.VideoFrame):
                    continue
                if frame.width * frame.height > self._limits.frame_pixels:
                    most = self._limits.frame_pixels / 1e6
                    self._end(
                        f"the camera's picture is too large, {frame.width}x{frame.height}; "
                        f"at most {most:.1f} million pixels are taken here"
                    )
                    return
                # Video connections carry no colour tags; this is what browsers mean and take it for, at every size.
                frame.colorspace, frame.color_range = SPACE_BT601, RANGE_LIMITED
                if (frame.width, frame.height) != size:
                    size = frame.width, frame.height
                    if not changes.take():
                        self._end("the camera changes its size too often")
                        return
                try:
                    self._on_frame(frame)
                except EngineError as error:
                    self._end(str(error))
                    return

    async def _give_up_late(self) -> None:
        await asyncio.sleep(self._limits.connect_seconds)
        if self._connection.connectionState != "connected":
            self._end("no video connection came about; is UDP between the two devices blocked?")
