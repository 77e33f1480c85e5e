"""One frame of a video as a user gets it: samples, colours, and its place in time."""

from __future__ import annotations

import sys
from dataclasses import dataclass, field
from functools import cached_property
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


@dataclass(frozen=True, eq=False)
class Frame:
    """One frame of a video.

    A frame stays as it is while further frames are read, and may be kept.

    Example::

        with deblur_stream.open_video("in.mp4") as video:
            for frame in video:
                print(f"{frame.time:.3f} s: {frame.rgb.shape}, luma {frame.planes[0].mean():.1f}")

    Attributes:
        time: Time at which the frame is shown, in seconds.
        duration: Seconds for which it is shown; None if unknown.
        spec: Layout, depth, matrix and range of the planes.
        picture: The frame as PyAV knows it, with all its properties. Its samples must not be written to.
    """

    time: float
    duration: float | None
    spec: PlaneSpec
    picture: av.VideoFrame = field(repr=False)

    @property
    def planes(self) -> tuple[NDArray[Any], ...]:
        """The samples in the format of the video, without conversion: one read-only array a plane.

        Shapes are those of ``spec.plane_shapes``, such as (H, W), (H/2, W/2), (H/2, W/2) of YUV 4:2:0. The arrays are
        uint8, or uint16 at more than 8 bits.
        """
        planes = []
        for number, shape in enumerate(self.spec.plane_shapes):
            rows = plane_rows(self.picture, number).reshape(shape).view()
            rows.flags.writeable = False
            planes.append(rows)
        return tuple(planes)

    @cached_property
    def rgb(self) -> NDArray[Any]:
        """The frame as RGB, (H, W, 3): uint8 of 0 to 255, or uint16 of 0 to 65535 where the video has over 8 bits.

        It is converted when it is first asked for. RGB video at 8 and 16 bits is not changed by that. The gamma curve
        stays: HDR video is not mapped to SDR.
        """
        spec = self.spec
        if spec.matrix is Matrix.RGB and spec.depth in (8, 16):
            green, blue, red = self.planes
            return np.stack((red, green, blue), axis=-1)
        converted = VideoReformatter().reformat(
            self.picture,
            format="rgb24" if spec.depth == 8 else _RGB48,
            interpolation=EXACT,
            src_colorspace=None if spec.layout is Layout.GRAY else _COLORSPACES.get(spec.matrix),
            src_color_range=RANGE_FULL if spec.full_range else RANGE_LIMITED,
            dst_color_range=RANGE_FULL,
        )
        rgb: NDArray[Any] = converted.to_ndarray()
        return rgb
