"""The last change before the encoder: its pixel format, its range, and even sizes where it needs them."""

from __future__ import annotations

from typing import TYPE_CHECKING

import av
import numpy as np
from av.video.reformatter import ColorRange, Colorspace, VideoReformatter

from network.planes import Matrix, PlaneSpec
from pipeline.media.frames import EXACT, RANGE_FULL, RANGE_LIMITED, SPACE_BT709, plane_rows

if TYPE_CHECKING:
    from pipeline.encoder import EncoderPlan


class FrameFitter:
    """Makes frames of the source what the encoder takes; most pass through untouched."""

    def __init__(self, plan: EncoderPlan, spec: PlaneSpec) -> None:
        """Prepares for frames of ``spec``."""
        self._plan = plan
        self._spec = spec
        self._reformatter = VideoReformatter()

    def fit(self, frame: av.VideoFrame) -> av.VideoFrame:
        """The frame in the encoder's format and size, at the same time."""
        plan = self._plan
        if frame.format.name != plan.pixel_format or (plan.full_range and not self._spec.full_range):
            frame = self._convert(frame)
        if (frame.width, frame.height) != (plan.width, plan.height):
            frame = pad_frame(frame, plan.width, plan.height)
        return frame

    def _convert(self, frame: av.VideoFrame) -> av.VideoFrame:
        plan = self._plan
        tags = (frame.color_primaries, frame.color_trc)
        source = ColorRange.JPEG if self._spec.full_range else ColorRange.MPEG
        target = source if plan.full_range is None else (ColorRange.JPEG if plan.full_range else ColorRange.MPEG)
        rgb_to_yuv = self._spec.matrix is Matrix.RGB and plan.colorspace == SPACE_BT709
        converted = self._reformatter.reformat(
            frame,
            format=plan.pixel_format,
            interpolation=EXACT,
            src_color_range=source,
            dst_color_range=target,
            dst_colorspace=Colorspace.ITU709 if rgb_to_yuv else None,
        )
        converted.color_primaries, converted.color_trc = tags
        converted.colorspace = plan.colorspace
        converted.color_range = {None: frame.color_range, True: RANGE_FULL, False: RANGE_LIMITED}[plan.full_range]
        return converted


def pad_frame(frame: av.VideoFrame, width: int, height: int) -> av.VideoFrame:
    """The frame with its last column and row repeated up to a larger size; the picture stays at the top left.

    Args:
        frame: In a planar or NV12-like format.
        width: At least the frame's.
        height: At least the frame's.
    """
    padded = av.VideoFrame(width, height, frame.format.name)
    for index in range(len(frame.planes)):
        source, target = plane_rows(frame, index), plane_rows(padded, index)
        group = 2 if index == 1 and len(frame.planes) == 2 else 1  # NV12's chroma samples come in pairs
        columns = np.minimum(np.arange(target.shape[1] // group), source.shape[1] // group - 1)
        rows = np.minimum(np.arange(target.shape[0]), source.shape[0] - 1)
        pixels = source.reshape(source.shape[0], -1, group)
        target[...] = pixels[rows][:, columns].reshape(target.shape)
    padded.pts, padded.duration, padded.time_base = frame.pts, frame.duration, frame.time_base
    padded.colorspace, padded.color_range = frame.colorspace, frame.color_range
    padded.color_primaries, padded.color_trc = frame.color_primaries, frame.color_trc
    return padded
