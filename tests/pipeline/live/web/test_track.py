"""What is sent to a page: stacked, blended, in the colours that browsers assume, and never a frame of others."""

from __future__ import annotations

import asyncio
from fractions import Fraction
from typing import Any

import av
import numpy as np
import pytest
from aiortc.mediastreams import MediaStreamError

from pipeline.live.live_engine import LiveEngine
from pipeline.live.web.track import Appearance, ResultTrack, blended, copied, stacked
from pipeline.media.frames import plane_rows

pytestmark = pytest.mark.timeout(60)


def frame(luma: int, size: tuple[int, int] = (32, 18), chroma: tuple[int, int] = (128, 128)) -> av.VideoFrame:
    picture = av.VideoFrame(*size, "yuv420p")
    for index, code in enumerate((luma, *chroma)):
        plane_rows(picture, index)[...] = code
    picture.pts, picture.time_base = 7, Fraction(1, 1000)
    return picture


def codes(picture: av.VideoFrame) -> list[int]:
    return [int(np.median(plane_rows(picture, index))) for index in range(3)]


def test_stacks_the_blurred_above_the_deblurred_picture() -> None:
    picture = stacked(frame(50, chroma=(90, 100)), frame(200, chroma=(140, 150)))
    assert (picture.width, picture.height) == (32, 36)
    for index, (before, after) in enumerate(((50, 200), (90, 140), (100, 150))):
        rows = plane_rows(picture, index)
        half = len(rows) // 2
        assert set(rows[:half].ravel()) == {before}
        assert set(rows[half:].ravel()) == {after}
    odd = stacked(frame(50, (33, 19)), frame(200, (33, 19)))
    assert (odd.width, odd.height) == (33, 36)


@pytest.mark.parametrize(("share", "luma"), [(0, 60), (0.5, 80), (1, 100), (1.5, 120)])
def test_blends_a_share_of_the_correction(share: float, luma: int) -> None:
    assert codes(blended(frame(60), frame(100), share)) == [luma, 128, 128]


def test_copies_are_other_frames() -> None:
    original = frame(60, chroma=(1, 2))
    copy = copied(original)
    plane_rows(copy, 0)[...] = 0
    assert codes(original) == [60, 1, 2]


def test_colours_become_those_that_browsers_assume(identity: Any) -> None:
    """Red of (200, 60, 60): full-range BT.709 comes in, limited-range BT.601 goes out."""

    async def scenario() -> None:
        with LiveEngine(identity) as live_engine:
            session = live_engine.open()
            track = ResultTrack(session, Appearance(compares=False), (1280, 1280), pytest.fail)
            picture = frame(90, (64, 36), chroma=(112, 198))
            picture.colorspace, picture.color_range = 1, 2
            session.push(picture)
            sent = await track.recv()
            track.stop()
            assert np.abs(np.array(codes(sent)) - [102, 109, 190]).max() <= 2
            assert codes(picture) == [90, 112, 198]

    asyncio.run(scenario())


def test_viewers_do_not_write_into_each_other_s_frames(identity: Any) -> None:
    async def scenario() -> None:
        with LiveEngine(identity) as live_engine:
            session = live_engine.open()
            view = session.subscribe()
            tracks = [ResultTrack(session, Appearance(compares=False), (1280, 1280), pytest.fail) for _ in range(2)]
            session.push(frame(60))
            sent = [await track.recv() for track in tracks]
            result = view.get(timeout=10)
            assert result is not None
            assert result.frame.pts == 7
            plane_rows(sent[0], 0)[...] = 0
            assert codes(sent[1]) == codes(result.frame) == [60, 128, 128]
            for track in tracks:
                track.stop()

    asyncio.run(scenario())


def test_large_pictures_are_scaled_down_and_the_newest_is_sent(identity: Any) -> None:
    async def scenario() -> None:
        with LiveEngine(identity) as live_engine:
            session = live_engine.open()
            track = ResultTrack(session, Appearance(), (160, 160), pytest.fail)
            seen = session.subscribe(queue=4)
            for luma in (50, 100, 150):
                session.push(frame(luma, (320, 180)))
                assert seen.get(timeout=10) is not None
            sent = await track.recv()
            assert (sent.width, sent.height) == (160, 180)
            assert codes(sent)[0] == 150
            assert track.view.count.dropped == 2
            track.stop()

    asyncio.run(scenario())


def test_the_session_s_end_ends_the_track(identity: Any) -> None:
    async def scenario() -> None:
        with LiveEngine(identity) as live_engine:
            session = live_engine.open()
            reasons: list[str] = []
            track = ResultTrack(session, Appearance(), (1280, 1280), reasons.append)
            waiting = asyncio.create_task(track.recv())
            await asyncio.sleep(0)
            session.close()
            with pytest.raises(MediaStreamError):
                await waiting
            assert reasons == ["the source has ended"]
            track.stop()

    asyncio.run(scenario())
