"""What an MP4 or MOV file holds besides its streams: what can be copied, and what can only be named."""

import io
import struct
from typing import Any

import numpy as np
import pytest

from pipeline.encode.movie_edit import MovieEdit
from pipeline.media.boxes import make
from pipeline.media.movie_boxes import read_boxes, read_movie

XMP = make(b"uuid", bytes.fromhex("be7acfcb97a942e89c71999491e3afac") + b"<x:xmpmeta/>")


def edited(clip: Any, **boxes: tuple[bytes, ...]) -> io.BytesIO:
    """A clip with boxes put into it."""
    file = io.BytesIO(clip.read_bytes())
    MovieEdit({}, **boxes).apply(file)
    return file


def test_boxes_of_makers_are_copied_and_others_named(tmp_path: Any, make_clip: Any) -> None:
    clip = make_clip(tmp_path / "in.mp4", metadata={"title": "A walk"})
    unknown = make(b"uuid", bytes(range(16)) + b"secret")
    file = edited(
        clip,
        in_user_data=(make(b"FIRM", b"HD5"), make(b"GPMF", b"DEVC")),
        in_movie=(make(b"gps ", struct.pack(">4I", 0, 1, 1000, 32)), XMP),
        at_end=(make(b"free", b"GPS data" * 9), make(b"skip", bytes(99)), XMP, unknown),
    )
    found = read_boxes(file)
    assert found is not None
    assert found.in_user_data == (make(b"FIRM", b"HD5"), make(b"GPMF", b"DEVC"))
    assert found.in_movie == found.at_end == (XMP,)
    gps, free, uuid = found.others
    assert gps.startswith("gps")
    assert free == "free (80 bytes)"
    assert bytes(range(16)).hex() in uuid
    assert found.names == ["FIRM", "GPMF", "uuid XMP", *found.others]


def test_an_ordinary_file_holds_nothing_else(tmp_path: Any, make_clip: Any) -> None:
    for suffix in (".mp4", ".mov"):
        clip = make_clip(tmp_path / f"in{suffix}", metadata={"title": "A walk"}, chapters=[(0, 200, "one")])
        found = read_movie(clip)
        assert found is not None
        assert found.names == []
        assert found.tracks[1].fourcc == b"avc1"
        assert found.tracks[2].fourcc == b"mp4a"


def test_the_index_may_lie_at_the_start(tmp_path: Any, make_clip: Any) -> None:
    clip = make_clip(tmp_path / "in.mp4", muxer={"movflags": "faststart"})
    with clip.open("ab") as file:
        file.write(XMP)
    found = read_movie(clip)
    assert found is not None
    assert found.at_end == (XMP,)
    assert len(found.tracks) == 2


def test_what_lies_behind_the_last_box_is_named(tmp_path: Any, make_clip: Any) -> None:
    clip = make_clip(tmp_path / "in.mp4")
    whole = clip.read_bytes()
    clip.write_bytes(whole + b"\x01\x02SEFT\xff" * 10)
    found = read_movie(clip)
    assert found is not None
    assert found.others == ("70 bytes behind the last box",)
    clip.write_bytes(whole + struct.pack(">I4s", 99_999, b"mdat") + b"cut off")
    found = read_movie(clip)
    assert found is not None
    assert found.others == ()


@pytest.mark.parametrize("seed", range(20))
def test_damaged_files_are_read_without_an_error(seed: int, tmp_path: Any, make_clip: Any) -> None:
    clip = make_clip(tmp_path / "in.mp4", frames=2, audio=None)
    data = bytearray(clip.read_bytes())
    chance = np.random.default_rng(seed)
    start = data.index(b"moov") - 4
    for place in chance.integers(start, len(data), 10):
        data[place] = chance.integers(256)
    clip.write_bytes(data)
    read_movie(clip)
    clip.write_bytes(data[: chance.integers(len(data))])
    read_movie(clip)


def test_what_is_no_movie_has_no_boxes(tmp_path: Any) -> None:
    path = tmp_path / "text.mp4"
    path.write_text("no movie" * 100)
    assert read_movie(path) is None
    assert read_movie(tmp_path / "missing.mp4") is None


def test_large_boxes_are_named_and_not_read(tmp_path: Any) -> None:
    path = tmp_path / "in.mp4"
    size = 20 << 20
    with path.open("wb") as file:
        file.write(make(b"ftyp", b"isom") + make(b"mdat", b""))
        file.write(struct.pack(">I4sI4sI4s", size + 16, b"moov", size + 8, b"udta", size, b"HUGE"))
        file.truncate(file.tell() + size - 8)
    found = read_movie(path)
    assert found is not None
    assert found.in_user_data == ()
    assert found.others == ("HUGE",)
