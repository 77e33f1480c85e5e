"""Who gets in, and what the browser is told to refuse."""

from __future__ import annotations

import asyncio
from typing import Any

import aiohttp
import pytest

from pipeline.errors import UsageError
from pipeline.live.web.access import TokenBucket
from pipeline.live.web.options import ServeOptions, WebLimits, parse_address


@pytest.mark.parametrize(
    ("text", "address"),
    [
        ("", ("127.0.0.1", 8765)),
        ("9000", ("127.0.0.1", 9000)),
        (":9000", ("127.0.0.1", 9000)),
        ("0.0.0.0", ("0.0.0.0", 8765)),  # noqa: S104
        ("studio.example:80", ("studio.example", 80)),
        ("[::1]:80", ("::1", 80)),
        ("::1", ("::1", 8765)),
    ],
)
def test_reads_an_address(text: str, address: tuple[str, int]) -> None:
    assert parse_address(text) == address


@pytest.mark.parametrize("text", ["host:port", "host:70000", "[::1", "[::1]80"])
def test_refuses_what_is_no_address(text: str) -> None:
    with pytest.raises(UsageError, match="no address to serve on"):
        parse_address(text)


def test_only_loopback_is_private() -> None:
    assert all(ServeOptions(host=host).is_private for host in ("127.0.0.1", "127.1.2.3", "::1", "localhost"))
    assert not any(ServeOptions(host=host).is_private for host in ("0.0.0.0", "::", "10.0.0.1", "example.org"))  # noqa: S104


def test_a_bucket_allows_a_burst_and_then_its_rate() -> None:
    now = 0.0
    bucket = TokenBucket(2.0, 3.0, clock=lambda: now)
    assert [bucket.take() for _ in range(5)] == [True, True, True, False, False]
    now = 1.0
    assert [bucket.take() for _ in range(3)] == [True, True, False]
    now = 1000.0
    assert [bucket.take() for _ in range(5)] == [True, True, True, False, False]


def test_loopback_needs_no_token_and_sends_security_headers(serve: Any, identity: Any) -> None:
    async def scenario() -> None:
        async with serve(identity) as served, aiohttp.ClientSession() as client:
            assert served.link == f"{served.base}/"
            for path in ("/", "/page/page.js", "/page/style.css"):
                async with client.get(served.base + path) as answer:
                    text = await answer.text()
                    assert answer.status == 200
                    policy = answer.headers["Content-Security-Policy"]
                    assert "default-src 'none'" in policy
                    assert "script-src 'self';" in policy
                    assert "unsafe" not in policy
                    assert answer.headers["X-Content-Type-Options"] == "nosniff"
                    assert answer.headers["Cache-Control"] == "no-store"
                    assert "microphone=()" in answer.headers["Permissions-Policy"]
                    # Nothing of the page comes from elsewhere; a namespace is a name, and is not fetched.
                    assert "://" not in text.replace("http://www.w3.org/2000/svg", "").replace('"wss" : "ws"}://', "")
            async with client.get(f"{served.base}/page/..%2F..%2Fserver.py") as answer:
                assert answer.status == 404
                assert "Content-Security-Policy" in answer.headers

    asyncio.run(scenario())


def test_foreign_host_and_foreign_origin_are_refused(serve: Any, identity: Any) -> None:
    async def scenario() -> None:
        async with serve(identity) as served, aiohttp.ClientSession() as client:
            # A page that made its own name resolve to this machine.
            async with client.get(served.base, headers={"Host": "evil.example"}) as answer:
                assert answer.status == 421
            for origin in ("http://evil.example", "null", served.base.replace("http:", "https:"), "http://127.0.0.1:1"):
                with pytest.raises(aiohttp.WSServerHandshakeError) as refusal:
                    await client.ws_connect(f"{served.base}/live", origin=origin)
                assert refusal.value.status == 403
                async with client.post(f"{served.base}/uploads", data=b"x", headers={"Origin": origin}) as answer:
                    assert answer.status == 403
            async with client.ws_connect(f"{served.base}/live", origin=served.base) as socket:
                assert (await socket.receive_json())["type"] == "hello"

    asyncio.run(scenario())


