"""Naming a codec in a Matroska file that is complete."""

import io
from typing import Any

import av
import pytest

from pipeline.encode.matroska_edit import TrackCodec, read_codecs, rename_codecs


@pytest.fixture(name="clip")
def clip_fixture(make_clip: Any) -> io.BytesIO:
    clip = io.BytesIO()
    make_clip(clip, format="matroska", audio="ac3", chapters=[(0, 200, "one")])
    return clip


def test_the_codecs_of_tracks_are_read(clip: io.BytesIO) -> None:
    video, sound = read_codecs(clip)
    assert video.codec_id == b"V_MPEG4/ISO/AVC"
    assert video.private[0] == 1
    assert sound == TrackCodec(b"A_AC3", b"")


def test_a_codec_gets_another_name_and_the_file_stays_whole(clip: io.BytesIO) -> None:
    before = clip.getvalue()
    rename_codecs(clip, [(TrackCodec(b"A_AC3", b""), b"A_DTS")])
    assert read_codecs(clip)[1].codec_id == b"A_DTS"
    changed = [i for i, (old, new) in enumerate(zip(before, clip.getvalue(), strict=True)) if old != new]
    assert len(changed) <= 3 + 4  # the letters, and the checksum of the list of tracks
    clip.seek(0)
    with av.open(clip, options={"err_detect": "crccheck+explode"}) as container:
        assert container.streams.audio[0].codec_context.name == "dca"
        assert sum(packet.size for packet in container.demux()) > 0


def test_a_shorter_name_ends_where_it_ends(clip: io.BytesIO) -> None:
    rename_codecs(clip, [(TrackCodec(b"A_AC3", b""), b"A_OG")])
    assert read_codecs(clip)[1].codec_id == b"A_OG"


def test_what_is_not_there_is_no_silent_success(clip: io.BytesIO) -> None:
    with pytest.raises(ValueError, match="no track"):
        rename_codecs(clip, [(TrackCodec(b"A_OPUS", b""), b"A_FLAC")])
    with pytest.raises(ValueError, match="longer"):
        rename_codecs(clip, [(TrackCodec(b"A_AC3", b""), b"A_MS/ACM")])
    with pytest.raises(ValueError, match="list of tracks"):
        rename_codecs(io.BytesIO(b"\x1a\x45\xdf\xa3\x84abcd"), [(TrackCodec(b"A_AC3", b""), b"A_DTS")])


@pytest.mark.parametrize("cut", [3, 30, 60, 300])
def test_files_that_are_cut_have_no_codecs_or_some(cut: int, clip: io.BytesIO) -> None:
    assert len(read_codecs(io.BytesIO(clip.getvalue()[:cut]))) <= 2


def test_bytes_that_are_no_matroska_have_none() -> None:
    assert read_codecs(io.BytesIO(b"")) == []
    assert read_codecs(io.BytesIO(bytes(100))) == []
    assert read_codecs(io.BytesIO(b"\xff" * 100)) == []
