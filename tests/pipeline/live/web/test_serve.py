"""``deblur live --serve`` as people start it."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
from typing import TYPE_CHECKING, Any

import aiohttp
import pytest
from click.testing import CliRunner

from pipeline.cli.live import live
from pipeline.errors import UsageError
from pipeline.live.web.options import ServeOptions
from pipeline.live.web.server import WebThread

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = pytest.mark.timeout(120)


def start(*arguments: str) -> subprocess.Popen[str]:
    command = [sys.executable, "-m", "pipeline.cli", "live", *arguments, "--network", "identity", "--threads", "1"]
    environment = {**os.environ, "PYTHONWARNINGS": "error"}
    return subprocess.Popen(command, stderr=subprocess.PIPE, text=True, env=environment)  # noqa: S603


def test_serves_until_ctrl_c_and_tells_the_pages(visit: Any) -> None:
    process = start("lavfi:testsrc2=size=64x48:rate=10", "--serve", "127.0.0.1:0", "--quiet")
    assert process.stderr is not None
    line = process.stderr.readline()
    assert line.startswith("open http://127.0.0.1:"), line + process.stderr.read()

    class Here:
        base = line.split()[1].rstrip("/")

    async def scenario() -> None:
        async with aiohttp.ClientSession() as client, visit(client, Here) as page:
            hello = await page.take("hello")
            assert hello["source"] == "lavfi:testsrc2=size=64x48:rate=10"
            await page.start(None)
            picture = await page.see()
            assert (picture.width, picture.height) == (64, 48)
            process.send_signal(signal.SIGINT)
            message = await page._socket.receive(timeout=30)
            while message.type is aiohttp.WSMsgType.TEXT:
                message = await page._socket.receive(timeout=30)
            assert message.extra == "The machine has stopped."

    try:
        asyncio.run(scenario())
        _, rest = process.communicate(timeout=60)
    finally:
        process.kill()  # no harm where it has ended
    assert process.returncode == 0, rest
    assert rest == ""


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        (("--serve", "nowhere:port"), "no address to serve on"),
        (("--serve", "--null"), "name SOURCE"),
        (("--serve", "--serve-key", "key.pem"), "goes with --serve-certificate"),
        (("--serve", "127.0.0.1:0", "--serve-certificate", "absent.pem"), "TLS can't use absent.pem"),
    ],
)
def test_refuses_what_makes_no_sense(arguments: tuple[str, ...], complaint: str) -> None:
    result = CliRunner().invoke(live, [*arguments, "--network", "identity", "--quiet"])
    assert isinstance(result.exception, UsageError)
    assert complaint in str(result.exception)


def test_the_thread_s_start_raises_what_went_wrong_and_its_stop_frees_the_port(identity: Any, tmp_path: Path) -> None:
    from pipeline.live.live_engine import LiveEngine

    with LiveEngine(identity) as live_engine:
        broken = WebThread(
            ServeOptions(port=0, certificate=tmp_path / "absent.pem"), live_engine, None, lambda: identity
        )
        with pytest.raises(UsageError, match=r"absent\.pem"):
            broken.start()
        broken.stop()
        first = WebThread(ServeOptions(port=0), live_engine, None, lambda: identity)
        port = int(first.start().link.rstrip("/").rpartition(":")[2])
        first.stop()
        first.stop()
        second = WebThread(ServeOptions(port=port), live_engine, None, lambda: identity)
        assert f":{port}/" in second.start().link
        second.stop()
