"""How an input is read."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from pipeline.decode.hardware import Acceleration
from pipeline.decode.limits import Limits

if TYPE_CHECKING:
    from pathlib import Path

    from pipeline.isolation import Isolation


@dataclass(frozen=True, slots=True)
class SourceOptions:
    """How an input is read.

    Attributes:
        format: FFmpeg's name of the container format, such as ``mp4``; None to find out from the content.
        start: Seconds from the beginning of the input to begin at; None for the beginning.
        duration: Seconds of it to read; None for all.
        deinterlace: Turn interlaced frames into progressive ones, one for each; else interlaced input is refused.
        acceleration: What decodes.
        on_device: Leave the frames that a GPU decodes on it, for an engine that takes them from there. What looks at
            their samples before (duplicates, ``--skip-sharp``, deinterlacing, ``--isolate``) can't go with it.
        limits: What the input may hold.
        isolation: How to decode in a process of its own; None for this one. It is
            :func:`pipeline.decode.isolated_source.open_source` that goes by it; a :class:`VideoSource` decodes where it
            is.
    """

    format: str | None = None
    start: float | None = None
    duration: float | None = None
    deinterlace: bool = False
    acceleration: Acceleration = Acceleration.NONE
    on_device: bool = False
    limits: Limits = field(default_factory=Limits)
    isolation: Isolation | None = None
    continued: tuple[Path, ...] = ()
