"""A run that is killed goes on where it was, and gives what an undisturbed run gives."""

from __future__ import annotations

import sys
import time
from typing import TYPE_CHECKING

import pytest
from media import Sound, read, write

if TYPE_CHECKING:
    from pathlib import Path

    from conftest import CommandLine

FRAMES = 750
OPTIONS = ("--network", "identity", "--threads", "1", "--segment", "1")


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no SIGKILL")
@pytest.mark.parametrize("command", ["video", "batch"])
def test_a_killed_run_goes_on_and_changes_nothing(deblur: CommandLine, tmp_path: Path, command: str) -> None:
    options = {"preset": "ultrafast", "g": "25", "bf": "2"}
    clip = write(tmp_path / "clip.mkv", frames=FRAMES, options=options, sound=Sound("libopus"))
    undisturbed, folder = tmp_path / "undisturbed.mkv", tmp_path / "out"
    folder.mkdir()
    deblur.run("video", clip, undisturbed, *OPTIONS)

    output, work = folder / "clip.mkv", folder / ".clip.mkv.deblur"
    arguments = (command, clip, output if command == "video" else folder, *OPTIONS)
    with deblur.start(*arguments) as process:
        deadline = time.monotonic() + 60
        while len(list(work.glob("*.segment"))) < 4:  # the last is being written, those before it are finished
            assert process.poll() is None
            assert time.monotonic() < deadline
            time.sleep(0.005)
        process.kill()
    assert process.returncode == -9
    assert not output.exists()
    assert len(list(work.glob("*.segment"))) < FRAMES // 25

    again = deblur.run(*arguments)
    assert "of an interrupted run are kept" in again.err
    assert not work.exists()
    before, after = read(undisturbed), read(output)
    assert len(after.pictures) == FRAMES
    assert after.pictures == before.pictures
    assert after.times == before.times
    assert after.packets == before.packets
    assert after.streams == before.streams
