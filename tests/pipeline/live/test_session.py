"""Sessions: the newest frame first, nothing waits, nobody is starved, and one's error is not another's."""

from __future__ import annotations

import threading
import time
from typing import TYPE_CHECKING

import pytest

from pipeline.errors import EngineError
from pipeline.live.live_engine import LiveEngine
from pipeline.live.session import SessionOptions

if TYPE_CHECKING:
    from collections.abc import Callable

    import av

    from tests.support.engines import BrighteningEngine

pytestmark = pytest.mark.timeout(60)


def test_a_frame_comes_out_deblurred_beside_its_original(
    live_engine: LiveEngine, frame: Callable[..., av.VideoFrame], luma: Callable[[av.VideoFrame], int]
) -> None:
    session = live_engine.open()
    view = session.subscribe()
    captured = time.perf_counter() - 0.5
    session.push(frame(100), captured)
    result = view.get(10)
    assert result is not None
    assert (luma(result.original), luma(result.frame)) == (100, 110)
    assert result.captured == captured <= result.started <= result.finished
    view.mark_shown(result)
    assert view.count.passed == 1
    assert view.count.latency.p50 > 490  # percentiles are those of a histogram


def test_only_the_newest_frame_waits_and_the_others_are_counted(
    live_engine: LiveEngine,
    engine: BrighteningEngine,
    frame: Callable[..., av.VideoFrame],
    luma: Callable[[av.VideoFrame], int],
) -> None:
    session = live_engine.open()
    view = session.subscribe(queue=100)
    engine.may_run.clear()
    session.push(frame(0))
    assert engine.is_running.wait(10)
    for level in range(1, 50):
        session.push(frame(level))
    engine.may_run.set()
    session.finish()
    results = []
    while not view.is_ended:
        results.append(view.get(10))
    assert [luma(one.original) for one in results if one] == [0, 49]
    assert [one.number for one in results if one] == [0, 49]
    assert session.captured.passed == 50
    assert (session.count.passed, session.count.dropped) == (2, 48)


def test_with_a_queue_frames_wait_in_order_up_to_its_length(
    live_engine: LiveEngine, engine: BrighteningEngine, frame: Callable[..., av.VideoFrame]
) -> None:
    session = live_engine.open(SessionOptions(queue=3))
    view = session.subscribe(queue=100)
    engine.may_run.clear()
    session.push(frame(0))
    assert engine.is_running.wait(10)
    for level in range(1, 6):
        session.push(frame(level))
    engine.may_run.set()
    session.finish()
    numbers = []
    while not view.is_ended:
        result = view.get(10)
        numbers += [result.number] if result else []
    assert numbers == [0, 3, 4, 5]
    assert session.count.dropped == 2


def test_a_slow_output_loses_frames_and_holds_up_no_other(
    live_engine: LiveEngine, frame: Callable[..., av.VideoFrame], until: Callable[..., None]
) -> None:
    session = live_engine.open()
    slow, fast = session.subscribe(), session.subscribe()
    for number in range(5):
        session.push(frame(number))
        result = fast.get(10)
        assert result is not None
        assert result.number == number
    until(lambda: slow.count.dropped == 4)
    newest = slow.get(10)
    assert newest is not None
    assert newest.number == 4
    assert fast.count.dropped == 0


@pytest.mark.parametrize(("strength", "expected"), [(0.0, 100), (0.5, 105), (1.0, 110), (1.5, 115)])
def test_strength_scales_the_correction(
    live_engine: LiveEngine,
    engine: BrighteningEngine,
    frame: Callable[..., av.VideoFrame],
    luma: Callable[[av.VideoFrame], int],
    strength: float,
    expected: int,
) -> None:
    session = live_engine.open(SessionOptions(strength=strength))
    view = session.subscribe()
    session.push(frame(100))
    result = view.get(10)
    assert result is not None
    assert luma(result.frame) == expected
    assert engine.runs == (strength > 0)


def test_off_passes_frames_as_they_are_and_on_again_deblurs(
    live_engine: LiveEngine, frame: Callable[..., av.VideoFrame], luma: Callable[[av.VideoFrame], int]
) -> None:
    session = live_engine.open()
    view = session.subscribe()
    lumas = []
    for enabled in (False, True):
        session.enabled = enabled
        session.push(frame(100))
        result = view.get(10)
        assert result is not None
        lumas.append(luma(result.frame))
        assert (result.frame is result.original) is not enabled
    assert lumas == [100, 110]


@pytest.mark.parametrize("strength", [-0.1, 1.6, float("nan")])
def test_a_strength_out_of_range_is_refused(live_engine: LiveEngine, strength: float) -> None:
    with pytest.raises(ValueError, match="strength"):
        SessionOptions(strength=strength)
    session = live_engine.open()
    with pytest.raises(ValueError, match="strength"):
        session.strength = strength
    assert session.strength == 1.0


