"""Containers and codecs: the identity network changes no sample, and an output keeps its input's codec."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from media import Sound, read, write

if TYPE_CHECKING:
    from pathlib import Path

    from conftest import CommandLine
    from media import Contents

IDENTITY = ("--network", "identity", "--threads", "1")

FORMATS = [
    (".mp4", "libx264", "yuv420p", "aac"),
    (".mp4", "libsvtav1", "yuv420p10le", "aac"),
    (".mov", "prores_ks", "yuv422p10le", "pcm_s16le"),
    (".mov", "libx265", "yuv420p", "aac"),
    (".mkv", "libx265", "yuv420p10le", "libopus"),
    (".mkv", "ffv1", "yuv444p", "flac"),
    (".webm", "libvpx-vp9", "yuv420p", "libopus"),
    (".webm", "libvpx", "yuv420p", "libopus"),
    (".avi", "mpeg4", "yuv420p", "pcm_s16le"),
    (".avi", "mjpeg", "yuvj420p", "pcm_s16le"),
    (".ts", "libx264", "yuv420p", "mp2"),
    (".ts", "mpeg2video", "yuv420p", "ac3"),
]
"""Extension, encoder, pixel format and encoder of the sound."""

QUICK = {
    "libx264": {"preset": "veryfast", "bf": "2"},
    "libx265": {"preset": "ultrafast", "x265-params": "log-level=error"},
    "libsvtav1": {"preset": "12"},
}


def assert_same_streams(after: Contents, before: Contents) -> None:
    """The same number of frames at the same times, and the packets of the sound."""
    assert after.offsets == before.offsets
    assert len(after.pictures) == len(before.pictures)
    assert after.streams[1] == before.streams[1]
    assert after.payloads(1) == before.payloads(1)


@pytest.mark.parametrize(("suffix", "codec", "pixels", "sound"), FORMATS, ids=lambda value: value.lstrip("."))
def test_frames_times_and_sound_come_through(
    deblur: CommandLine, tmp_path: Path, suffix: str, codec: str, pixels: str, sound: str
) -> None:
    clip = write(tmp_path / f"in{suffix}", codec, pixels, 9, options=QUICK.get(codec), sound=Sound(sound))
    before = read(clip)
    assert len(before.pictures) == 9

    exact = tmp_path / "exact.mkv"
    deblur.run("video", clip, exact, *IDENTITY, "--codec", "ffv1")
    lossless = read(exact)
    assert lossless.streams[0] == ("video", "ffv1")
    assert lossless.pictures == before.pictures
    assert_same_streams(lossless, before)

    same = tmp_path / f"same{suffix}"
    deblur.run("video", clip, same, *IDENTITY)
    after = read(same)
    assert (after.format, after.streams) == (before.format, before.streams)
    assert_same_streams(after, before)
