"""Description of an input video, which stays valid without reading it further."""

from __future__ import annotations

from typing import TYPE_CHECKING

import av

from pipeline.decode.container import promised_length
from pipeline.decode.limits import LimitGuard
from pipeline.decode.trim import TimeWindow
from pipeline.media.source_info import SourceInfo
from pipeline.media.tags import tags_of

if TYPE_CHECKING:
    from pipeline.decode.beginning import Beginning
    from pipeline.decode.demuxer import Demuxer
    from pipeline.job import SourceOptions


def describe(demuxer: Demuxer, options: SourceOptions, beginning: Beginning) -> SourceInfo:
    """Builds the description of an input from its header and its first frame.

    Args:
        demuxer: Demuxer of the open input.
        options: Options for reading the input.
        beginning: Facts that reading up to the first frame has shown.

    Raises:
        LimitError: If the header announces more than the limits allow.
    """
    container, video, rate = demuxer.container, demuxer.video, demuxer.average_rate
    window = TimeWindow(demuxer.origin, options.start, options.duration, zero=beginning.zero)
    total = promised_length(container, video)
    part = window.length(total)
    frames = video.frames or (round(total * rate) if total and rate else 0)
    if total and part is not None and part != total:
        frames = round(frames * part / total)
    LimitGuard(demuxer.name, options.limits).check_promise(video.frames if part == total else None, part)
    return SourceInfo(
        name=demuxer.name,
        path=demuxer.path,
        format_name=container.format.name,
        format_long_name=container.format.long_name,
        container_start=container.start_time / av.time_base if container.start_time else 0.0,
        container_duration=container.duration / av.time_base if container.duration else None,
        tags=tags_of(container),
        chapters=tuple(kept for chapter in container.chapters() if (kept := window.chapter(chapter))),
        streams=tuple(container.streams),
        stream=video,
        copied=demuxer.copied,
        covers=beginning.covers,
        spec=beginning.spec,
        first_frame=beginning.first_frame,
        interlaced=beginning.interlaced,
        time_base=demuxer.time_base,
        average_rate=rate,
        duration=float(part) if part is not None else None,
        frame_estimate=frames or None,
        earliest=beginning.earliest,
        is_shifted=bool(options.start),
        is_on_device=beginning.is_on_device,
    )
