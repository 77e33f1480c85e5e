"""Files from pages: deblurred in a process of their own, limited, cancelled, and deleted."""

from __future__ import annotations

import asyncio
import functools
import multiprocessing
import os
import signal
from pathlib import Path
from typing import TYPE_CHECKING, Any

import aiohttp
import av
import numpy as np
import pytest

from pipeline.engines.load import load_engine
from pipeline.errors import InputError
from pipeline.live.web.options import WebLimits
from pipeline.live.web.upload_worker import FORMATS, container_format
from pipeline.live.web.uploads import Uploads, _harmless
from tests.support.engines import BrighteningEngine

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable

pytestmark = pytest.mark.timeout(120)


@pytest.mark.parametrize(
    ("name", "kept"),
    [
        ("C:\\films\\trip.mp4", "trip"),
        ("../../etc/pass wd.mp4", "pass wd"),
        ('a"b;\r\n.mp4', "a_b___"),
        ("con.film.mp4", "_con.film"),
        ("x" * 79 + ". y.mp4", "x" * 79),
        ("...", "video"),
        ("", "video"),
    ],
)
def test_the_name_of_a_download_is_harmless_everywhere(name: str, kept: str) -> None:
    assert _harmless(name) == kept


def folder_of(server: Any) -> Path:
    return Path(server._uploads._folder.name)


async def status_of(client: aiohttp.ClientSession, base: str, key: str, *ends: str) -> dict[str, Any]:
    """The status of an upload as soon as its state is one of ``ends``."""
    while True:
        async with client.get(f"{base}/uploads/{key}") as answer:
            assert answer.status == 200, await answer.text()
            status: dict[str, Any] = await answer.json()
        if status["state"] in ends:
            return status
        await asyncio.sleep(0.1)


async def send(client: aiohttp.ClientSession, base: str, data: Any, name: str = "clip.mp4") -> str:
    async with client.post(f"{base}/uploads", params={"name": name}, data=data) as answer:
        assert answer.status == 201, await answer.text()
        return str((await answer.json())["key"])


def test_a_file_is_deblurred_and_deleted(
    serve: Any, identity: Any, make_clip: Callable[..., Path], tmp_path: Path, read_file: Any
) -> None:
    clip = make_clip(tmp_path / "clip.mkv", frames=20)
    result, original = tmp_path / "result.mp4", tmp_path / "original.mp4"

    async def scenario() -> None:
        async with serve(identity) as served, aiohttp.ClientSession() as client:
            folder = folder_of(served.server)
            key = await send(client, served.base, clip.read_bytes(), '../../et"c/holiday film.mkv')
            status = await status_of(client, served.base, key, "done", "failed")
            assert status["state"] == "done", status
            assert status["frames"] == 20
            assert status["notes"][0].startswith("20 frames by identity, ")
            async with client.get(f"{served.base}/uploads/{key}/result") as answer:
                assert answer.headers["Content-Disposition"] == 'attachment; filename="holiday film-deblurred.mp4"'
                result.write_bytes(await answer.read())
                assert len(result.read_bytes()) == status["bytes"]
            # A browser that seeks asks for parts.
            async with client.get(f"{served.base}/uploads/{key}/result", headers={"Range": "bytes=4-7"}) as answer:
                assert answer.status == 206
                assert await answer.read() == b"ftyp"
            # No browser plays every Matroska file, so the original is there in an MP4 file too.
            assert status["original"]
            assert sorted(path.name for path in folder.rglob("*") if path.is_file()) == ["original.mp4", "result.mp4"]
            async with client.get(f"{served.base}/uploads/{key}/original") as answer:
                original.write_bytes(await answer.read())
            async with client.delete(f"{served.base}/uploads/{key}") as answer:
                assert answer.status == 204
            assert not list(folder.iterdir())
            for path in ("", "/result"):
                async with client.get(f"{served.base}/uploads/{key}{path}") as answer:
                    assert answer.status == 404
        assert not folder.exists()

    asyncio.run(scenario())
    contents = read_file(result)
    assert ("video", "h264") in contents.streams
    assert ("audio", "aac") in contents.streams
    assert len(contents.frames) == 20
    assert contents.times == read_file(clip).times == read_file(original).times


