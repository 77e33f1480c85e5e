"""Dolby Vision metadata of frames that have none: that of the frame before, as a player would take it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from av.sidedata.sidedata import Type
from av.video.reformatter import Interpolation

from pipeline.media.frames import on_host, plane_count, plane_rows
from pipeline.media.pyav18 import side_data
from pipeline.media.reformatter import Reformatter

if TYPE_CHECKING:
    import av

_SMALL = 16
"""Width and height of the frame on which metadata is kept, in pixels."""


class DolbyVisionKeeper:
    """Completes the frames of a stream that begins with Dolby Vision, in their order.

    Encoders that write the metadata refuse a frame without it. PyAV can't attach metadata to a frame, but whatever it
    converts keeps it; so a small copy of the frame before becomes the frame that is completed.
    """

    def __init__(self) -> None:
        self._reformatter = Reformatter()
        self._last: av.VideoFrame | None = None
        self._is_first = True

    def complete(self, frame: av.VideoFrame) -> tuple[av.VideoFrame, bool]:
        """Returns a frame with metadata, and whether it had none; a stream that begins without is left as it is.

        Args:
            frame: Frame in a native format, or on a GPU.
        """
        if not self._is_first and self._last is None:
            return frame, False
        self._is_first = False
        if Type.DOVI_METADATA in side_data(frame):
            # Not the frame itself: other threads are soon at work on it.
            self._last = self._reformatter.reformat(
                on_host(frame),
                width=_SMALL,
                height=_SMALL,
                format="yuv420p",
                interpolation=Interpolation.POINT,
            )
            return frame, False
        return (frame, False) if self._last is None else (self._with_metadata(on_host(frame), self._last), True)

    def _with_metadata(self, frame: av.VideoFrame, donor: av.VideoFrame) -> av.VideoFrame:
        made = self._reformatter.reformat(donor, frame.width, frame.height, frame.format.name)
        for index in range(plane_count(frame)):
            plane_rows(made, index)[...] = plane_rows(frame, index)
        made.pts, made.dts, made.duration, made.time_base = frame.pts, frame.dts, frame.duration, frame.time_base
        made.colorspace, made.color_range = frame.colorspace, frame.color_range
        made.color_primaries, made.color_trc = frame.color_primaries, frame.color_trc
        return made
