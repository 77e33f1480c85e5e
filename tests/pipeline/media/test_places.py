"""What a text names: a file or an address."""

from __future__ import annotations

from pathlib import Path

import pytest

from pipeline.media.places import is_address, name_of, place_of


@pytest.mark.parametrize("text", ["http://host/clip.mp4", "HTTPS://host/x", "rtsp://u:p@host/1", "file:///tmp/x.mp4"])
def test_an_address_stays_as_it_is_typed(text: str) -> None:
    assert place_of(text) == text


@pytest.mark.parametrize("text", ["12:30:00.mp4", "data:x.mp4", "http:x.mp4", "a/b.mp4", "C://x.mp4", "-"])
def test_a_file_is_no_address(text: str) -> None:
    assert place_of(text) == Path(text)


def test_a_file_that_is_there_is_none_whatever_its_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert is_address("http://x.mp4")
    (tmp_path / "http:").mkdir()
    (tmp_path / "http:" / "x.mp4").touch()
    assert not is_address("http://x.mp4")


def test_a_password_is_not_shown() -> None:
    assert name_of("http://me:secret@host/clip.mp4") == "http://host/clip.mp4"
