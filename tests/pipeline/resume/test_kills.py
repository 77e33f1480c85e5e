"""Kill -9 and power cuts at random moments: what comes out in the end is what an undisturbed run writes.

DEBLUR_KILLS sets how many times (3 by default), DEBLUR_KILLS_SEED the moments. A power cut is a kill after which files
of the work folder are truncated at random, the manifest included.
"""

from __future__ import annotations

import os
import random
import subprocess
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import av
import pytest

from tests.support.resume import content_of

if TYPE_CHECKING:
    from collections.abc import Callable

KILLS = int(os.environ.get("DEBLUR_KILLS", "3"))
SEED = int(os.environ.get("DEBLUR_KILLS_SEED", "0"))
ROOT = Path(__file__).resolve().parents[3]
OPTIONS = ("--network", "identity", "--threads", "1", "--segment", "2", "--quiet")

pytestmark = [pytest.mark.slow, pytest.mark.timeout(120 + 90 * KILLS)]


def start(command: str, clip: Path, target: Path) -> subprocess.Popen[bytes]:
    return subprocess.Popen(  # noqa: S603
        [sys.executable, "-m", "pipeline.cli", command, str(clip), str(target), *OPTIONS],
        stdin=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
    )


def finish(command: str, clip: Path, target: Path, *, may_refuse: bool = False) -> float:
    """Runs to the end, or is refused because the output is there; the seconds that took."""
    started = time.monotonic()
    with start(command, clip, target) as process:
        _, error = process.communicate(timeout=120)
    assert process.returncode == 0 or (may_refuse and b"exists; add --overwrite" in error), error
    return time.monotonic() - started


def kill(command: str, clip: Path, target: Path, work: Path, chance: random.Random, length: float) -> int:
    """Kills a run at a random moment after it has begun to write; the segments that were finished."""
    with start(command, clip, target) as process:
        while not work.is_dir() and process.poll() is None:
            time.sleep(0.01)
        try:
            process.wait(chance.uniform(0, length))
        except subprocess.TimeoutExpired:
            process.kill()
        process.communicate()
    return len(list(work.glob("*.segment")))


def cut_power(work: Path, chance: random.Random) -> None:
    """Truncates some of the files that were being written, as a disk does whose cache is lost."""
    for path in sorted(work.iterdir()):
        if chance.random() < 0.3:
            os.truncate(path, chance.randint(0, path.stat().st_size))


def read(stream: Any) -> list[av.Packet[Any]]:
    stream.container.seek(0)
    return [packet for packet in stream.container.demux(stream) if packet.dts is not None]


@pytest.fixture
def clip(make_clip: Callable[..., Path], tmp_path: Path) -> Path:
    """Forty seconds with B-frames and open groups, two sound tracks, subtitles, chapters and a tag."""
    path = make_clip(
        tmp_path / "plain.mp4",
        frames=1000,
        options={"g": "25", "bf": "3", "sc_threshold": "0", "x264-params": "open-gop=1"},
        metadata={"title": "kills"},
        chapters=[(0, 20000, "one"), (20000, 40000, "two")],
    )
    text = tmp_path / "words.srt"
    text.write_text(
        "".join(f"{n + 1}\n00:00:{3 * n:02},000 --> 00:00:{3 * n + 2:02},000\nword {n}\n\n" for n in range(13))
    )
    clip = tmp_path / "clip.mkv"
    with (
        av.open(str(path)) as source,
        av.open(str(path)) as again,
        av.open(str(text)) as words,
        av.open(str(clip), "w") as output,
    ):
        output.metadata.update(source.metadata)
        output.set_chapters(source.chapters())
        inputs = [source.streams.video[0], source.streams.audio[0], again.streams.audio[0], words.streams[0]]
        copies = [(stream, output.add_stream_from_template(stream)) for stream in inputs]
        packets = [
            (float(packet.dts * packet.time_base), number, packet)
            for number, (stream, _) in enumerate(copies)
            for packet in read(stream)
        ]
        for _, number, packet in sorted(packets, key=lambda item: item[0]):
            packet.stream = copies[number][1]
            output.mux(packet)
    return clip


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no SIGKILL")
@pytest.mark.parametrize("command", ["video", "batch"])
def test_kills_and_power_cuts_change_nothing(clip: Path, tmp_path: Path, command: str) -> None:
    chance = random.Random(f"{command} {SEED}")  # noqa: S311
    folder = tmp_path / "out"
    folder.mkdir()
    output = folder / clip.name
    work = folder / f".{clip.name}.deblur"
    target = output if command == "video" else folder
    length = finish(command, clip, target)
    expected = content_of(output)
    assert len(expected["video"]) == 1000
    assert len(expected) == 4  # the video, two of sound, the words
    resumed = 0
    for number in range(KILLS):
        for path in folder.iterdir():
            path.unlink()
        finished = kill(command, clip, target, work, chance, length)
        if number % 2 and work.is_dir():
            cut_power(work, chance)
        if command == "batch" or work.exists() or not output.exists():
            was_there = output.exists()
            finish(command, clip, target, may_refuse=was_there and command == "video")
            resumed += finished > 0 and not was_there
        assert content_of(output) == expected, f"kill {number}"
        assert not work.exists()
    print(f"{command}: {KILLS} kills, {resumed} of them after the first segment")
