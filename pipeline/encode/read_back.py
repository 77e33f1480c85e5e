"""One frame written as an output will be, and read back, to see what codec and container really keep of it."""

from __future__ import annotations

import contextlib
import io
from dataclasses import replace
from fractions import Fraction
from typing import TYPE_CHECKING, Any

import av
import av.error

from pipeline.encode.container import MOV_FAMILY
from pipeline.encode.palette import PaletteFitter
from pipeline.media.alpha import decoder_with_alpha, is_with_alpha
from pipeline.media.frames import plane_rows
from pipeline.media.native_formats import has_alpha
from pipeline.media.pyav18 import open_media
from pipeline.media.reformatter import Reformatter
from pipeline.media.side_data import display_matrix, kept_side_data
from pipeline.system.scheduling import ordinary_scheduling

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pipeline.encode.encoder_plan import EncoderPlan
    from pipeline.media.source_info import SourceInfo

_SMALL = (128, 96)
"""Size that nearly every encoder takes, in pixels. A frame of it takes a few milliseconds."""


def keeps_alpha(plan: EncoderPlan, info: SourceInfo, format_name: str) -> bool:
    """Whether the alpha of a plan's frames can be read from a file of the container."""
    frame = _read_back(plan, info, format_name)
    if frame is None or not has_alpha(frame.format.name):
        return False
    alpha = plane_rows(Reformatter().reformat(frame, format="gbrap"), 3)
    return bool(alpha[:, 0].mean() < 64 and alpha[:, -1].mean() > 191)


def keeps_matrix(plan: EncoderPlan, info: SourceInfo, format_name: str, matrix: Sequence[int]) -> bool:
    """Whether a display matrix can be read from a file of the container, but for a shift."""
    frame = _read_back(plan, info, format_name, matrix)
    found = None if frame is None else display_matrix(kept_side_data(frame))
    return found is not None and all(abs(found[i] - matrix[i]) <= 1 << 10 for i in (0, 1, 3, 4))


def header_of(plan: EncoderPlan, info: SourceInfo, format_name: str, options: dict[str, str]) -> bytes:
    """The header of a file written as planned; empty if encoder or container refuse.

    Args:
        plan: Encoder and settings of the video.
        info: Description of the input that the frames come from.
        format_name: FFmpeg's name of the container.
        options: Options of the container, by FFmpeg's names.
    """
    scratch = io.BytesIO()
    if format_name in MOV_FAMILY:
        options = {**options, "movflags": "empty_moov"}  # else there is no header of a file without frames
    try:
        with ordinary_scheduling(), open_media(scratch, "w", format=format_name, container_options=options) as output:
            stream: Any = output.add_stream(plan.encoder, rate=plan.rate)
            plan.configure(stream.codec_context, info)
            output.start_encoding()
    except (av.error.FFmpegError, ValueError, OverflowError):
        return b""
    return scratch.getvalue()


def _read_back(
    plan: EncoderPlan, info: SourceInfo, format_name: str, matrix: Sequence[int] | None = None
) -> av.VideoFrame | None:
    """The first frame that is read from a file written as planned; None if that fails."""
    for width, height in (_SMALL, (plan.width, plan.height)):
        with contextlib.suppress(av.error.FFmpegError, ValueError, OverflowError, OSError):
            return _read(_written(replace(plan, width=width, height=height), info, format_name, matrix))
    return None


def _written(plan: EncoderPlan, info: SourceInfo, format_name: str, matrix: Sequence[int] | None) -> io.BytesIO:
    scratch = io.BytesIO()
    with ordinary_scheduling(), open_media(scratch, "w", format=format_name) as output:
        stream: Any = output.add_stream(plan.encoder, rate=plan.rate)
        plan.configure(stream.codec_context, info)
        if matrix is not None:
            stream.set_display_matrix(matrix)
        frame = _half_transparent(plan)
        for packet in (*stream.encode(frame), *stream.encode(None)):
            packet.dts = packet.pts  # x265 gives a single frame any decoding time, which muxers refuse
            output.mux(packet)
    scratch.seek(0)
    return scratch


def _half_transparent(plan: EncoderPlan) -> av.VideoFrame:
    """A dark frame; with alpha, it is clear on the left and opaque on the right."""
    frame = av.VideoFrame(plan.width, plan.height, "gbrap")
    for index in range(4):
        plane_rows(frame, index)[...] = 0
    plane_rows(frame, 3)[:, plan.width // 2 :] = 255
    if av.VideoFormat(plan.pixel_format).has_palette:
        frame = PaletteFitter().fit(Reformatter().reformat(frame, format="bgra"))
    else:
        frame = Reformatter().reformat(frame, format=plan.pixel_format)
    frame.pts, frame.duration, frame.time_base = 0, round(1 / (plan.rate * plan.time_base)), Fraction(plan.time_base)
    frame.colorspace, frame.color_range = plan.colorspace, 0
    return frame


def _read(file: io.BytesIO) -> av.VideoFrame | None:
    with open_media(file, "r") as source:
        stream = source.streams.video[0]
        decoder: Any = stream.codec_context
        for packet in source.demux(stream):
            if is_with_alpha(packet, decoder):
                decoder = decoder_with_alpha(decoder, {})
            for frame in decoder.decode(packet if packet.size else None):
                return frame  # type: ignore[no-any-return]
    return None
