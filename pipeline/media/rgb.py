"""A frame as an array of RGB, and upright as a player shows it."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any

import numpy as np
from av.video.reformatter import Colorspace

from network.planes import Layout, Matrix
from pipeline.media.frames import EXACT, RANGE_FULL, RANGE_LIMITED, plane_rows
from pipeline.media.reformatter import Reformatter

if TYPE_CHECKING:
    import av
    from numpy.typing import NDArray

    from network.planes import PlaneSpec

COLORSPACES = {
    Matrix.BT601: Colorspace.ITU601,
    Matrix.BT709: Colorspace.ITU709,
    Matrix.BT2020: Colorspace.BT2020,
}
"""PyAV's name of each matrix, for its reformatter; RGB has none."""

_RGB48 = "rgb48le" if sys.byteorder == "little" else "rgb48be"


def rgb_of(
    frame: av.VideoFrame, spec: PlaneSpec, depth: int | None = None, reformatter: Reformatter | None = None
) -> NDArray[Any]:
    """Converts a frame to RGB. The gamma curve stays: HDR video is not mapped to SDR.

    Args:
        frame: Frame in the native format of ``spec``.
        spec: Layout of its planes.
        depth: 8 or 16 bits; None for 8 where the frame has 8, else 16.
        reformatter: Converter that is reused from frame to frame; None for a new one.

    Returns:
        (H, W, 3), uint8 of 0 to 255 or uint16 of 0 to 65535. RGB video of 8 and 16 bits is not changed by that.
    """
    depth = depth or (8 if spec.depth == 8 else 16)
    if spec.matrix is Matrix.RGB and spec.depth == depth:
        green, blue, red = (plane_rows(frame, number) for number in range(3))
        return np.stack((red, green, blue), axis=-1)
    converted = (reformatter or Reformatter()).reformat(
        frame,
        format="rgb24" if depth == 8 else _RGB48,
        interpolation=EXACT,
        src_colorspace=None if spec.layout is Layout.GRAY else COLORSPACES.get(spec.matrix),
        src_color_range=RANGE_FULL if spec.full_range else RANGE_LIMITED,
        dst_color_range=RANGE_FULL,
    )
    rgb: NDArray[Any] = converted.to_ndarray()
    return rgb


def upright(samples: NDArray[Any], matrix: tuple[int, ...] | None) -> NDArray[Any]:
    """A view of samples as a player shows them: turned by right angles and mirrored. Writing to it writes to them.

    Args:
        samples: (H, W) or (H, W, C), as they are coded.
        matrix: Display matrix of the video, as FFmpeg stores it; None for none. One that turns by another angle than
            a right one counts as the nearest right angle.

    Returns:
        (H, W), or (W, H) where the picture is turned on its side; with the same C.
    """
    if matrix is None:
        return samples
    across, up, left, down = matrix[0], matrix[1], matrix[3], matrix[4]
    if max(abs(across), abs(down)) < max(abs(up), abs(left)):
        # Output columns run along the rows of the code.
        samples = samples.swapaxes(0, 1)
        across, down = left, up
    if across < 0:
        samples = samples[:, ::-1]
    return samples[::-1] if down < 0 else samples
