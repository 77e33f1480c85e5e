"""What an input is, apart from reading it."""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from typing import TYPE_CHECKING

from pipeline.media.native_formats import without_alpha

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

    import av
    from av.container import Chapter
    from av.stream import Stream

    from network.planes import PlaneSpec
    from pipeline.media.frame_info import FrameInfo


@dataclass(frozen=True, slots=True, eq=False)
class SourceInfo:
    """Description of an input, for the output, the report and the plan.

    The streams stay usable as long as the source that they came from is open.

    Attributes:
        name: Name of the input, for messages.
        path: Path of the input; None if it is a file object.
        format_name: FFmpeg's name of the container format, such as ``mov,mp4,m4a,3gp,3g2,mj2``.
        format_long_name: Name of the container format in words.
        container_start: Time of the beginning of the container, in seconds.
        container_duration: Length of the whole container, in seconds; None if the container does not state it.
        tags: Tags of the container.
        chapters: Chapters of the part that is read, with times counted from the start of that part.
        streams: All streams, in the order of the file.
        stream: The video stream that is decoded.
        copied: The streams whose packets are copied, in the order of the file.
        covers: The pictures attached to the container (cover art), by the index of their stream.
        spec: Layout of the planes of each frame.
        first_frame: Properties of the first frame.
        interlaced: Whether the first frame was interlaced (and all are being deinterlaced).
        time_base: Unit of the frames' time stamps, in seconds.
        average_rate: Average frame rate, in frames a second; None if unknown.
        duration: Length of the part that is read, in seconds; None if unknown.
        frame_estimate: Expected number of frames; None if unknown.
        earliest: Time of the first frame, or of a packet before it, in seconds; negative where sound needs a run-up.
        begins: Time of the first packet of each other stream that has one before the first frame, in seconds, by index.
        first_shown: Time of the first frame, or of sound or a subtitle that is played before it, in seconds.
        is_shifted: Whether time stamps differ from those of the input because reading starts later.
        is_on_device: Whether frames are on the GPU that decodes them.
        suitable_rate: Function that finds the constant frame rate, in frames a second, at which each frame comes in its
            own interval; None where the input can be read only once. It may read the whole input.
    """

    name: str
    path: Path | None
    format_name: str
    format_long_name: str
    container_start: float
    container_duration: float | None
    tags: Mapping[str, str]
    chapters: tuple[Chapter, ...]
    streams: tuple[Stream, ...]
    stream: av.VideoStream
    copied: tuple[Stream, ...]
    covers: Mapping[int, bytes]
    spec: PlaneSpec
    first_frame: FrameInfo
    interlaced: bool
    time_base: Fraction
    average_rate: Fraction | None
    duration: float | None
    frame_estimate: int | None
    earliest: Fraction
    begins: Mapping[int, Fraction]
    first_shown: Fraction
    is_shifted: bool
    is_on_device: bool
    suitable_rate: Callable[[], Fraction | None] | None = None

    @property
    def first_time(self) -> Fraction:
        """Time of the first frame, in seconds."""
        return Fraction(0) if self.is_shifted else self.first_frame.pts * self.time_base

    @property
    def interval(self) -> Fraction | None:
        """Seconds from one frame to the next, on average; None if unknown."""
        return 1 / self.average_rate if self.average_rate else None

    @property
    def codec(self) -> str:
        """FFmpeg's name of the video's codec (not of a decoder), such as ``h264`` or ``av1``."""
        return self.stream.codec_context.codec.canonical_name

    @property
    def pixel_format(self) -> str:
        """FFmpeg's name of the pixel format of the frames that a source yields."""
        return self.first_frame.pixel_format

    @property
    def coded_pixel_format(self) -> str:
        """FFmpeg's name of the pixel format in the input."""
        coded = self.stream.codec_context.pix_fmt or self.pixel_format
        # The alpha of VP8 and VP9 is found in their packets, not in their headers.
        return self.pixel_format if coded == without_alpha(self.pixel_format) else coded

    @property
    def rotation(self) -> int:
        """Angle by which a player turns the picture, in degrees counter-clockwise."""
        return self.first_frame.rotation

    @property
    def display_matrix(self) -> tuple[int, ...] | None:
        """Matrix by which a player turns and mirrors the picture: nine numbers as FFmpeg stores them; None if unset."""
        return self.first_frame.display_matrix

    @property
    def starts_at_zero(self) -> bool:
        """Whether all streams begin at time zero."""
        return not self.is_shifted and not any(stream.start_time for stream in self.streams)
