"""Dolby Vision: the metadata of each frame, carried on by encoders that can write it."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from pipeline.encode.read_back import header_of
from pipeline.encode.settings import merge_parameters
from pipeline.media.side_data import DOLBY_VISION, dolby_vision_profile

if TYPE_CHECKING:
    from pipeline.encode.encoder_plan import EncoderPlan
    from pipeline.media.source_info import SourceInfo

_CROSS_COMPATIBLE = 8
"""Profile whose picture can be shown without the metadata. FFmpeg writes no other as it was."""

_ENCODERS: dict[str, dict[str, str]] = {
    # x265 asks for a limit of the rate. This one is seldom reached, and written so that each run gives the same file.
    "libx265": {"x265-params": "vbv-maxrate=100000:vbv-bufsize=100000:const-vbv=1"},
    "libsvtav1": {},
}


_SIGNS = (b"dvcC", b"dvvC", b"dvwC", b"DOVI")
"""What a container's header says by one of which that there is Dolby Vision."""


def with_dolby_vision(plan: EncoderPlan, info: SourceInfo, format_name: str) -> EncoderPlan:
    """The plan that writes the Dolby Vision metadata of the frames too; the same plan where that can't be.

    The metadata describes areas of the picture, so the picture must have its size and place.

    Args:
        plan: Encoder and settings of the video.
        info: Description of the input that the frames come from.
        format_name: FFmpeg's name of the container.
    """
    spec = info.spec
    fits = plan.pixel_format == "yuv420p10le" and (plan.width, plan.height) == (spec.width, spec.height)
    is_known = dolby_vision_profile(info.first_frame.side_data) == _CROSS_COMPATIBLE
    if plan.encoder not in _ENCODERS or not fits or not is_known:
        return plan
    options = dict(plan.options)
    merge_parameters(options, _ENCODERS[plan.encoder])
    options["dolbyvision"] = "1"
    carrying = replace(plan, options=options, carried=plan.carried | DOLBY_VISION)
    header = header_of(carrying, info, format_name, {"strict": "unofficial"})
    return carrying if any(sign in header for sign in _SIGNS) else plan
