"""A page's life, with aiortc at the other end: cameras, viewers, refusals, and that nothing is left behind."""

from __future__ import annotations

import asyncio
import json
from fractions import Fraction
from typing import Any

import aiohttp
import av
import numpy as np
import pytest

from pipeline.live.session import SessionOptions
from pipeline.live.web.options import WebLimits
from pipeline.live.web.page import SharedSource
from tests.support.engines import BrighteningEngine, SeeingEngine

pytestmark = pytest.mark.timeout(120)


def bright_engine() -> BrighteningEngine:
    """An engine whose results differ from what was sent by more than a video encoder adds."""
    return BrighteningEngine(40)


def luma(frame: av.VideoFrame) -> np.ndarray[Any, Any]:
    return frame.to_ndarray(format="gray").astype(float)


def test_a_camera_comes_back_deblurred_and_leaves_nothing(serve: Any, visit: Any, camera_of: Any, until: Any) -> None:
    async def scenario() -> None:
        async with serve(bright_engine()) as served, aiohttp.ClientSession() as client:
            async with visit(client, served) as page:
                hello = await page.take("hello")
                assert hello["modes"] == ["camera"]
                assert "brightening on cpu" in hello["engine"]
                await page.start(camera_of((64, 48)), compare=True)
                picture = await page.see()
                # Above what was sent, below what came of it.
                assert (picture.width, picture.height) == (64, 96)
                rows = luma(picture)
                assert 25 < rows[52:].mean() - rows[:44].mean() < 60
                figures = await page.take("stats")
                assert (figures["width"], figures["height"]) == (64, 48)
                assert figures["latency"] > 0
                (session,) = served.live_engine.sessions
                await page.send(type="settings", strength=0.0, compare=False)
                await until(lambda: session.strength == 0)
                for _ in range(40):
                    picture = await page.see()
                    if picture.height == 48:
                        break
                assert picture.height == 48
                assert served.server.pages == 1
            await until(lambda: served.server.pages == 0)
            assert not served.live_engine.sessions
            assert session.is_closed

    asyncio.run(scenario())


def test_strength_scales_the_correction(serve: Any, visit: Any, camera_of: Any) -> None:
    async def difference(strength: float) -> float:
        async with serve(bright_engine()) as served, aiohttp.ClientSession() as client, visit(client, served) as page:
            await page.start(camera_of((64, 48)), compare=True, strength=strength)
            rows = luma(await page.see())
            return float(rows[52:].mean() - rows[:44].mean())

    async def scenario() -> list[float]:
        return [await difference(strength) for strength in (0.0, 0.5, 1.5)]

    none, half, much = asyncio.run(scenario())
    assert abs(none) < 5
    assert 12 < half < 32
    assert much > half + 20


@pytest.mark.parametrize("options", [{}, {"look_ahead": 1}])
def test_a_camera_waits_for_the_next_frame_where_that_was_asked_for(
    serve: Any, visit: Any, camera_of: Any, options: dict[str, int]
) -> None:
    engine = SeeingEngine()

    async def scenario() -> None:
        async with serve(engine, **options) as served, aiohttp.ClientSession() as client, visit(client, served) as page:
            await page.start(camera_of((64, 48)))
            for _ in range(4):
                await page.see()
            (session,) = served.live_engine.sessions
            assert session.look_ahead == options.get("look_ahead", 0)

    asyncio.run(scenario())
    assert any(before is not None for before, _, _ in engine.windows)
    assert any(after is not None for _, _, after in engine.windows) is bool(options)


def test_viewers_of_this_machine_come_and_go(serve: Any, visit: Any, until: Any) -> None:
    def shared(live_engine: Any) -> SharedSource:
        return SharedSource("the yard", live_engine.open(SessionOptions()))

    async def scenario() -> None:
        async with serve(bright_engine(), shared=shared) as served, aiohttp.ClientSession() as client:
            (session,) = served.live_engine.sessions

            async def film() -> None:
                while True:
                    frame = av.VideoFrame.from_ndarray(np.full((51, 64), 60, np.uint8), "gray8")
                    frame.pts, frame.time_base = 0, Fraction(1, 1000)
                    session.push(frame)
                    await asyncio.sleep(0.05)

            filming = asyncio.create_task(film())
            async with visit(client, served) as first, visit(client, served) as second:
                assert (await first.take("hello"))["source"] == "the yard"
                await first.start(None, compare=True)
                await second.start(None, strength=0.0)
                # An odd height is cut by a line where two are stacked.
                picture = await first.see()
                assert (picture.width, picture.height) == (64, 100)
                # The share that one viewer wants is no matter of the other's.
                rows = luma(picture)
                assert 25 < rows[54:].mean() - rows[:46].mean() < 60
                assert abs(luma(await second.see()).mean() - rows[:46].mean()) < 8
                assert session.strength == 1
                await second.close()
                await until(lambda: served.server.pages == 1)
                await first.see()
            await until(lambda: served.server.pages == 0)
            assert not session.is_closed  # the source is not the pages' to end
            filming.cancel()
            await asyncio.wait([filming])
            async with visit(client, served) as last:
                await last.start(None)
                session.close()
                assert (await last.take_error())["message"] == "The source has ended."

    asyncio.run(scenario())