def test_sessions_share_the_engine_in_turn(
    live_engine: LiveEngine, engine: BrighteningEngine, frame: Callable[..., av.VideoFrame]
) -> None:
    busy, shy = live_engine.open(SessionOptions(queue=50)), live_engine.open()
    shy_view = shy.subscribe()
    engine.may_run.clear()
    for level in range(50):
        busy.push(frame(level))
    assert engine.is_running.wait(10)
    shy.push(frame(7))
    engine.seconds = 0.01
    engine.may_run.set()
    assert shy_view.get(10) is not None
    # At most the one in the engine and one more of the busy session came before.
    assert engine.runs <= 4
    assert engine.resets >= 2


def test_an_error_on_a_frame_ends_that_session_alone(
    live_engine: LiveEngine, engine: BrighteningEngine, frame: Callable[..., av.VideoFrame]
) -> None:
    engine.refused_width = 32
    bad, good = live_engine.open(), live_engine.open()
    bad_view, good_view = bad.subscribe(), good.subscribe()
    bad.push(frame(size=(32, 32)))
    with pytest.raises(EngineError, match="width 32"):
        bad_view.get(10)
    with pytest.raises(EngineError, match="width 32"):
        bad.push(frame(size=(32, 32)))
    assert bad.is_closed
    good.push(frame())
    assert good_view.get(10) is not None
    assert live_engine.sessions == (good,)


def test_frames_that_nobody_can_read_end_the_session_and_not_the_thread(
    live_engine: LiveEngine, frame: Callable[..., av.VideoFrame]
) -> None:
    bad, good = live_engine.open(), live_engine.open()
    bad_view, good_view = bad.subscribe(), good.subscribe()
    bad.push(None)  # type: ignore[arg-type]
    with pytest.raises(EngineError, match="can't be processed"):
        bad_view.get(10)
    good.push(frame())
    assert good_view.get(10) is not None


def test_size_and_format_may_change_at_any_time(live_engine: LiveEngine, frame: Callable[..., av.VideoFrame]) -> None:
    session = live_engine.open()
    view = session.subscribe()
    seen = []
    for size, pixel_format in (((64, 48), "yuv420p"), ((80, 60), "yuv420p"), ((80, 60), "yuyv422"), ((33, 17), "nv12")):
        session.push(frame(size=size, pixel_format=pixel_format))
        result = view.get(10)
        assert result is not None
        seen.append((result.frame.width, result.frame.height, result.frame.format.name))
    assert seen == [(64, 48, "yuv420p"), (80, 60, "yuv420p"), (80, 60, "yuv422p"), (33, 17, "nv12")]


@pytest.mark.parametrize(
    ("limit", "expected"),
    [(None, (640, 360)), ((640, 360), (640, 360)), ((320, 320), (320, 180)), ((99, 50), (88, 50))],
)
def test_a_size_limit_keeps_the_shape(
    live_engine: LiveEngine,
    frame: Callable[..., av.VideoFrame],
    limit: tuple[int, int] | None,
    expected: tuple[int, int],
) -> None:
    session = live_engine.open(SessionOptions(size_limit=limit))
    view = session.subscribe()
    session.push(frame(size=(640, 360)))
    result = view.get(10)
    assert result is not None
    assert (result.frame.width, result.frame.height) == (result.original.width, result.original.height) == expected
    assert session.size == expected
    assert session.source_size == (640, 360)


def test_on_ready_is_called_for_each_result_and_at_the_end(
    live_engine: LiveEngine, frame: Callable[..., av.VideoFrame]
) -> None:
    session = live_engine.open()
    called = threading.Semaphore(0)
    view = session.subscribe(on_ready=called.release)
    session.push(frame())
    assert called.acquire(timeout=10)
    assert view.get(0) is not None
    assert view.get(0) is None
    session.close()
    assert called.acquire(timeout=10)
    assert view.is_ended


def test_closing_the_hub_ends_all_and_refuses_more(
    engine: BrighteningEngine, frame: Callable[..., av.VideoFrame]
) -> None:
    with LiveEngine(engine) as live_engine:
        session = live_engine.open()
        view = session.subscribe()
    assert view.is_ended
    assert view.get() is None
    session.push(frame())  # left out, and no error: a source may be in the middle of one
    assert session.captured.passed == 0
    assert session.subscribe().is_ended
    with pytest.raises(EngineError, match="closed"):
        live_engine.open()
    assert not [thread for thread in threading.enumerate() if thread.name == "deblur-live"]


def test_a_closed_subscription_is_forgotten(live_engine: LiveEngine, frame: Callable[..., av.VideoFrame]) -> None:
    session = live_engine.open()
    gone, stays = session.subscribe(), session.subscribe()
    gone.close()
    session.push(frame())
    assert stays.get(10) is not None
    assert gone.is_ended
    assert gone.get() is None
