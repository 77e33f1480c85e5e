"""Which files a batch reads and what it calls its outputs."""

from __future__ import annotations

from pathlib import Path, PurePath

import pytest

from pipeline.batch.inputs import BatchInput, find_inputs, output_paths
from pipeline.errors import InputError, UsageError


@pytest.fixture
def card(tmp_path: Path) -> Path:
    card = tmp_path / "card"
    for name in ("a.mp4", "B.MOV", "notes.txt", ".hidden.mp4", "sub/c.mkv", "sub/deep/a.mp4", ".trash/d.mp4"):
        (card / name).parent.mkdir(parents=True, exist_ok=True)
        (card / name).touch()
    return card


def names(card: Path, *arguments: str, recursive: bool = False) -> list[str]:
    found = find_inputs([str(card / name) for name in arguments], card / "out", recursive=recursive)
    return [item.path.relative_to(card).as_posix() for item in found.inputs]


def test_a_folder_gives_its_videos_and_counts_the_rest(card: Path) -> None:
    assert names(card, "") == ["B.MOV", "a.mp4"]
    assert find_inputs([str(card)], card / "out").ignored == 1


def test_recursion_goes_into_folders_but_not_into_hidden_ones(card: Path) -> None:
    assert names(card, "", recursive=True) == ["B.MOV", "a.mp4", "sub/c.mkv", "sub/deep/a.mp4"]


def test_outputs_inside_the_inputs_are_not_read(card: Path) -> None:
    (card / "out").mkdir()
    (card / "out" / "a.mp4").touch()
    assert names(card, "", recursive=True) == ["B.MOV", "a.mp4", "sub/c.mkv", "sub/deep/a.mp4"]


def test_a_file_that_is_named_is_taken_once_whatever_it_is_called(card: Path) -> None:
    assert names(card, "notes.txt", "a.mp4", "a.mp4", "*.mp4") == ["notes.txt", "a.mp4"]


def test_what_is_not_there_is_said(card: Path) -> None:
    with pytest.raises(InputError, match="does not exist"):
        names(card, "*.webm")
    (card / "empty").mkdir()
    with pytest.raises(UsageError, match=r"there is no video in .* add `recursive`"):
        names(card, "empty")


def test_a_template_is_filled_in() -> None:
    inputs = [BatchInput(Path("x/a.mp4"), PurePath("day")), BatchInput(Path("b.c.mov"), PurePath())]
    assert output_paths(inputs, Path("out")) == [Path("out/day/a.mp4"), Path("out/b.c.mov")]
    filled = output_paths(inputs, Path("out"), "{number:03}-{folder}-{stem}_sharp{suffix}")
    assert filled == [Path("out/001-day-a_sharp.mp4"), Path("out/002-.-b.c_sharp.mov")]


@pytest.mark.parametrize("template", ["{nobody}", "{stem", "{}", "/tmp/{name}", "{folder}/../../{name}", "{stem.x}"])  # noqa: S108
def test_a_template_that_makes_no_sense_is_refused(template: str) -> None:
    with pytest.raises(UsageError, match="`template`"):
        output_paths([BatchInput(Path("a.mp4"), PurePath("day"))], Path("out"), template)


def test_names_that_some_disks_take_for_one_are_refused() -> None:
    inputs = [BatchInput(Path("x/a.mp4"), PurePath()), BatchInput(Path("y/A.MP4"), PurePath())]
    with pytest.raises(UsageError, match="would both be written to"):
        output_paths(inputs, Path("out"))


def test_a_folder_that_is_its_own_output_is_named(tmp_path: Path) -> None:
    (tmp_path / "clip.mp4").touch()
    with pytest.raises(UsageError, match="is the folder of the outputs"):
        find_inputs([str(tmp_path)], tmp_path)
