"""What is planned for the encoder of the video."""

from __future__ import annotations

from dataclasses import dataclass, field
from fractions import Fraction
from typing import TYPE_CHECKING

from network.planes import Matrix
from pipeline.encode.colours import Colours
from pipeline.encode.settings import repeatable
from pipeline.media.frames import RANGE_FULL, RANGE_LIMITED
from pipeline.media.pyav18 import set_chroma_location

if TYPE_CHECKING:
    from av.sidedata.sidedata import Type
    from av.video.codeccontext import VideoCodecContext

    from network.planes import PlaneSpec
    from pipeline.encode.orientation import Turn
    from pipeline.media.source_info import SourceInfo
    from pipeline.notes import Note


@dataclass(frozen=True, slots=True)
class EncoderPlan:
    """Encoder and settings of the video, tested by opening the encoder once and by encoding a small picture.

    Attributes:
        encoder: FFmpeg's name of the encoder, such as ``libx264``.
        codec: FFmpeg's name of the codec, such as ``h264``.
        pixel_format: FFmpeg's name of the pixel format that the encoder takes.
        width: Width of the encoded picture, in pixels: that of the input, or one more where the encoder needs even
            sizes.
        height: Height of the encoded picture, in pixels, with the same rounding as the width.
        full_range: Whether the encoded samples have full range; None if the input does not say and nothing is
            converted.
        matrix: Colour matrix of the encoded samples; RGB if there is none.
        colorspace: FFmpeg's ``AVColorSpace`` that the output states.
        time_base: Unit of the encoder's time stamps, in seconds.
        counts_frames: Whether the encoder gets the number of each frame instead of its time, because it can't take the
            input's time base. The time is put back on the packets.
        rate: Nominal frame rate, in frames a second.
        options: Options of the encoder, by FFmpeg's names.
        turn: How the picture itself is turned before it is encoded; None if it is not.
        carried: Kinds of side data that go with each frame into the encoder, and are written by it.
        notes: Notes for the user on what changes, one line each.
    """

    encoder: str
    codec: str
    pixel_format: str
    width: int
    height: int
    full_range: bool | None
    matrix: Matrix
    colorspace: int
    time_base: Fraction
    rate: Fraction
    counts_frames: bool = False
    options: dict[str, str] = field(default_factory=dict)
    turn: Turn | None = None
    carried: frozenset[Type] = frozenset()
    notes: tuple[Note, ...] = ()

    def colours(self, spec: PlaneSpec) -> Colours:
        """What the encoded samples mean.

        Args:
            spec: Layout of the planes of the input's frames.
        """
        full_range = spec.full_range if self.full_range is None else self.full_range
        return Colours(self.matrix, full_range or self.matrix is Matrix.RGB)

    def configure(self, context: VideoCodecContext, info: SourceInfo) -> None:
        """Sets size, format, clock, colour and options on an encoder context that is not open yet."""
        self.describe(context, info)
        context.time_base = self.time_base
        context.thread_count = 0
        context.options = repeatable(self.encoder, self.options)

    def describe(self, context: VideoCodecContext, info: SourceInfo) -> None:
        """Sets size, format, rate and colour of the encoded frames on a codec context."""
        first = info.first_frame if self.turn is None else self.turn.applied_to(info).first_frame
        context.width, context.height = self.width, self.height
        context.pix_fmt = self.pixel_format
        context.framerate = self.rate
        context.color_range = {None: 0, True: RANGE_FULL, False: RANGE_LIMITED}[self.full_range]
        context.colorspace = self.colorspace
        context.color_primaries = first.color_primaries
        context.color_trc = first.color_trc
        set_chroma_location(context, first.chroma_location)
        aspect = info.stream.sample_aspect_ratio
        if aspect:
            swaps = self.turn is not None and self.turn.swaps_sides
            context.sample_aspect_ratio = Fraction(aspect.denominator, aspect.numerator) if swaps else aspect
