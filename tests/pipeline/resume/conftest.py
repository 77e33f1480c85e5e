"""Runs in segments with an engine that inverts, and what came of them."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import av
import numpy as np
import pytest

from network.planes import PlaneBatch
from pipeline.job import SegmentOptions, SinkOptions, VideoJob
from pipeline.runner.protocols import EngineInfo
from pipeline.video import deblur_video

if TYPE_CHECKING:
    from collections.abc import Callable
    from fractions import Fraction
    from pathlib import Path

    from network.planes import PlaneSpec
    from pipeline.report import Report
    from pipeline.runner.timing import RunProgress


@dataclass
class Inverter:
    """An engine that inverts every sample, so that a frame that passes it by shows; counts its frames."""

    digest: str = "ab"
    frames: int = 0
    resets: int = 0
    info: EngineInfo = field(init=False)

    def __post_init__(self) -> None:
        self.info = EngineInfo("test", "cpu", "exact", "inverter", self.digest, 1)

    def buffers(self, spec: PlaneSpec, batch: int) -> PlaneBatch:
        return PlaneBatch.empty(spec, batch)

    def run(self, batch: PlaneBatch, out: PlaneBatch) -> None:
        self.frames += batch.size
        for source, target in zip(batch.planes, out.planes, strict=True):
            np.invert(source, out=target)

    def reset(self) -> None:
        self.resets += 1


class Interruption:
    """A display that presses Ctrl-C once so many frames are written."""

    def __init__(self, after: int | None) -> None:
        self.after = after
        self.notes: list[str] = []

    def begin(self, name: str, frames: int | None, notes: list[str]) -> None:  # noqa: ARG002 - the protocol's signature
        self.notes = notes

    def update(self, progress: RunProgress) -> None:
        if self.after is not None and progress.frames >= self.after:
            raise KeyboardInterrupt

    def end(self) -> None:
        pass


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
        self, after: int | None = None, *, engine: Inverter | None = None, one_piece: bool = False, **options: Any
    ) -> tuple[Report, Inverter, list[str]]:
        engine, display = engine or Inverter(), Interruption(after)
        segments = None if one_piece else SegmentOptions(**{"seconds": 1.0, **options})
        job = VideoJob(self.clip, self.output, sink=self.sink, segments=segments, **self.changes)
        report = deblur_video(job, lambda: engine, display)
        return report, engine, display.notes


def content(path: Path) -> dict[Any, list[tuple[Fraction | None, Fraction, str]]]:
    """Of every stream: time, duration and digest of each packet; of the video, of each frame."""
    found: dict[Any, list[tuple[Fraction | None, Fraction, str]]] = {}
    with av.open(str(path)) as container:
        video = container.streams.best("video")
        for packet in container.demux():
            if packet.stream.index == video.index:  # type: ignore[union-attr]
                for frame in packet.decode():
                    digest = hashlib.sha256(frame.to_ndarray().tobytes()).hexdigest()  # type: ignore[union-attr]
                    time = frame.pts * frame.time_base  # type: ignore[union-attr,operator]
                    found.setdefault("video", []).append((time, frame.duration * frame.time_base, digest))  # type: ignore[union-attr,operator]
            elif packet.size:
                time = None if packet.pts is None else packet.pts * packet.time_base
                row = time, (packet.duration or 0) * packet.time_base, hashlib.sha256(bytes(packet)).hexdigest()
                found.setdefault(packet.stream.index, []).append(row)
    return found


@pytest.fixture
def runner() -> type[Runner]:
    return Runner


@pytest.fixture
def inverter() -> type[Inverter]:
    return Inverter


@pytest.fixture
def content_of() -> Callable[[Path], dict[Any, list[tuple[Fraction | None, Fraction, str]]]]:
    return content
