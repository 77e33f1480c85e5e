"""Options of the output container: what it needs to carry the input's tags, exact times, and to go to a pipe."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from pipeline.tags import container_tags, lost_tags

if TYPE_CHECKING:
    from pipeline.source import VideoSource

MOV_FAMILY = frozenset({"mp4", "mov", "ipod", "3gp", "3g2", "psp", "f4v", "ismv"})
"""FFmpeg's names of the containers that its MOV muxer writes."""


@dataclass(frozen=True, slots=True)
class MuxerPlan:
    """How the container is written.

    Attributes:
        options: For the muxer.
        notes: What it can't carry, one line each.
    """

    options: dict[str, str]
    notes: tuple[str, ...]


def plan_muxer(source: VideoSource, format_name: str, codec: str, *, seekable: bool) -> MuxerPlan:
    """Chooses the options of a muxer.

    Args:
        source: The input.
        format_name: FFmpeg's name of the container.
        codec: Of the video, by FFmpeg's name.
        seekable: Whether the muxer may go back in the output.
    """
    options: dict[str, str] = {}
    tags, chapters = container_tags(source.container.metadata), source.chapters
    lost, lost_chapters = lost_tags(format_name, codec, {}, tags, chapters)
    if format_name in MOV_FAMILY:
        flags = []
        if lost:
            # The free form of tags keeps all keys; the usual one is what most players read.
            still_lost, _ = lost_tags(format_name, codec, {"movflags": "use_metadata_tags"}, tags, chapters)
            if len(still_lost) < len(lost):
                flags.append("use_metadata_tags")
                lost = still_lost
        if not seekable:
            # In fragments nothing has to be filled in later; the delay lets the first one carry an edit list.
            flags += ["frag_keyframe", "delay_moov", "default_base_moof"]
        if flags:
            options["movflags"] = "+".join(flags)
        if source.time_base.numerator == 1:
            options["video_track_timescale"] = str(source.time_base.denominator)
    if format_name == "mpegts" and source.container.format.name == "mpegts" and not source.is_shifted:
        options["mpegts_copyts"] = "1"  # else the muxer moves all times by its own delay
    notes = []
    if lost:
        notes.append(f"{format_name} can't carry these tags: {', '.join(lost)}")
    if lost_chapters:
        notes.append(f"{format_name} can't carry chapters; left out")
    return MuxerPlan(options, tuple(notes))
