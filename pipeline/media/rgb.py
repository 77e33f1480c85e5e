"""Frames as RGB."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any

import numpy as np
from av.video.reformatter import Colorspace, VideoReformatter

from network.planes import Layout, Matrix
from pipeline.media.frames import EXACT, RANGE_FULL, RANGE_LIMITED, plane_rows

if TYPE_CHECKING:
    import av
    from numpy.typing import NDArray

    from network.planes import PlaneSpec

_COLORSPACES = {
    Matrix.BT601: Colorspace.ITU601,
    Matrix.BT709: Colorspace.ITU709,
    Matrix.BT2020: Colorspace.BT2020,
}

_RGB48 = "rgb48le" if sys.byteorder == "little" else "rgb48be"


def rgb_of(frame: av.VideoFrame, spec: PlaneSpec) -> NDArray[Any]:
    """The samples of a frame as RGB.

    RGB video at 8 and 16 bits is not changed by that. The gamma curve stays: HDR video is not mapped to SDR.

    Args:
        frame: Frame in a native format.
        spec: What its planes are.

    Returns:
        (H, W, 3): uint8 of 0 to 255, or uint16 of 0 to 65535 where the video has over 8 bits.
    """
    if spec.matrix is Matrix.RGB and spec.depth in (8, 16):
        green, blue, red = (plane_rows(frame, number) for number in range(3))
        return np.stack((red, green, blue), axis=-1)
    converted = VideoReformatter().reformat(
        frame,
        format="rgb24" if spec.depth == 8 else _RGB48,
        interpolation=EXACT,
        src_colorspace=None if spec.layout is Layout.GRAY else _COLORSPACES.get(spec.matrix),
        src_color_range=RANGE_FULL if spec.full_range else RANGE_LIMITED,
        dst_color_range=RANGE_FULL,
    )
    rgb: NDArray[Any] = converted.to_ndarray()
    return rgb
