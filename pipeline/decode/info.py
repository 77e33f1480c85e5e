"""Description of an input video, which stays valid without reading it further."""

from __future__ import annotations

from fractions import Fraction
from functools import cache, partial
from typing import TYPE_CHECKING

import av
from av.stream import Disposition

from pipeline.decode.container import promised_length
from pipeline.decode.limits import LimitGuard
from pipeline.decode.suitable_rate import suitable_rate
from pipeline.decode.trim import TimeWindow
from pipeline.media.source_info import SourceInfo
from pipeline.media.tags import tags_of

if TYPE_CHECKING:
    from collections.abc import Callable

    from pipeline.decode.beginning import Beginning
    from pipeline.decode.demuxer import Demuxer
    from pipeline.job import SourceOptions

_SHOWN = ("video", "audio", "subtitle")
"""Types of the streams that are played."""


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
        begins=beginning.begins,
        first_shown=_first_shown(demuxer, options, beginning),
        is_shifted=bool(options.start),
        is_on_device=beginning.is_on_device,
        suitable_rate=_rate_finder(demuxer, options),
    )


def _first_shown(demuxer: Demuxer, options: SourceOptions, beginning: Beginning) -> Fraction:
    if options.start:
        return Fraction(0)
    times = [beginning.first_frame.pts * demuxer.time_base]
    for stream in demuxer.copied:
        # FFmpeg leaves the run-up of sound out of this time.
        is_shown = stream.type in _SHOWN and not stream.disposition & Disposition.attached_pic
        if is_shown and stream.start_time is not None and stream.time_base:
            times.append(stream.start_time * stream.time_base)
    return Fraction(min(times))


def _rate_finder(demuxer: Demuxer, options: SourceOptions) -> Callable[[], Fraction | None] | None:
    if demuxer.path is None or not demuxer.path.is_file():
        return None
    return cache(partial(suitable_rate, (demuxer.path, *options.continued), options))
