"""File names that Windows takes as they are."""

from __future__ import annotations

import sys

import pytest

from pipeline.system.file_names import windows_name

ODD = [
    "clip.mp4",
    ".clip.mp4",
    "CON",
    "con.mp4",
    "aux.2024.mkv",
    "aux .mkv",
    "lpt1",
    "COM¹.txt",
    "com10",
    "console.mp4",
    "nul.",
    "conout$",
    "a:b.mp4",
    "why?.mp4",
    'say "hi" <now>|*.mp4',
    "a/b\\c",
    "trip.",
    "trip. .",
    "tab\there",
    "...",
    " ",
    "映像.mp4",
]


@pytest.mark.parametrize(
    ("name", "kept"),
    [
        ("clip.mp4", "clip.mp4"),
        (".clip 1.mp4", ".clip 1.mp4"),
        ("con.mp4", "_con.mp4"),
        ("aux .mkv", "_aux .mkv"),
        ("console.mp4", "console.mp4"),
        ("a:b?.mp4", "a_b_.mp4"),
        ("trip. .", "trip"),
        ("nul.", "_nul"),
        ("...", "_"),
    ],
)
def test_a_name_is_changed_as_little_as_needed(name: str, kept: str) -> None:
    assert windows_name(name) == kept


@pytest.mark.parametrize("name", ODD)
def test_what_comes_out_stays_as_it_is(name: str) -> None:
    assert windows_name(windows_name(name)) == windows_name(name)


@pytest.mark.skipif(sys.version_info < (3, 13), reason="Python tells what Windows reserves from 3.13 on")
@pytest.mark.parametrize("name", ODD)
def test_python_agrees(name: str) -> None:
    import ntpath

    is_reserved = ntpath.isreserved  # type: ignore[attr-defined, unused-ignore]
    assert not is_reserved(windows_name(name))
    if ntpath.split(name)[1] == name:  # else it counts as a path there
        assert is_reserved(name) is (windows_name(name) != name)
