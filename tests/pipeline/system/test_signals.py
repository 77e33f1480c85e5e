"""An interruption that a library has lost still ends a run."""

from __future__ import annotations

import subprocess
import sys
import threading
from typing import TYPE_CHECKING

import pytest

from pipeline.system import signals

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

LOST = """
import os, signal, sys, time
from pipeline.system import signals
from pipeline.cli import main
install = signals.install_signal_handlers
def install_and_lose():
    seen = install()
    try:
        os.kill(os.getpid(), signal.SIGINT)
        time.sleep(10)
    except KeyboardInterrupt:
        pass  # as a callback from C does
    return seen
signals.install_signal_handlers = install_and_lose
main(sys.argv[1:])
"""


def test_without_a_signal_nothing_is_raised() -> None:
    signals.raise_if_lost()


@pytest.mark.skipif(sys.platform == "win32", reason="a process can't be sent Ctrl-C alone")
@pytest.mark.timeout(60)
def test_a_run_ends_though_the_signal_s_exception_was_lost(make_clip: Callable[..., Path], tmp_path: Path) -> None:
    clip = make_clip(tmp_path / "clip.mkv", frames=30, audio=None).read_bytes()
    command = [sys.executable, "-c", LOST, "video", "-", tmp_path / "out.mkv", "--network", "identity", "--quiet"]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stderr=subprocess.PIPE) as process:  # noqa: S603
        assert process.stdin is not None
        assert process.stderr is not None
        writer = threading.Thread(target=process.stdin.write, args=(clip[: len(clip) * 3 // 4],), daemon=True)
        writer.start()  # and no end of the file
        assert process.wait(40) == 130
        assert process.stderr.read().decode().splitlines()[-1].startswith("deblur: interrupted")
        writer.join(10)
    assert not (tmp_path / "out.mkv").exists()
