"""What an engine over time is given: the frames captured beside each one, whatever was dropped, paused or shared."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

import numpy as np
import pytest

from network.window.windows import Window
from pipeline.engines.load import load_engine
from pipeline.live.live_engine import LiveEngine
from pipeline.live.session import SessionOptions
from pipeline.media.frames import read_planes, spec_of
from tests.support.engines import SeeingEngine
from tests.support.frames import luma_of, make_frame

if TYPE_CHECKING:
    from collections.abc import Iterator

    from pipeline.live.session import LiveSession
    from pipeline.live.subscription import LiveResult, Subscription

pytestmark = pytest.mark.timeout(60)

STEP = 0.04
"""Seconds from frame to frame."""


@pytest.fixture(autouse=True)
def patience(monkeypatch: pytest.MonkeyPatch) -> None:
    """A busy machine may push so late that a frame is not waited for; so the pace of the source seems slow here."""
    monkeypatch.setattr("pipeline.live.neighbours._FIRST_INTERVAL", 10.0)


@pytest.fixture
def engine() -> SeeingEngine:
    return SeeingEngine()


@pytest.fixture
def live_engine(engine: SeeingEngine) -> Iterator[LiveEngine]:
    with LiveEngine(engine) as opened:
        yield opened
        engine.may_run.set()


class Clock:
    """Capture times that do not depend on how busy the machine is."""

    def __init__(self, session: LiveSession) -> None:
        self._session = session
        self.at = time.perf_counter()

    def push(self, *levels: int, step: float = STEP, size: tuple[int, int] = (64, 48)) -> None:
        for level in levels:
            self.at += step
            self._session.push(make_frame(level, size=size), self.at)


def results_of(view: Subscription) -> list[LiveResult]:
    """All results until the end."""
    found = []
    while not view.is_ended:
        if (result := view.get(10)) is not None:
            found.append(result)
    return found


@pytest.mark.parametrize(
    ("look_ahead", "expected"),
    [
        (0, [(None, 10, None), (10, 11, None), (11, 12, None), (12, 13, None)]),
        (1, [(None, 10, 11), (10, 11, 12), (11, 12, 13), (12, 13, None)]),
    ],
)
def test_the_engine_sees_the_frames_beside_each_one(
    live_engine: LiveEngine, engine: SeeingEngine, look_ahead: int, expected: list[tuple[int | None, ...]]
) -> None:
    session = live_engine.open(SessionOptions(queue=9, look_ahead=look_ahead))
    view = session.subscribe(9)
    Clock(session).push(10, 11, 12, 13)
    session.finish()
    results = results_of(view)
    assert engine.windows == expected
    assert [one.number for one in results] == [0, 1, 2, 3]
    assert [(luma_of(one.original), luma_of(one.frame)) for one in results] == [(n, n + 10) for n in range(10, 14)]
    assert engine.batches == [3, 1]
    assert session.look_ahead == look_ahead


def test_frames_that_the_engine_had_no_time_for_are_neighbours_too(
    live_engine: LiveEngine, engine: SeeingEngine
) -> None:
    session = live_engine.open(SessionOptions(look_ahead=1))
    view = session.subscribe(9)
    clock = Clock(session)
    engine.may_run.clear()
    clock.push(10, 11)
    assert engine.is_running.wait(10)
    clock.push(12, 13, 14, 15, 16)
    engine.may_run.set()
    assert [view.get(10) is not None for _ in range(2)] == [True, True]
    assert engine.windows == [(None, 10, 11), (14, 15, 16)]
    assert session.count.dropped == 4


def test_the_last_frames_are_all_processed_where_one_may_wait(live_engine: LiveEngine, engine: SeeingEngine) -> None:
    session = live_engine.open(SessionOptions(look_ahead=1))
    view = session.subscribe(9)
    engine.may_run.clear()
    clock = Clock(session)
    clock.push(10, 11)
    assert engine.is_running.wait(10)
    clock.push(12)
    session.finish()
    engine.may_run.set()
    assert [one.number for one in results_of(view)] == [0, 1, 2]


def test_a_frame_whose_successor_does_not_come_is_not_held_for_ever(
    live_engine: LiveEngine, engine: SeeingEngine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("pipeline.live.neighbours._FIRST_INTERVAL", 0.1)
    session = live_engine.open(SessionOptions(look_ahead=1))
    view = session.subscribe()
    session.push(make_frame(10))
    begun = time.perf_counter()
    result = view.get(10)
    assert result is not None
    assert time.perf_counter() - begun >= 0.25
    assert engine.windows == [(None, 10, None)]
    assert not session.wants_attention


@pytest.mark.parametrize("look_ahead", [0, 1])
def test_a_size_of_another_kind_a_gap_and_a_cut_part_frames(
    live_engine: LiveEngine, engine: SeeingEngine, look_ahead: int
) -> None:
    session = live_engine.open(SessionOptions(queue=20, look_ahead=look_ahead, size_limit=(32, 24)))
    view = session.subscribe(20)
    clock = Clock(session)
    clock.push(10, 11)
    clock.push(12, 13, size=(128, 96))  # the same size once it is shrunk, and yet another picture
    clock.push(14, step=500.0, size=(128, 96))
    session.cut()
    clock.push(15, 16, size=(128, 96))
    session.finish()
    assert len(results_of(view)) == 7
    ahead = [(None, 10, 11), (10, 11, None), (None, 12, 13), (12, 13, None), (None, 14, None), (None, 15, 16)]
    expected = [*ahead, (15, 16, None)]
    assert engine.windows == (expected if look_ahead else [(before, present, None) for before, present, _ in expected])


def test_a_new_size_limit_does_not_part_frames(live_engine: LiveEngine, engine: SeeingEngine) -> None:
    session = live_engine.open()
    view = session.subscribe()
    clock = Clock(session)
    for level, limit in ((10, None), (11, (32, 24)), (12, (32, 24)), (13, None)):
        session.size_limit = limit
        clock.push(level)
        assert view.get(10) is not None
    assert engine.windows == [(None, 10, None), (10, 11, None), (11, 12, None), (12, 13, None)]
    assert engine.batches == [3, 1] * 3


def test_after_a_pause_the_frames_beside_it_are_those_that_were_captured(
    live_engine: LiveEngine, engine: SeeingEngine
) -> None:
    session = live_engine.open()
    view = session.subscribe()
    clock = Clock(session)
    for level, strength in ((10, 1.0), (11, 0.0), (12, 0.0), (13, 0.5)):
        session.strength = strength
        clock.push(level)
        result = view.get(10)
        assert result is not None
        assert luma_of(result.frame) == level + 10 * strength
    assert engine.windows == [(None, 10, None), (12, 13, None)]


def test_sessions_that_share_an_engine_see_their_own_frames_alone(
    live_engine: LiveEngine, engine: SeeingEngine
) -> None:
    sessions = [live_engine.open(SessionOptions(look_ahead=ahead)) for ahead in (0, 1)]
    views = [session.subscribe() for session in sessions]
    clocks = [Clock(session) for session in sessions]
    for number in range(3):
        for offset, clock, view in zip((10, 50), clocks, views, strict=True):
            clock.push(offset + number)
            is_held = offset == 50 and number == 0
            assert (view.get(0.1 if is_held else 10) is None) is is_held
    first = [(None, 10, None), (10, 11, None), (11, 12, None)]
    second = [(None, 50, 51), (50, 51, 52)]
    assert engine.windows == [first[0], first[1], second[0], first[2], second[1]]


@pytest.mark.parametrize("look_ahead", [-1, 2])
def test_another_look_ahead_is_refused(look_ahead: int) -> None:
    with pytest.raises(ValueError, match="0 or 1 frames ahead"):
        SessionOptions(look_ahead=look_ahead)


def test_the_shipped_network_gives_what_it_gives_for_the_whole_clip() -> None:
    """Frame by frame in a session, bit for bit what one batch of all frames gives."""
    engine = load_engine("openvino", threads=1)
    rng = np.random.default_rng(3)
    texture = rng.integers(40, 200, (280, 360), np.uint8).repeat(2, 0).repeat(2, 1)
    frames = []
    for number in range(4):
        frame = make_frame(size=(320, 256))
        luma = np.frombuffer(frame.planes[0], np.uint8).reshape(256, -1)  # type: ignore[call-overload]
        luma[:, :320] = texture[2 * number : 256 + 2 * number, 3 * number : 320 + 3 * number]
        frames.append(frame)
    spec, _ = spec_of(frames[0])
    batch, out = engine.buffers(spec, 4), engine.buffers(spec, 4)
    for number, frame in enumerate(frames):
        read_planes(frame, batch, number)
    engine.run(batch, out, engine.info.window.consecutive(4))
    expected = [out.planes[0][number].copy() for number in range(4)]
    with LiveEngine(engine) as live_engine:
        session = live_engine.open(SessionOptions(queue=9, look_ahead=1))
        view = session.subscribe(9)
        at = time.perf_counter()
        for number, frame in enumerate(frames):
            session.push(frame, at + STEP * number)
        session.finish()
        results = results_of(view)
    found = engine.buffers(spec, 1)
    for result, luma in zip(results, expected, strict=True):
        read_planes(result.frame, found, 0)
        np.testing.assert_array_equal(found.planes[0][0], luma)
    assert engine.info.window == Window(1, 1)
