"""Names of any bytes and any length."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import av
import pytest

from network.names import MOST_KEPT, as_url, printable, shortened

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path


@pytest.mark.parametrize("name", ["12:30:00.nut", "data:x.nut", "-", "http:x.nut", "a%03d.nut"])
def test_ffmpeg_opens_the_file_and_nothing_else(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from pathlib import Path

    monkeypatch.chdir(tmp_path)
    with av.open(as_url(Path(name)), "w", format="nut") as output:
        output.add_stream("pcm_s16le", rate=16000, layout="mono")
        output.start_encoding()
    assert [path.name for path in tmp_path.iterdir()] == [name]


@pytest.mark.parametrize("name", ["clip.mp4", "m" * MOST_KEPT, ""])
def test_a_short_name_stays(name: str) -> None:
    assert shortened(name) == name


@pytest.mark.parametrize("letter", ["m", "ü", "ช", "🎬", "\udce9"])
def test_a_long_name_becomes_one_of_its_own_in_whole_characters(letter: str) -> None:
    first, second = shortened(letter * 250 + "1"), shortened(letter * 250 + "2")
    assert first != second
    for name in (first, second):
        assert len(os.fsencode(name)) <= MOST_KEPT
        assert set(name.rpartition("-")[0]) == {letter}
    assert shortened(letter * 250 + "1") == first


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("a  b [c] 'd' é 🎬", "a  b [c] 'd' é 🎬"),
        ("two\nlines\r\t", "two\\nlines\\r\\t"),
        ("\x1b[31mred", "\\x1b[31mred"),
        ("caf\udce9.mp4", "caf\\xe9.mp4"),
        ("gpj.\u202e4pm", "gpj.\\u202e4pm"),
    ],
)
def test_what_steers_a_terminal_is_written_out(text: str, shown: str) -> None:
    assert printable(text) == shown


def test_every_printable_text_can_be_encoded(make_name: Callable[[int], str]) -> None:
    for code in (0, 0x1B, 0x7F, 0x9B, 0xD800, 0xDC80, 0xDCFF, 0xDFFF, 0x2028):
        printable(make_name(code)).encode()


@pytest.fixture
def make_name() -> Callable[[int], str]:
    return lambda code: f"a{chr(code)}b"
