"""What a page sees: the newest result of a session, alone or below the blurred picture of the same moment."""

from __future__ import annotations

import asyncio
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import av
from aiortc.mediastreams import VIDEO_CLOCK_RATE, VIDEO_TIME_BASE, MediaStreamError, MediaStreamTrack
from av.video.reformatter import Colorspace

from network.planes import Matrix, PlaneBatch
from pipeline.errors import EngineError
from pipeline.live.processor import apply_strength, fit_size
from pipeline.media.frames import RANGE_FULL, RANGE_LIMITED, plane_rows, read_planes, spec_of, write_planes
from pipeline.media.reformatter import Reformatter

if TYPE_CHECKING:
    from collections.abc import Callable

    from pipeline.live.session import LiveSession
    from pipeline.live.subscription import LiveResult

_COLORSPACES: Final = {
    Matrix.BT601: Colorspace.ITU601,
    Matrix.BT709: Colorspace.ITU709,
    Matrix.BT2020: Colorspace.BT2020,
}


@dataclass(slots=True)
class Appearance:
    """Appearance of the results, which may be changed at any time.

    Attributes:
        compares: Whether the blurred picture is shown above the deblurred one.
        share: Share of the session's correction that is shown, 0 to 1.5: one viewer's own strength, where several
            watch one session.
    """

    compares: bool = True
    share: float = 1.0


class ResultTrack(MediaStreamTrack):
    """Sends the newest result there is; what the network or the encoder has no time for is dropped, and counted."""

    kind = "video"

    def __init__(
        self,
        session: LiveSession,
        appearance: Appearance,
        limit: tuple[int, int],
        on_end: Callable[[str], None],
    ) -> None:
        """Belongs to the running event loop.

        Args:
            session: Session whose results are sent.
            appearance: Appearance of the picture.
            limit: Greatest width and height of the picture, in pixels; larger ones are scaled down.
            on_end: Function that is called in the event loop, once, if the session ends; with a line for the user.
        """
        super().__init__()
        self._loop: asyncio.AbstractEventLoop = asyncio.get_running_loop()
        self._appearance, self._limit, self._on_end = appearance, limit, on_end
        self._reformatter = Reformatter()
        self._is_ready = asyncio.Event()
        self._start = time.perf_counter()
        self._last_pts = -1
        self.view = session.subscribe(on_ready=self._wake)
        """Subscription to the session, with its counts."""

    async def recv(self) -> av.VideoFrame:
        """The next picture, yuv420p by BT.601 of limited range, with the time stamp of its capture.

        Raises:
            aiortc.mediastreams.MediaStreamError: If the track or the session has ended.
        """
        result = await self._next()
        picture = await asyncio.to_thread(self._picture, result)
        pts = max(self._last_pts + 1, round((result.captured - self._start) * VIDEO_CLOCK_RATE))
        picture.pts, picture.time_base, self._last_pts = pts, VIDEO_TIME_BASE, pts
        self.view.mark_shown(result)
        return picture

    def stop(self) -> None:
        """Ends the track and whoever waits for a picture."""
        super().stop()
        self.view.close()
        self._is_ready.set()

    def _wake(self) -> None:
        if not self._loop.is_closed():
            self._loop.call_soon_threadsafe(self._is_ready.set)

    async def _next(self) -> LiveResult:
        while self.readyState == "live":
            self._is_ready.clear()
            try:
                result = self.view.get(timeout=0)
            except EngineError as error:
                self._on_end(str(error))
                break
            if result is not None:
                return result
            if self.view.is_ended:
                self._on_end("the source has ended")
                break
            await self._is_ready.wait()
        raise MediaStreamError

    def _picture(self, result: LiveResult) -> av.VideoFrame:
        before, after = self._plain(result.original), self._plain(result.frame)
        share, compares = self._appearance.share, self._appearance.compares
        if share != 1:
            after = blended(before, after, share)
        if compares:
            return stacked(before, after)
        return copied(after) if after is result.frame else after  # results belong to all viewers

    def _plain(self, frame: av.VideoFrame) -> av.VideoFrame:
        """The frame in the colours that browsers assume without tags; the frame itself if it has these already."""
        width, height = fit_size((frame.width, frame.height), self._limit)
        spec, _ = spec_of(frame)
        return self._reformatter.reformat(
            frame,
            width=width,
            height=height,
            format="yuv420p",
            src_colorspace=_COLORSPACES.get(spec.matrix),
            dst_colorspace=Colorspace.ITU601,
            src_color_range=RANGE_FULL if spec.full_range else RANGE_LIMITED,
            dst_color_range=RANGE_LIMITED,
        )


def copied(frame: av.VideoFrame) -> av.VideoFrame:
    """A new frame with the same samples.

    Args:
        frame: Frame in yuv420p.
    """
    copy = av.VideoFrame(frame.width, frame.height, "yuv420p")
    for index in range(3):
        plane_rows(copy, index)[...] = plane_rows(frame, index)
    return copy


def blended(before: av.VideoFrame, after: av.VideoFrame, share: float) -> av.VideoFrame:
    """A new frame with a share of the correction between two.

    Args:
        before: Blurred frame in yuv420p.
        after: Deblurred frame of the same size and format.
        share: Share of the correction: 0 for ``before``, 1 for ``after``, up to 1.5.
    """
    spec, _ = spec_of(after)
    blurred, deblurred = PlaneBatch.empty(spec, 1), PlaneBatch.empty(spec, 1)
    read_planes(before, blurred, 0)
    read_planes(after, deblurred, 0)
    apply_strength(blurred, deblurred, share)
    return write_planes(deblurred, 0, av.VideoFrame(after.width, after.height, "yuv420p"))


def stacked(before: av.VideoFrame, after: av.VideoFrame) -> av.VideoFrame:
    """A new frame of twice the height: above the blurred picture, below the deblurred one.

    Two tracks would drift apart; in one frame, both halves are of the same moment.

    Args:
        before: Blurred frame in yuv420p; the last line of an odd height is left out.
        after: Deblurred frame of the same size and format.
    """
    height = after.height - after.height % 2  # so that the halves meet between lines of chroma
    picture = av.VideoFrame(after.width, 2 * height, "yuv420p")
    for index in range(3):
        rows, upper, lower = plane_rows(picture, index), plane_rows(before, index), plane_rows(after, index)
        half = len(rows) // 2
        rows[:half], rows[half:] = upper[:half], lower[:half]
    return picture
