"""`deblur sample` as a person types it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from pathlib import Path

    from tests.support.commands import CommandLine


def test_a_page_is_written_and_nothing_else(deblur: CommandLine, clip: Path, tmp_path: Path) -> None:
    done = deblur.run("sample", clip, tmp_path / "page.html", "--length", "0.2", "--network", "identity", "--quiet")
    assert (done.code, done.err) == (0, "")
    assert done.out.decode().strip() == str(tmp_path / "page.html")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["clip.mp4", "page.html"]
    assert "From 0:00.000" in (tmp_path / "page.html").read_text(encoding="utf-8")


def test_values_are_compared(deblur: CommandLine, clip: Path, tmp_path: Path) -> None:
    options = ("--at", "0.1", "--length", "0.2", "--try", "network=identity,idc-video")
    done = deblur.run("sample", clip, tmp_path / "page.html", *options)
    assert done.code == 0, done.err
    text = (tmp_path / "page.html").read_text(encoding="utf-8")
    assert "network identity" in text
    assert "network idc-video" in text
    assert "network idc-video; frames a second" in done.err


def test_a_correction_at_half_the_size_is_compared(deblur: CommandLine, clip: Path, tmp_path: Path) -> None:
    options = ("--at", "0.1", "--length", "0.1", "--network", "identity", "--try", "scale=1,0.5")
    done = deblur.run("sample", clip, tmp_path / "page.html", *options)
    assert done.code == 0, done.err
    assert "scale 0.5; frames a second" in done.err


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (("--try", "crf=1,2"), "is not OPTION=A,B"),
        (("--try", "strength"), "is not OPTION=A,B"),
        (("--try", "strength=a,b"), "is no value of strength"),
        (("--at", "0", "--try", "scale=0.7"), "the scale must be 1 or 0.5"),
        (("--try", "strength=1,2,3,4,5,6,7"), "too many"),
        (("--length", "0"), "longer than nothing"),
    ],
)
def test_what_makes_no_sense_is_one_line(
    options: tuple[str, ...], words: str, deblur: CommandLine, clip: Path, tmp_path: Path
) -> None:
    done = deblur.run("sample", clip, tmp_path / "page.html", *options)
    assert done.code == 2
    assert words in done.error
    assert not (tmp_path / "page.html").exists()
