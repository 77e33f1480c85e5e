"""Properties of a frame other than its samples, as plain values that outlive the frame."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Self

from pipeline.media.pyav18 import chroma_location
from pipeline.media.side_data import display_matrix, kept_side_data

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

    import av
    from av.sidedata.sidedata import Type


@dataclass(frozen=True, slots=True)
class FrameInfo:
    """The properties of one decoded frame.

    Attributes:
        pixel_format: FFmpeg's name of the pixel format, such as ``yuv420p``.
        pts: Time stamp, in ticks of the source; 0 if the frame has none.
        color_range: Range of the samples, as FFmpeg's ``AVColorRange``.
        colorspace: Colour matrix, as FFmpeg's ``AVColorSpace``.
        color_primaries: Colour primaries, as FFmpeg's ``AVColorPrimaries``.
        color_trc: Transfer characteristic, as FFmpeg's ``AVColorTransferCharacteristic``.
        chroma_location: Place of the chroma samples, as FFmpeg's ``AVChromaLocation``; None if PyAV can't read it.
        rotation: Angle by which a player turns the picture, in degrees counter-clockwise.
        side_data: Side data that an output may keep, by kind, in FFmpeg's memory layout.
    """

    pixel_format: str
    pts: int
    color_range: int
    colorspace: int
    color_primaries: int
    color_trc: int
    chroma_location: int | None
    rotation: int
    side_data: Mapping[Type, bytes]

    @classmethod
    def of(cls, frame: av.VideoFrame) -> Self:
        """Reads the properties of ``frame``."""
        return cls(
            pixel_format=frame.format.name,
            pts=frame.pts or 0,
            color_range=int(frame.color_range),
            colorspace=int(frame.colorspace),
            color_primaries=int(frame.color_primaries),
            color_trc=int(frame.color_trc),
            chroma_location=chroma_location(frame),
            rotation=frame.rotation,
            side_data=kept_side_data(frame),
        )

    def with_side_data_of(self, other: av.VideoFrame | None) -> Self:
        """These properties, with the rotation and side data that another frame has in addition."""
        if other is None:
            return self
        return replace(
            self, rotation=self.rotation or other.rotation, side_data={**kept_side_data(other), **self.side_data}
        )

    def without(self, kinds: Collection[Type]) -> Self:
        """These properties without some kinds of side data."""
        return replace(self, side_data={kind: data for kind, data in self.side_data.items() if kind not in kinds})

    @property
    def display_matrix(self) -> tuple[int, ...] | None:
        """Matrix by which a player turns and mirrors the picture: nine numbers as FFmpeg stores them; None if unset."""
        return display_matrix(self.side_data)