def test_the_engine_s_failure_is_told_and_another_camera_goes_on(serve: Any, visit: Any, camera_of: Any) -> None:
    async def scenario() -> None:
        engine = bright_engine()
        async with serve(engine) as served, aiohttp.ClientSession() as client, visit(client, served) as page:
            await page.start(camera_of())
            await page.see()
            engine.is_broken = True
            assert (await page.take_error())["message"] == "The engine broke down."
            assert not served.live_engine.sessions
            engine.is_broken = False
            async with visit(client, served) as other:
                await other.start(camera_of())
                await other.see()

    asyncio.run(scenario())


def test_too_large_a_camera_and_one_too_many_are_refused(serve: Any, visit: Any, camera_of: Any, until: Any) -> None:
    async def scenario() -> None:
        limits = WebLimits(cameras=1, frame_pixels=100 * 100)
        async with serve(bright_engine(), limits=limits) as served, aiohttp.ClientSession() as client:
            async with visit(client, served) as page, visit(client, served) as other:
                await page.start(camera_of((128, 96)))
                assert "too large, 128x96" in (await page.take_error())["message"]
                assert not served.live_engine.sessions
            await until(lambda: served.server.pages == 0)
            async with visit(client, served) as page, visit(client, served) as other:
                await page.start(camera_of())
                await page.see()
                with pytest.raises(AssertionError, match="Too many cameras"):
                    await other.start(camera_of())
                await page.see()

    asyncio.run(scenario())


def test_what_makes_no_sense_is_refused_and_the_page_goes_on(serve: Any, visit: Any, camera_of: Any) -> None:
    nonsense = (
        "no JSON",
        "[1]",
        "[" * 50000,
        json.dumps({"kind": "offer"}),
        json.dumps({"type": "offer", "mode": "camera"}),
        json.dumps({"type": "offer", "mode": "watch", "sdp": "v=0"}),
        json.dumps({"type": "offer", "mode": "camera", "sdp": "what?"}),
        json.dumps({"type": "offer", "mode": "camera", "sdp": "v=0\r\nm=video x y z\r\n"}),
        json.dumps({"type": "offer", "mode": "camera", "sdp": "v=0\r\n"}),
        json.dumps({"type": "settings", "strength": 7, "compare": True}),
        '{"type": "settings", "strength": NaN, "compare": true}',
        json.dumps({"type": "settings", "strength": 1, "compare": "yes"}),
        json.dumps({"type": "fly"}),
    )

    async def scenario() -> None:
        async with serve(bright_engine()) as served, aiohttp.ClientSession() as client, visit(client, served) as page:
            for text in nonsense:
                await page._socket.send_str(text)
                assert (await page.take_error())["message"].endswith("."), text
                assert not served.live_engine.sessions
            await page.start(camera_of())
            await page.see()

    asyncio.run(scenario())


def test_messages_too_large_too_many_or_binary_end_the_page(serve: Any, until: Any) -> None:
    async def scenario() -> None:
        limits = WebLimits(message_bytes=2000, messages_per_second=5)
        async with serve(bright_engine(), limits=limits) as served, aiohttp.ClientSession() as client:
            for send, code in (
                (lambda socket: socket.send_str("x" * 3000), 1009),
                (lambda socket: socket.send_bytes(b"x"), 1008),
                (lambda socket: asyncio.gather(*(socket.send_str('{"type": "stop"}') for _ in range(20))), 1008),
            ):
                socket = await client.ws_connect(f"{served.base}/live")
                await send(socket)
                async for _message in socket:
                    pass
                assert socket.close_code == code
            await until(lambda: served.server.pages == 0)
            async with client.get(served.base) as answer:
                assert answer.status == 200

    asyncio.run(scenario())


def test_a_connection_that_never_comes_about_is_given_up(serve: Any, visit: Any) -> None:
    async def scenario() -> None:
        limits = WebLimits(connect_seconds=0.5)
        async with (
            serve(bright_engine(), limits=limits) as served,
            aiohttp.ClientSession() as client,
            visit(client, served) as page,
        ):
            page.peer.addTransceiver("video", direction="sendrecv")
            offer = await page.peer.createOffer()
            await page.send(type="offer", mode="camera", sdp=offer.sdp)
            await page.take("answer")
            assert "UDP" in (await page.take_error())["message"]
            assert not served.live_engine.sessions

    asyncio.run(scenario())


def test_a_page_that_vanishes_without_a_word_is_given_up(serve: Any, camera_of: Any, visit: Any, until: Any) -> None:
    async def scenario() -> None:
        limits = WebLimits(heartbeat_seconds=1.0)
        async with (
            serve(bright_engine(), limits=limits) as served,
            aiohttp.ClientSession() as client,
            visit(client, served) as page,
        ):
            await page.start(camera_of())
            assert len(served.live_engine.sessions) == 1
            # From here on nothing reads the socket, so no sign of life is given.
            await until(lambda: served.server.pages == 0)
            assert not served.live_engine.sessions

    asyncio.run(scenario())


def test_the_server_s_end_frees_pages_that_stream(serve: Any, visit: Any, camera_of: Any) -> None:
    async def scenario() -> None:
        async with aiohttp.ClientSession() as client:
            async with serve(bright_engine()) as served:
                visiting = visit(client, served)
                page = await visiting.__aenter__()
                await page.start(camera_of())
                await page.see()
            assert served.server.pages == 0
            message = await page._socket.receive(timeout=10)
            while message.type is aiohttp.WSMsgType.TEXT:
                message = await page._socket.receive(timeout=10)
            assert message.type is aiohttp.WSMsgType.CLOSE
            await visiting.__aexit__(None, None, None)
        others = asyncio.all_tasks() - {asyncio.current_task()}
        assert not others

    asyncio.run(scenario())
