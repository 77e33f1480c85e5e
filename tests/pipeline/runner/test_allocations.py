"""What a run allocates once it is under way: file to file, with the default engine."""

from __future__ import annotations

import gc
import tracemalloc
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
import pytest

from network.window.windows import Window
from pipeline.bench.synthetic import write_clip
from pipeline.decode.source import VideoSource
from pipeline.encode.sink import VideoSink
from pipeline.engines.load import load_engine
from pipeline.runner.run import run
from pipeline.runner.skip import FrameGate
from tests.support.engines import CopyingEngine

if TYPE_CHECKING:
    from pathlib import Path

    import av
    from av.stream import Stream

    from network.planes import PlaneBatch
    from network.window.windows import Windows

WIDTH, HEIGHT = 640, 360
FRAMES = 300
WARM = 100
"""Frames after which a run is in its steady state: every buffer is made, every lazy import done."""


class WatchedSink:
    """Takes note of the memory that Python and numpy hold, once the run is warm.

    Attributes:
        held: Bytes at the first warm frame and at the last one.
        most: Bytes that came on top of them between one frame and the next, at most.
    """

    def __init__(self, sink: VideoSink) -> None:
        self._sink = sink
        self.frames = 0
        self.held: list[int] = []
        self.before = self.most = 0

    def write_frame(self, frame: av.VideoFrame) -> None:
        self._sink.write_frame(frame)
        self.frames += 1
        if self.frames in {WARM, FRAMES}:
            gc.collect()
            # OpenVINO's own wrappers of results come and go by some 14 kB, as its threads have it.
            own = tracemalloc.take_snapshot().filter_traces([tracemalloc.Filter(False, "*/openvino/*")])
            self.held.append(sum(trace.size for trace in own.traces))
        if self.frames == WARM:
            tracemalloc.reset_peak()
            self.before = tracemalloc.get_traced_memory()[0]
        elif self.frames > WARM:
            now, peak = tracemalloc.get_traced_memory()
            self.most = max(self.most, peak - self.before)
            tracemalloc.reset_peak()
            self.before = now

    def write_packet(self, packet: av.Packet[Stream]) -> None:
        self._sink.write_packet(packet)

    def finish(self) -> None:
        self._sink.finish()


class PresentEngine(CopyingEngine):
    """Has a window, gives back its present frame, and allocates nothing."""

    info = replace(CopyingEngine.info, window=Window(1, 1))

    def run(self, batch: PlaneBatch, out: PlaneBatch, windows: Windows | None = None) -> None:
        assert windows is not None
        for row, (_, present, _) in enumerate(windows):
            for source, target in zip(batch.planes, out.planes, strict=True):
                np.copyto(target[row], source[present])


@pytest.mark.slow
@pytest.mark.timeout(300)
@pytest.mark.parametrize("kind", ["one frame", "window"])
def test_a_run_in_its_steady_state_allocates_no_planes_and_grows_by_nothing(tmp_path: Path, kind: str) -> None:
    clip = tmp_path / "clip.mkv"
    write_clip(clip, WIDTH, HEIGHT)
    engine = PresentEngine() if kind == "window" else load_engine("openvino", "identity", threads=1)
    with VideoSource(clip) as source:
        sink = VideoSink(tmp_path / "out.mkv", source.info)
        watched = WatchedSink(sink)
        tracemalloc.start()
        try:
            interval = source.info.interval
            result = run(source, engine, watched, gate=FrameGate(source.spec), interval=interval)
        finally:
            tracemalloc.stop()
            sink.abandon()
    assert result.frames_out == FRAMES
    assert result.duplicates == 0
    smallest_plane = (WIDTH // 2) * (HEIGHT // 2)
    assert watched.most < smallest_plane, "a plane was allocated on the way"
    assert watched.held[1] - watched.held[0] < 20_000, "the run grows"
