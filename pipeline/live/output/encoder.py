"""Results as encoded video with the times at which they were captured, into a file or to an address."""

from __future__ import annotations

from dataclasses import dataclass, field
from fractions import Fraction
from typing import TYPE_CHECKING

import av
from av.video.frame import PictureType

from network.planes import Matrix
from pipeline.live.processor import copy_of
from pipeline.media.frames import RANGE_FULL, RANGE_LIMITED, SPACE_BT709, spec_of
from pipeline.media.native_formats import depth_of
from pipeline.media.reformatter import Reformatter

if TYPE_CHECKING:
    from typing import IO

    from pipeline.live.subscription import LiveResult

TICKS = 90_000
"""Ticks in a second of the encoder's clock."""

_NOMINAL_RATE = 30
"""Nominal frames a second for the encoder, for its rate control; the frames' own times are what is written."""


@dataclass(frozen=True, slots=True)
class EncoderOptions:
    """Options to encode results with.

    Attributes:
        format: FFmpeg's name of the container; None to find out by the name.
        codec: FFmpeg's name of the encoder.
        options: Options of the encoder.
        container_options: Options of the muxer.
        keyframe_every: Time from keyframe to keyframe, in seconds.
        keeps_depth: Whether more than 8 bits stay 10; else all becomes 8 bits.
        timeout: Seconds after which a connection that takes nothing is given up; None for never.
    """

    format: str | None = None
    codec: str = "libx264"
    options: dict[str, str] = field(default_factory=dict)
    container_options: dict[str, str] = field(default_factory=dict)
    keyframe_every: float = 2.0
    keeps_depth: bool = False
    timeout: float | None = None


class LiveEncoder:
    """Encodes results into one container, as 4:2:0 of limited range, which everything plays.

    All frames get the size of the first one: when the source's size or the limit of it changes, the file goes on.
    Methods may raise ``OSError``, ``ValueError`` or ``av.error.FFmpegError`` as they come from PyAV.
    """

    def __init__(self, target: str | IO[bytes], first: LiveResult, options: EncoderOptions) -> None:
        """Opens the container.

        Args:
            target: Path or address to write to, or a binary file object, which is not closed.
            first: The first result, for its size, colour and time; it is not encoded yet.
            options: Options to encode with.
        """
        frame = first.frame
        spec, _ = spec_of(frame)
        self._is_rgb = spec.matrix is Matrix.RGB
        self._format = "yuv420p10le" if options.keeps_depth and depth_of(frame.format.name) > 8 else "yuv420p"
        self._size = tuple(length + length % 2 for length in (frame.width, frame.height))
        self._reformatter = Reformatter()
        self._start = first.captured
        self._last, self._next_keyframe = -1, 0
        self._keyframe_ticks = round(options.keyframe_every * TICKS)
        self._container = av.open(
            target, "w", format=options.format, container_options=options.container_options, timeout=options.timeout
        )
        try:
            self._stream = self._add_stream(frame, options)
            self._container.start_encoding()  # else a file that can't be made would show with the first packet
        except BaseException:
            self._container.close()
            raise

    def encode(self, result: LiveResult) -> None:
        """Writes one result, at the time at which it was captured."""
        frame = result.frame
        spec, _ = spec_of(frame)
        picture = self._reformatter.reformat(
            frame,
            width=self._size[0],
            height=self._size[1],
            format=self._format,
            dst_colorspace=SPACE_BT709 if self._is_rgb else None,
            src_color_range=RANGE_FULL if spec.full_range else RANGE_LIMITED,
            dst_color_range=RANGE_LIMITED,
        )
        if picture is frame:  # it needed no conversion, and is not ours to change
            picture = copy_of(frame)
        pts = max(self._last + 1, round((result.captured - self._start) * TICKS))
        picture.pts, picture.time_base = pts, Fraction(1, TICKS)
        is_key = pts >= self._next_keyframe
        picture.pict_type = PictureType.I if is_key else PictureType.NONE
        self._next_keyframe = pts + self._keyframe_ticks if is_key else self._next_keyframe
        self._last = pts
        self._container.mux(self._stream.encode(picture))

    def close(self) -> None:
        """Writes what the encoder holds back, and the end of the container."""
        try:
            self._container.mux(self._stream.encode(None))
        finally:
            self._container.close()

    def abandon(self) -> None:
        """Closes without caring for what is left, as after an error."""
        try:
            self._container.close()
        except (OSError, ValueError, av.error.FFmpegError):
            return  # it failed before, and that was told

    def _add_stream(self, frame: av.VideoFrame, options: EncoderOptions) -> av.VideoStream:
        stream = self._container.add_stream(options.codec, rate=_NOMINAL_RATE, options=dict(options.options))
        if not isinstance(stream, av.VideoStream):
            raise ValueError(f"{options.codec} encodes no video")  # noqa: TRY004 - the name is wrong, not a type
        context = stream.codec_context
        context.width, context.height = self._size
        context.pix_fmt = self._format
        context.time_base = stream.time_base = Fraction(1, TICKS)
        context.framerate = Fraction(_NOMINAL_RATE)
        context.color_range = RANGE_LIMITED
        context.colorspace = SPACE_BT709 if self._is_rgb else frame.colorspace
        context.color_primaries, context.color_trc = frame.color_primaries, frame.color_trc
        return stream
