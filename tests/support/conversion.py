"""A video taken through source and sink, without threads."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import av

from network.planes import PlaneBatch
from pipeline.decode.source import VideoSource
from pipeline.encode.sink import VideoSink
from pipeline.media.frames import read_planes, write_planes
from tests.support.frames import samples_of

if TYPE_CHECKING:
    from pathlib import Path

    import numpy as np

    from pipeline.job import SinkOptions, SourceOptions
    from pipeline.notes import Note
    from pipeline.runner.protocols import Engine


@dataclass
class Converted:
    """What a conversion said."""

    path: Path
    frames: int
    source_notes: list[Note]
    sink_notes: list[Note]
    corrupt_packets: int
    corrupt_frames: int
    damage: list[str]
    plan: Any
    decoded: list[list[np.ndarray[Any, Any]]] = field(default_factory=list)


def convert(
    source_path: Path | Any,
    path: Path | Any,
    source_options: SourceOptions | None = None,
    sink_options: SinkOptions | None = None,
    *,
    limit: int | None = None,
    planes: bool = True,
    keep: bool = False,
    engine: Engine | None = None,
) -> Converted:
    """Takes a video through source, planes, an engine if there is one, and sink."""
    with VideoSource(source_path, source_options) as source:
        sink = VideoSink(path, source.info, sink_options)
        decoded = []
        count = 0
        try:
            allocate = engine.buffers if engine else PlaneBatch.empty
            batch, result = allocate(source.spec, 1), allocate(source.spec, 1)
            for event in source.events():
                if isinstance(event, av.Packet):
                    sink.write_packet(event)
                    continue
                if limit is not None and count == limit:
                    break
                count += 1
                if keep:
                    decoded.append(samples_of(event))
                if planes:
                    read_planes(event, batch, 0)
                    if engine:
                        engine.run(batch, result)
                    event = write_planes(result if engine else batch, 0, event)
                sink.write_frame(event)
            sink.finish()
        finally:
            sink.abandon()
        return Converted(
            path,
            count,
            source.notes,
            sink.notes,
            source.corrupt_packets,
            source.corrupt_frames,
            source.damage,
            sink.plan,
            decoded,
        )
