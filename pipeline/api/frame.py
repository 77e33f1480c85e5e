"""One frame of a video as a user gets it: samples, colours, and its place in time."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, Any

from pipeline.media.frames import plane_rows
from pipeline.media.rgb import rgb_of

if TYPE_CHECKING:
    import av
    from numpy.typing import NDArray

    from network.planes import PlaneSpec


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
        return rgb_of(self.picture, self.spec)