def test_other_addresses_need_the_token_once(serve: Any, identity: Any) -> None:
    async def scenario() -> None:
        jar = aiohttp.CookieJar(unsafe=True)  # cookies of plain addresses too
        async with serve(identity, host="0.0.0.0") as served, aiohttp.ClientSession(cookie_jar=jar) as client:  # noqa: S104
            assert served.link.startswith("https://")
            pin = aiohttp.Fingerprint(bytes.fromhex(served.fingerprint.replace(":", "")))
            port = served.base.rpartition(":")[2]
            base = f"https://127.0.0.1:{port}"
            wrong = f"{base}/?token={served.link.partition('token=')[2][:-1]}"
            for url in (base, wrong, f"{base}/page/page.js", f"{base}/uploads/x"):
                async with client.get(url, ssl=pin) as answer:
                    assert answer.status == 401, url
            with pytest.raises(aiohttp.WSServerHandshakeError) as refusal:
                await client.ws_connect(f"{base}/live", ssl=pin)
            assert refusal.value.status == 401
            async with client.get(f"{base}/?{served.link.partition('?')[2]}", ssl=pin) as answer:
                assert answer.status == 200
                assert "token" not in str(answer.url)
                cookie = answer.history[0].headers["Set-Cookie"]
                assert "HttpOnly" in cookie
                assert "Secure" in cookie
                assert "SameSite=Lax" in cookie
            async with client.ws_connect(f"{base}/live", ssl=pin, origin=base) as socket:
                assert (await socket.receive_json())["type"] == "hello"

    asyncio.run(scenario())


def test_an_address_that_asks_too_often_is_put_off_and_the_service_goes_on(serve: Any, identity: Any) -> None:
    async def scenario() -> None:
        limits = WebLimits(requests_per_second=4.0, pages=3)
        async with serve(identity, limits=limits) as served, aiohttp.ClientSession() as client:

            async def connect() -> int | aiohttp.ClientWebSocketResponse:
                try:
                    return await client.ws_connect(f"{served.base}/live")
                except aiohttp.WSServerHandshakeError as error:
                    return error.status

            results = await asyncio.gather(*(connect() for _ in range(100)))
            sockets = [one for one in results if not isinstance(one, int)]
            assert len(sockets) == 3
            assert {one for one in results if isinstance(one, int)} == {429, 503}
            assert results.count(429) >= 30
            for socket in sockets:
                assert (await socket.receive_json())["type"] == "hello"
                await socket.close()
            status = 429
            while status != 200:  # the bucket fills again
                await asyncio.sleep(0.1)
                async with client.get(served.base) as answer:
                    status = answer.status
                    assert status in (200, 429)
            assert served.server.pages == 0

    asyncio.run(scenario())


def test_connections_that_say_nothing_do_not_keep_others_out(serve: Any, identity: Any) -> None:
    async def scenario() -> None:
        async with serve(identity) as served, aiohttp.ClientSession() as client:
            port = int(served.base.rpartition(":")[2])
            writers = []
            for number in range(200):
                _, writer = await asyncio.open_connection("127.0.0.1", port)
                writer.write(b"GET / HTT" if number % 2 else b"\x16\x03\x01 no HTTP at all\r\n\r\n")
                writers.append(writer)
            async with client.get(served.base) as answer:
                assert answer.status == 200
            for writer in writers:
                writer.close()

    asyncio.run(scenario())


def test_a_port_in_use_is_told(serve: Any, identity: Any) -> None:
    async def scenario() -> None:
        async with serve(identity) as served:
            with pytest.raises(UsageError, match="choose another address"):
                async with serve(identity, port=int(served.base.rpartition(":")[2])):
                    pass

    asyncio.run(scenario())
