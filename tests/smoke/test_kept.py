"""What an output keeps beside picture and sound: tags, chapters, rotation, HDR facts, subtitles, attached files."""

from __future__ import annotations

import json
from fractions import Fraction
from typing import TYPE_CHECKING

import pytest
from media import Sound, Words, read, write

if TYPE_CHECKING:
    from pathlib import Path

    from conftest import CommandLine

IDENTITY = ("--network", "identity", "--threads", "1")
CHAPTERS = ((0, 200, "Anfang"), (200, 480, "結び"))
HDR = "master-display=G(13250,34500)B(7500,3000)R(34000,16000)WP(15635,16450)L(10000000,50):max-cll=1000,400"
BT2020_PQ = (1, 9, 9, 16)

LATIN_1 = "Caf\udce9"
"""The bytes of "Café" in Latin-1, which are no UTF-8, as Python's surrogateescape has them."""

TAGS = {"title": LATIN_1, "artist": "Zoë Åström", "comment": "plain"}
"""Two encodings in one file."""


def tags_of(found: dict[str, str]) -> dict[str, str]:
    """Those of TAGS: containers write keys in capitals, or add tags of their own."""
    return {key.lower(): value for key, value in found.items() if key.lower() in TAGS}


@pytest.mark.parametrize("suffix", [".mp4", ".mov", ".mkv", ".avi"])
def test_tags_keep_every_byte_whatever_their_encoding(deblur: CommandLine, tmp_path: Path, suffix: str) -> None:
    clip, output = write(tmp_path / f"in{suffix}", "mpeg4", tags=TAGS), tmp_path / f"out{suffix}"
    assert b"Caf\xe9" in clip.read_bytes()
    assert tags_of(read(clip).metadata) == TAGS
    deblur.run("video", clip, output, *IDENTITY)
    assert b"Caf\xe9" in output.read_bytes()
    assert tags_of(read(output).metadata) == TAGS


def test_tags_that_are_no_utf_8_can_be_shown(deblur: CommandLine, tmp_path: Path) -> None:
    clip = write(tmp_path / "in.mkv", tags=TAGS)
    assert deblur.run("info", clip).out
    found = json.loads(deblur.run("info", clip, "--json").out)["container"]["metadata"]
    assert tags_of(found) == {**TAGS, "title": "Café"}


def test_an_mp4_keeps_rotation_subtitles_chapters_and_languages(deblur: CommandLine, tmp_path: Path) -> None:
    words = Words("mov_text", ("first line", "zweite Zeile, größer"))
    clip = write(
        tmp_path / "in.mp4", frames=50, sound=Sound(language="deu"), words=words, chapters=CHAPTERS, degrees=90
    )
    before = read(clip)
    assert before.rotation == 90
    output = tmp_path / "out.mp4"
    deblur.run("video", clip, output, *IDENTITY)
    after = read(output)
    assert after.rotation == 90
    assert after.streams == before.streams
    assert after.packets[1] == before.packets[1]
    # The muxer ends a line of words by a packet without text.
    assert [packet for packet in after.packets[2] if packet[1] != bytes(2)] == [
        (Fraction(second), payload) for second, payload in enumerate(words.payloads)
    ]
    assert after.languages == before.languages
    assert after.languages[1] == "deu"
    assert after.chapters == before.chapters
    assert [title for _, _, title in after.chapters] == ["Anfang", "結び"]
    assert after.times == before.times


@pytest.mark.parametrize("degrees", [180, -90])
def test_a_mov_keeps_its_rotation_and_the_way_round(deblur: CommandLine, tmp_path: Path, degrees: int) -> None:
    clip, output = write(tmp_path / "in.mov", degrees=degrees), tmp_path / "out.mov"
    deblur.run("video", clip, output, *IDENTITY)
    assert read(output).rotation == read(clip).rotation
    assert abs(read(output).rotation) == abs(degrees)
    assert json.loads(deblur.run("info", output, "--json").out)["video"]["rotation"] == read(clip).rotation


@pytest.mark.parametrize("suffix", [".mkv", ".mp4"])
def test_hdr_facts_and_ten_bits_come_through(deblur: CommandLine, tmp_path: Path, suffix: str) -> None:
    options = {"preset": "ultrafast", "x265-params": f"log-level=error:{HDR}"}
    clip = write(tmp_path / f"in{suffix}", "libx265", "yuv420p10le", options=options, color=BT2020_PQ)
    before = read(clip)
    assert set(before.side_data) == {"MASTERING_DISPLAY_METADATA", "CONTENT_LIGHT_LEVEL"}
    output = tmp_path / f"out{suffix}"
    deblur.run("video", clip, output, *IDENTITY)
    after = read(output)
    assert after.streams == before.streams == [("video", "hevc")]
    assert after.side_data == before.side_data
    assert after.color == before.color == BT2020_PQ
    video = json.loads(deblur.run("info", output, "--json").out)["video"]
    assert video["hdr"] == ["mastering display", "content light level"]
    assert video["pixel_format"] == "yuv420p10le"


def test_a_matroska_file_keeps_subtitles_attached_files_chapters_and_tags(deblur: CommandLine, tmp_path: Path) -> None:
    font = ("Font.ttf", "font/ttf", bytes(range(256)) * 8)
    words = Words("subrip", ("first line", "zweite Zeile, größer"))
    sound = Sound("libopus")
    clip = write(
        tmp_path / "in.mkv", frames=50, sound=sound, words=words, chapters=CHAPTERS, attachment=font, tags=TAGS
    )
    before = read(clip)
    output = tmp_path / "out.mkv"
    deblur.run("video", clip, output, *IDENTITY)
    after = read(output)
    assert after.attachments == before.attachments == [font]
    assert after.streams == before.streams
    assert after.payloads(2) == words.payloads
    assert after.packets == before.packets
    assert after.chapters == before.chapters
    assert [(begin, end) for begin, end, _ in after.chapters] == [
        (Fraction(0), Fraction(1, 5)),
        (Fraction(1, 5), Fraction(12, 25)),
    ]
    assert tags_of(after.metadata) == TAGS
    assert after.times == before.times


def test_what_another_container_can_not_carry_is_said(deblur: CommandLine, tmp_path: Path) -> None:
    clip = write(tmp_path / "in.mkv", words=Words("subrip", ("one line",)))
    ended = deblur.run("video", clip, tmp_path / "out.mp4", *IDENTITY)
    assert "can't carry stream 1 (subtitle, subrip)" in ended.err
    assert read(tmp_path / "out.mp4").streams == [("video", "h264")]