def test_the_strength_of_a_file_is_chosen(
    serve: Any, identity: Any, make_clip: Callable[..., Path], tmp_path: Path, read_file: Any
) -> None:
    clip = make_clip(tmp_path / "clip.mp4", frames=8)
    results = {}
    load = functools.partial(BrighteningEngine, 40)

    async def scenario() -> None:
        async with serve(identity, load=load) as served, aiohttp.ClientSession() as client:
            for strength in ("1", "0.25", "0"):
                address = f"{served.base}/uploads?name=clip.mp4&strength={strength}"
                async with client.post(address, data=clip.read_bytes()) as answer:
                    key = str((await answer.json())["key"])
                status = await status_of(client, served.base, key, "done", "failed")
                assert status["state"] == "done", status
                async with client.get(f"{served.base}/uploads/{key}/result") as answer:
                    results[strength] = tmp_path / f"{strength}.mp4"
                    results[strength].write_bytes(await answer.read())
            for strength in ("2", "-1", "nan", "much"):
                async with client.post(f"{served.base}/uploads?strength={strength}", data=b"x") as answer:
                    assert answer.status == 400
                    assert "from 0 to 1.5" in await answer.text()

    asyncio.run(scenario())
    means = {
        key: np.mean([frame.to_ndarray(format="gray") for frame in read_file(path).frames])
        for key, path in results.items()
    }
    assert 8 < means["0.25"] - means["0"] < 14
    assert 30 < means["1"] - means["0"] < 48


def test_what_is_no_video_is_refused_and_the_next_one_is_taken(
    serve: Any, identity: Any, make_clip: Callable[..., Path], tmp_path: Path
) -> None:
    clip = make_clip(tmp_path / "clip.mp4", frames=8)

    async def scenario() -> None:
        async with serve(identity) as served, aiohttp.ClientSession() as client:
            text = await send(client, served.base, b"Dear diary, this is no film.\n" * 100)
            good = await send(client, served.base, clip.read_bytes())
            status = await status_of(client, served.base, text, "done", "failed")
            assert status["state"] == "failed"
            assert status["error"] == "the file is not a video of a kind that is taken here"
            status = await status_of(client, served.base, good, "done", "failed")
            assert (status["state"], status["original"]) == ("done", False)
            async with client.get(f"{served.base}/uploads/{good}/original") as answer:
                assert answer.status == 404
            async with client.post(f"{served.base}/uploads", data=b"") as answer:
                assert answer.status == 400

    asyncio.run(scenario())


def test_playlists_can_t_make_the_server_open_other_files(make_clip: Callable[..., Path], tmp_path: Path) -> None:
    secret = make_clip(tmp_path / "secret.ts", audio=None, format="mpegts")
    assert container_format(secret) == "mpegts"
    playlists = {
        "hls": "#EXTM3U\n#EXT-X-TARGETDURATION:9\n#EXTINF:9,\nsecret.ts\n#EXT-X-ENDLIST\n",
        "concat": "ffconcat version 1.0\nfile secret.ts\n",
        "dash": "<?xml version='1.0'?><MPD xmlns='urn:mpeg:dash:schema:mpd:2011'></MPD>",
        "image": "P6 1 1 255\n123",
        "sdp": "v=0\no=- 0 0 IN IP4 127.0.0.1\ns=x\nc=IN IP4 127.0.0.1\nt=0 0\nm=video 5000 RTP/AVP 96\n",
    }
    for name, text in playlists.items():
        path = tmp_path / name
        path.write_text(text)
        with pytest.raises(InputError, match="not a video of a kind"):
            container_format(path)
    # At least the first two would be opened by FFmpeg itself.
    with av.open(str(tmp_path / "concat")) as container:
        assert container.streams.video


def test_every_allowed_format_is_one_of_ffmpeg_s() -> None:
    for name in FORMATS:
        assert av.ContainerFormat(name, "r").is_input


@pytest.mark.parametrize("announces", [True, False])
def test_too_large_a_file_is_refused(serve: Any, identity: Any, announces: bool) -> None:
    async def pieces() -> AsyncIterator[bytes]:
        for _ in range(100):
            yield b"x" * 10_000

    async def scenario() -> None:
        async with (
            serve(identity, limits=WebLimits(upload_bytes=100_000)) as served,
            aiohttp.ClientSession() as client,
        ):
            try:
                async with client.post(
                    f"{served.base}/uploads", data=b"x" * 1_000_000 if announces else pieces()
                ) as answer:
                    assert answer.status == 413
                    assert "too large" in await answer.text()
            except aiohttp.ClientOSError:
                pass  # refused before all was sent, and the answer was overtaken by the end of the connection
            assert not list(folder_of(served.server).iterdir())
            async with client.get(served.base) as answer:
                assert answer.status == 200

    asyncio.run(scenario())


