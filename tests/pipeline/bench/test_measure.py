"""A case from decoding to the whole pipeline, and work in a process of its own."""

from __future__ import annotations

import operator
import os
import pickle
from dataclasses import dataclass, replace
from functools import partial
from typing import TYPE_CHECKING, Any

import av
import numpy as np
import pytest

from network.planes import PlaneSpec
from pipeline.bench.isolate import isolated
from pipeline.bench.measure import Case, measure
from pipeline.decode.source import VideoSource
from pipeline.errors import EngineError, InputError, OutputError
from pipeline.job import SinkOptions
from pipeline.media.frames import plane_rows
from tests.support.engines import CopyingEngine, WindowEngine

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from network.planes import PlaneBatch
    from network.window.windows import Windows

pytestmark = pytest.mark.timeout(120)


@dataclass(frozen=True)
class FixedRate:
    flops: float = 1e9


def case_of(clip: Path, engine: CopyingEngine, seconds: float = 0.3) -> Case:
    return Case(
        engine="copy",
        clip=clip,
        seconds=seconds,
        load=lambda: engine,
        flops=lambda width, height: 10 * width * height,
        matrix_rate=lambda _info: FixedRate(),
        sink=SinkOptions(codec="ffv1"),
    )


@pytest.mark.parametrize("batch", [1, 3])
def test_every_stage_and_the_whole_are_measured(batch: int, make_clip: Callable[..., Path], tmp_path: Path) -> None:
    engine = CopyingEngine(replace(CopyingEngine.info, batch=batch))
    clip = make_clip(tmp_path / "clip.mp4", frames=25)
    found = measure(case_of(clip, engine))
    assert {len(frames) for frames in engine.seen} == {batch}
    assert engine.runs * batch > found.infer.frames
    assert found.batch == batch
    for rate in (found.decode, found.infer, found.encode, found.whole):
        assert rate.frames >= 1
        assert rate.median > 0
    latency = found.whole_latency
    assert 0 < latency.p50 <= latency.p95 <= latency.p99
    assert (found.codec, found.encoder, found.video_rate) == ("h264", "ffv1", 25.0)
    assert found.spec == PlaneSpec(64, 48, matrix=found.spec.matrix)
    assert found.megapixels == pytest.approx(0.003072)
    assert found.real_time == pytest.approx(found.whole.median / 25)
    assert found.flops == 10 * 64 * 48
    assert found.share == pytest.approx(found.flops * found.infer.median / 1e9)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["clip.mp4"]


@pytest.mark.parametrize("batch", [1, 3])
def test_an_engine_with_a_window_is_measured_amid_a_video(
    batch: int, make_clip: Callable[..., Path], tmp_path: Path
) -> None:
    class Watched(WindowEngine):
        windows: Any = None
        luma: Any = None

        def run(self, batch: PlaneBatch, out: PlaneBatch, windows: Windows | None = None) -> None:
            super().run(batch, out, windows)
            self.windows, self.luma = windows, batch.planes[0].copy()

    engine = Watched(batch=batch)
    clip = make_clip(tmp_path / "clip.mp4", frames=25)
    found = measure(case_of(clip, engine))
    assert engine.windows.tolist() == [[n, n + 1, n + 2] for n in range(batch)]
    with VideoSource(clip) as source:
        frames = [plane_rows(event, 0).copy() for event in source.events() if isinstance(event, av.VideoFrame)]
    first = next(n for n, frame in enumerate(frames) if np.array_equal(frame, engine.luma[0]))
    for n, luma in enumerate(engine.luma):
        np.testing.assert_array_equal(luma, frames[(first + n) % len(frames)])
    assert found.infer.median > 0
    assert found.network is None, "this engine does not tell"


def test_a_file_that_is_no_video_is_an_input_error(tmp_path: Path) -> None:
    path = tmp_path / "text.mp4"
    path.write_text("no video")
    with pytest.raises(InputError):
        measure(case_of(path, CopyingEngine()))


# What the other process runs is found in libraries: it can't import this file, which is in no package.
FAIL = "from pipeline.errors import OutputError; raise OutputError('the disk is full')"
FAIL_UNPORTABLY = "class LocalError(Exception): pass\nraise LocalError('out of luck')"


def test_work_is_done_in_another_process() -> None:
    assert isolated(len, "four") == 4
    assert isolated(operator.call, os.getpid) != os.getpid()


def test_errors_come_back_as_they_are() -> None:
    with pytest.raises(OutputError, match="the disk is full"):
        isolated(exec, FAIL)


def test_an_error_that_cannot_be_sent_is_told() -> None:
    with pytest.raises(RuntimeError, match="LocalError: out of luck"):
        isolated(exec, FAIL_UNPORTABLY)


def test_a_process_that_dies_is_an_engine_error() -> None:
    with pytest.raises(EngineError, match=r"ended by itself.*smaller `sizes`"):
        isolated(os._exit, 7)


def test_a_case_with_real_parts_can_be_sent(tmp_path: Path) -> None:
    from pipeline.engines.flops import matrix_rate, network_flops
    from pipeline.engines.load import load_engine

    case = Case(
        engine="openvino",
        clip=tmp_path / "clip.mkv",
        seconds=1.0,
        load=partial(load_engine, "openvino", "identity", threads=1),
        flops=partial(network_flops, "identity", None),
        matrix_rate=partial(matrix_rate, threads=1),
    )
    assert pickle.loads(pickle.dumps(case)).clip == case.clip  # noqa: S301 - our own
