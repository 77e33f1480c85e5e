"""Tags: byte exact in the file, readable on the screen."""

from typing import Any

import pytest

from pipeline.decode.source import VideoSource
from pipeline.media.tags import readable, readable_tags
from pipeline.probe import facts

LATIN_1 = "M\udcfcnchen"
"""The bytes of "München" in Latin-1, as PyAV reads them."""

MIXED = "Zürich, \udcc9vian"
"""UTF-8 and Latin-1 in one tag."""


@pytest.mark.parametrize("suffix", [".mkv", ".mp4"])
def test_tags_of_any_encoding_come_out_byte_for_byte(
    suffix: str, tmp_path: Any, make_clip: Any, convert: Any, read_file: Any
) -> None:
    tags = {"title": LATIN_1, "comment": MIXED, "artist": "Zürich"}
    source = make_clip(tmp_path / f"in{suffix}", metadata=tags, stream_metadata={"title": LATIN_1})
    assert LATIN_1.encode("utf-8", "surrogateescape") in source.read_bytes()
    done = convert(source, tmp_path / f"out{suffix}")
    after = {key.lower(): value for key, value in read_file(done.path).metadata.items()}
    assert {key: after[key] for key in tags} == tags
    key = {".mkv": "title", ".mp4": "name"}[suffix]
    assert read_file(done.path).stream_metadata[0][key] == LATIN_1


def test_tags_of_any_encoding_can_be_printed(tmp_path: Any, make_clip: Any) -> None:
    clip = make_clip(tmp_path / "in.mkv", metadata={"title": LATIN_1, "FIRM\udce9": "1"}, audio=None)
    with VideoSource(clip) as source:
        found = facts(source, ".avi")
    assert found["container"]["metadata"]["title"] == "München"
    str(found).encode()
    assert any("FIRMé" in note for note in found["output"]["notes"])


def test_utf_8_stays_as_it_is() -> None:
    assert readable("Zürich 東京 🎥") == "Zürich 東京 🎥"
    assert readable_tags({"a\udce9": "b\udcff"}) == {"aé": "bÿ"}


def test_a_date_that_a_file_has_twice_is_one_date(tmp_path: Any, make_clip: Any, read_file: Any) -> None:
    date = "2020-01-02T03:04:05.000000Z"
    clip = make_clip(tmp_path / "in.mp4", metadata={"creation_time": date}, muxer={"movflags": "use_metadata_tags"})
    assert read_file(clip).metadata["creation_time"] == date
