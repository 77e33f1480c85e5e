"""A stream at a fixed rate: how late it is, and what is dropped."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

import pytest

from pipeline.bench.live import LiveCase, measure_live
from pipeline.errors import EngineError, UsageError
from tests.support.engines import CopyingEngine, WindowEngine

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

pytestmark = pytest.mark.timeout(60)


@pytest.fixture
def clip(make_clip: Callable[..., Path], tmp_path: Path) -> Path:
    return make_clip(tmp_path / "clip.mkv", frames=10, codec="ffv1")


def test_the_rate_is_the_clips_and_what_comes_in_time_is_shown(clip: Path) -> None:
    found = measure_live(LiveCase("copy", clip, 1.0, CopyingEngine))
    assert (found.rate, found.width, found.height, found.look_ahead) == (25.0, 64, 48, 0)
    assert 2 <= found.captured <= 21, "the warm-up does not count"
    assert found.captured_rate < 26
    assert 0 < found.latency.p50 <= found.latency.p95 <= found.latency.p99


def test_a_slow_engine_drops_frames_and_the_picture_does_not_fall_behind(clip: Path) -> None:
    slow = CopyingEngine(before=lambda _run: time.sleep(0.1))
    found = measure_live(LiveCase("copy", clip, 1.5, lambda: slow, rate=40.0))
    assert found.rate == 40.0
    assert found.engine_ms >= 100
    assert 0.3 * found.captured < found.dropped < found.captured
    assert 100 <= found.latency.p50 < 100 + 2 * found.engine_ms, "at most one frame waits"


def test_a_frame_held_back_for_the_next_one_is_an_interval_later(clip: Path) -> None:
    found = measure_live(LiveCase("copy", clip, 1.0, WindowEngine, rate=20.0, look_ahead=1))
    assert found.look_ahead == 1
    assert found.latency.p50 >= 50


def test_no_frame_in_time_is_said_and_an_engine_that_fails_is_an_engine_error(clip: Path) -> None:
    with pytest.raises(UsageError, match="more `seconds`"):
        measure_live(LiveCase("copy", clip, 0.01, CopyingEngine))

    def fail(run: int) -> None:
        if run:
            raise EngineError("the device is gone")

    with pytest.raises(EngineError, match="the device is gone"):
        measure_live(LiveCase("copy", clip, 1.0, lambda: CopyingEngine(before=fail)))
