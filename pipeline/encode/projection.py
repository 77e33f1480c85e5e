"""What a container says of the space of a picture: its 360 degree projection, its views for both eyes.

No encoder writes that, and PyAV has no way to put it on a stream; but a stream made after another one has it. So the
output's stream is made after the input's, and the frames for it are encoded elsewhere. That needs the same codec.
"""

from __future__ import annotations

import contextlib
import io
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import av
import av.error
from av.sidedata.sidedata import Type

from pipeline.encode.video_encoder import VideoEncoder
from pipeline.media.pyav18 import open_media
from pipeline.media.side_data import DOLBY_VISION, PROJECTION, kept_side_data

if TYPE_CHECKING:
    from collections.abc import Mapping

    from pipeline.encode.encoder_plan import EncoderPlan
    from pipeline.media.source_info import SourceInfo

UNOFFICIAL = {"strict": "unofficial"}
"""Option of containers with which FFmpeg writes boxes that are in no standard: Google's and Dolby's."""

_BOXES = {Type.SPHERICAL: b"sv3d", Type.STEREO3D: b"st3d"}
"""Boxes of MP4 that say all of it. FFmpeg also writes Apple's, which say less, and reads those."""

_IN_ONE_PICTURE = range(8)
"""Values of FFmpeg's ``AVStereo3DType`` for both views in one picture; of others, only one view is decoded."""


def with_projection(plan: EncoderPlan, info: SourceInfo, format_name: str) -> EncoderPlan:
    """The plan that keeps what the input says of the space of the picture; the same plan where that can't be.

    Args:
        plan: Encoder and settings of the video.
        info: Description of the input that the frames come from.
        format_name: FFmpeg's name of the container.
    """
    found = info.first_frame.side_data
    wanted = {kind: found[kind] for kind in PROJECTION if kind in found}
    stereo = int.from_bytes(wanted.get(Type.STEREO3D, b"")[:4], "little")
    same = plan.codec == info.codec and (plan.width, plan.height) == (info.spec.width, info.spec.height)
    # The box of Dolby Vision would come along too, whether its metadata does or not.
    if not wanted or not same or stereo not in _IN_ONE_PICTURE or DOLBY_VISION & found.keys():
        return plan
    with contextlib.suppress(av.error.FFmpegError, ValueError, OverflowError, OSError):
        if _says(_written(plan, info, format_name), wanted):
            return replace(plan, carried=plan.carried | wanted.keys())
    return plan


def add_like_input(output: av.container.OutputContainer, plan: EncoderPlan, info: SourceInfo) -> Any:
    """Adds a video stream with all that the input's container says of the picture.

    Args:
        output: Container that nothing was written to.
        plan: Encoder and settings of the video, of the same codec as the input's.
        info: Description of the input, whose container is open.

    Returns:
        A stream without an encoder: it takes frames from an encoder with the same plan.

    Raises:
        FFmpegError: If the encoder can't be opened.
    """
    stream: Any = output.add_stream_from_template(info.stream, opaque=True)
    plan.describe(stream.codec_context, info)
    with contextlib.closing(VideoEncoder.alone(plan, info, output.format.name)) as encoder:
        encoder.describe(stream.codec_context)
    return stream


def _written(plan: EncoderPlan, info: SourceInfo, format_name: str) -> bytes:
    """A file of one frame."""
    scratch = io.BytesIO()
    with open_media(scratch, "w", format=format_name, container_options=UNOFFICIAL) as output:
        stream = add_like_input(output, plan, info)
        stream.time_base = info.time_base
        with contextlib.closing(VideoEncoder.alone(plan, info, format_name)) as encoder:
            frame = av.VideoFrame(info.spec.width, info.spec.height, info.pixel_format)
            frame.pts, frame.duration, frame.time_base = 0, 1, info.time_base
            for packet in (*encoder.encode(frame), *encoder.flush()):
                packet.stream = stream
                output.mux_one(packet)
    return scratch.getvalue()


def _says(file: bytes, wanted: Mapping[Type, bytes]) -> bool:
    """Whether a file says of the picture what it should, of each kind."""
    with open_media(io.BytesIO(file), "r") as read:
        found = kept_side_data(next(read.decode(video=0)))
    return all(found.get(kind) == data or _BOXES[kind] in file for kind, data in wanted.items())
