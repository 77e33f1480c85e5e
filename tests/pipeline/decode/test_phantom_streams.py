"""Damage makes FFmpeg find streams, and headers in their midst, that are none: they must not cost the video."""

from pathlib import Path
from typing import Any

import pytest

from pipeline.notes import NoteCode
from tests.support.notes import codes

_FLV_HEADER = 9 + 4
_AUDIO = 8
_AAC_HEADER, _AAC_RAW = b"\xaf\x00", b"\xaf\x01"


def insert_audio_tag(path: Path, behind: int, content: bytes) -> None:
    """Puts a tag of sound into an FLV file, behind so many others and at the time of the last of them."""
    data = path.read_bytes()
    place = _FLV_HEADER
    time = bytes(4)
    for _ in range(behind):
        time = data[place + 4 : place + 8]
        place += 11 + int.from_bytes(data[place + 1 : place + 4], "big") + 4
    tag = bytes([_AUDIO]) + len(content).to_bytes(3, "big") + time + bytes(3) + content
    path.write_bytes(data[:place] + tag + len(tag).to_bytes(4, "big") + data[place:])


@pytest.mark.parametrize(
    ("audio", "content"),
    [
        pytest.param(None, _AAC_RAW + bytes(range(200)), id="sound without a header"),
        pytest.param("aac", _AAC_HEADER + bytes(range(200)), id="a header that is none"),
    ],
)
def test_a_stream_that_is_none_is_refused_and_the_video_kept(
    audio: str | None, content: bytes, tmp_path: Path, make_clip: Any, convert: Any, read_file: Any
) -> None:
    clip = make_clip(tmp_path / "clip.flv", frames=30, audio=audio)
    insert_audio_tag(clip, 12, content)
    done = convert(clip, tmp_path / "out.mkv")
    assert done.frames == 30
    assert NoteCode.PACKETS_REFUSED in codes(done.sink_notes)
    after = read_file(done.path)
    assert len(after.frames) == 30
    if audio:
        assert len(after.packets[1]) > 40