def test_too_long_a_film_and_too_many_pixels_are_refused(
    serve: Any, identity: Any, make_clip: Callable[..., Path], tmp_path: Path
) -> None:
    long = make_clip(tmp_path / "long.mp4", frames=60)
    large = make_clip(tmp_path / "large.mp4", size=(200, 160), frames=4)

    async def scenario() -> None:
        limits = WebLimits(upload_seconds=2.0, upload_pixels=100 * 100)
        async with serve(identity, limits=limits) as served, aiohttp.ClientSession() as client:
            for clip in (long, large):
                key = await send(client, served.base, clip.read_bytes())
                status = await status_of(client, served.base, key, "done", "failed")
                assert "too long or too large; at most 2 seconds and 0.0 million pixels" in status["error"]

    asyncio.run(scenario())


def test_what_is_deleted_stops_and_its_place_is_free(
    serve: Any, identity: Any, make_clip: Callable[..., Path], tmp_path: Path, until: Any
) -> None:
    clip = make_clip(tmp_path / "clip.mp4", size=(320, 240), frames=100, audio=None)
    # A real network, at work long enough to be interrupted.
    slow = functools.partial(load_engine, "openvino", "idc-video", threads=1)

    async def scenario() -> None:
        async with serve(identity, load=slow, limits=WebLimits(uploads=2)) as served, aiohttp.ClientSession() as client:
            first = await send(client, served.base, clip.read_bytes())
            second = await send(client, served.base, clip.read_bytes())
            async with client.post(f"{served.base}/uploads", data=b"x") as answer:
                assert answer.status == 503
            await status_of(client, served.base, first, "working")
            await until(multiprocessing.active_children)
            assert (await status_of(client, served.base, second, "waiting", "done"))["state"] == "waiting"
            async with client.delete(f"{served.base}/uploads/{first}") as answer:
                assert answer.status == 204
            await status_of(client, served.base, second, "working")
            # A decoder that dies takes its process with it, and nothing else.
            await until(multiprocessing.active_children)
            (process,) = multiprocessing.active_children()
            os.kill(process.pid or 0, signal.SIGTERM)
            status = await status_of(client, served.base, second, "done", "failed")
            assert "brought the decoder down" in status["error"]
            # Left working: the server's end ends it.
            third = await send(client, served.base, clip.read_bytes())
            await status_of(client, served.base, third, "working")
            await until(multiprocessing.active_children)
            folder = folder_of(served.server)
        assert not multiprocessing.active_children()
        assert not folder.exists()

    asyncio.run(scenario())


def test_files_that_nobody_asks_for_and_uploads_that_break_off_are_deleted(
    make_clip: Callable[..., Path], tmp_path: Path, until: Any
) -> None:
    clip = make_clip(tmp_path / "clip.mp4", frames=4)

    async def whole() -> AsyncIterator[bytes]:
        yield clip.read_bytes()

    async def broken() -> AsyncIterator[bytes]:
        yield b"x" * 1000
        raise ConnectionResetError("gone")

    async def scenario() -> None:
        limits = WebLimits(idle_seconds=0.5)
        uploads = Uploads(limits, functools.partial(load_engine, "openvino", "identity", threads=1))
        folder = Path(uploads._folder.name)
        with pytest.raises(aiohttp.web.HTTPException):
            await uploads.receive("clip", None, broken())
        assert not list(folder.iterdir())
        await uploads.receive("clip", None, whole())
        assert list(folder.iterdir())
        await until(lambda: not list(folder.iterdir()))
        await uploads.close()
        assert not folder.exists()

    asyncio.run(scenario())


def test_work_that_can_t_be_started_is_told(serve: Any, identity: Any) -> None:
    async def scenario() -> None:
        # A function within another can't be sent to a process.
        async with serve(identity, load=lambda: identity) as served, aiohttp.ClientSession() as client:
            key = await send(client, served.base, b"x")
            status = await status_of(client, served.base, key, "done", "failed")
            assert "the work could not be started" in status["error"]

    asyncio.run(scenario())
