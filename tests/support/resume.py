"""A clip deblurred in segments, again and again, and what came of it."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import av

from pipeline.job import SegmentOptions, SinkOptions, VideoJob
from pipeline.video import deblur_video
from tests.support.displays import InterruptingDisplay
from tests.support.engines import CopyingEngine, InvertingEngine

if TYPE_CHECKING:
    from fractions import Fraction
    from pathlib import Path

    from pipeline.notes import Note
    from pipeline.report import Report


@dataclass
class Runner:
    """Deblurs one clip in segments of a second, again and again."""

    clip: Path
    output: Path
    sink: SinkOptions = field(default_factory=SinkOptions)
    changes: dict[str, Any] = field(default_factory=dict)

    @property
    def work(self) -> Path:
        return self.output.with_name(f".{self.output.name}.deblur")

    def run(
        self,
        after: int | None = None,
        *,
        cancel_after: int | None = None,
        engine: CopyingEngine | None = None,
        one_piece: bool = False,
        **options: Any,
    ) -> tuple[Report, CopyingEngine, list[Note]]:
        engine, display = engine or InvertingEngine(), InterruptingDisplay(after, cancel_after)
        segments = None if one_piece else SegmentOptions(**{"seconds": 1.0, **options})
        job = VideoJob(self.clip, self.output, sink=self.sink, segments=segments, **self.changes)
        report = deblur_video(job, lambda: engine, display, cancel=display.cancel)
        return report, engine, display.notes


def content_of(path: Path) -> dict[Any, list[tuple[Fraction | None, Fraction, str]]]:
    """Time, duration and digest of each packet of every stream, and of each frame of the video."""
    container: Any
    found: dict[Any, list[tuple[Fraction | None, Fraction, str]]] = {}
    with av.open(str(path)) as container:
        video = container.streams.best("video")
        for packet in container.demux():
            if packet.stream.index == video.index:
                for frame in packet.decode():
                    digest = hashlib.sha256(frame.to_ndarray().tobytes()).hexdigest()
                    time = frame.pts * frame.time_base
                    found.setdefault("video", []).append((time, frame.duration * frame.time_base, digest))
            elif packet.size:
                time = None if packet.pts is None else packet.pts * packet.time_base
                row = time, (packet.duration or 0) * packet.time_base, hashlib.sha256(bytes(packet)).hexdigest()
                found.setdefault(packet.stream.index, []).append(row)
    return found
