"""Conversion of a frame between pixel formats, colour matrices and ranges that are all named."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from av.video.reformatter import ColorRange, Colorspace

from network.planes import Matrix
from pipeline.media.frames import EXACT

if TYPE_CHECKING:
    import av

    from pipeline.media.reformatter import Reformatter

_COLORSPACES = {
    Matrix.BT601: Colorspace.ITU601,
    Matrix.BT709: Colorspace.ITU709,
    Matrix.BT2020: Colorspace.BT2020,
    Matrix.RGB: None,
}


@dataclass(frozen=True, slots=True)
class Colours:
    """What the samples of a frame mean.

    Attributes:
        matrix: Colour matrix; RGB if there is none.
        full_range: Whether the samples have full range.
    """

    matrix: Matrix
    full_range: bool

    def __str__(self) -> str:
        """For people."""
        if self.matrix is Matrix.RGB:
            return "RGB"
        return f"BT.{self.matrix.removeprefix('bt')} of {'full' if self.full_range else 'limited'} range"


def convert_colours(
    frame: av.VideoFrame, pixel_format: str, source: Colours, target: Colours, reformatter: Reformatter
) -> av.VideoFrame:
    """Converts a frame so that it shows the same picture in another format. Its colour tags are left to the caller.

    Args:
        frame: Frame to convert.
        pixel_format: FFmpeg's name of the wanted pixel format, without a palette.
        source: What the samples of ``frame`` mean.
        target: What the new samples are to mean.
        reformatter: Converter that is reused from frame to frame.
    """
    return reformatter.reformat(
        frame,
        format=pixel_format,
        interpolation=EXACT,
        src_colorspace=_COLORSPACES[source.matrix],
        dst_colorspace=_COLORSPACES[target.matrix],
        src_color_range=ColorRange.JPEG if source.full_range else ColorRange.MPEG,
        dst_color_range=ColorRange.JPEG if target.full_range else ColorRange.MPEG,
    )
