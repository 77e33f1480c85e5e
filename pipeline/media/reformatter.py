"""Conversion of frames between sizes, pixel formats and colours, by libswscale."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from av.video.reformatter import VideoReformatter

if TYPE_CHECKING:
    import av


class Reformatter:
    """PyAV's reformatter with one thread.

    With more, the last row of one part may be written beyond its end, where the next part has been written already:
    PyAV's frames leave little room behind each row.
    """

    def __init__(self) -> None:
        """Prepares for the first frame. What one conversion sets up serves the next of its kind."""
        self._reformatter = VideoReformatter()

    def reformat(
        self,
        frame: av.VideoFrame,
        width: int | None = None,
        height: int | None = None,
        format: str | None = None,  # noqa: A002 - as PyAV calls it
        **colours: Any,
    ) -> av.VideoFrame:
        """Converts a frame; returns the frame itself if there is nothing to convert.

        Args:
            frame: The frame, in the processor's memory or on a GPU.
            width: Wanted width in pixels; None for the frame's.
            height: Wanted height in pixels; None for the frame's.
            format: FFmpeg's name of the wanted pixel format; None for the frame's.
            colours: Interpolation, colour matrices and ranges, as :meth:`av.VideoFrame.reformat` takes them.
        """
        return self._reformatter.reformat(frame, width, height, format, threads=1, **colours)
