"""Which pictures are read, and what their results are called."""

from __future__ import annotations

from pathlib import Path

import pytest

from pipeline.errors import InputError, OutputError, UsageError
from pipeline.images.names import is_sequence, plan_names
from tests.pipeline.images.conftest import write


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Pictures in the current folder."""
    (tmp_path / "more").mkdir()
    for name in ("b.jpg", "a.png", "notes.txt", "more/c.webp", "img_9.png", "img_10.png", "img_x.png"):
        (tmp_path / name).write_bytes(b"")
    monkeypatch.chdir(tmp_path)
    return tmp_path


def names(inputs: list[str], output: str, **options: object) -> list[tuple[str, str]]:
    return [(a.as_posix(), b.as_posix()) for a, b in plan_names(inputs, output, **options)]  # type: ignore[arg-type]


@pytest.mark.usefixtures("folder")
def test_one_picture_becomes_one_file() -> None:
    assert names(["b.jpg"], "out.png") == [("b.jpg", "out.png")]


@pytest.mark.usefixtures("folder")
def test_one_picture_goes_into_a_folder() -> None:
    assert names(["b.jpg"], "out") == [("b.jpg", "out/b.jpg")]
    assert names(["b.jpg"], "more") == [("b.jpg", "more/b.jpg")]


@pytest.mark.usefixtures("folder")
def test_folders_and_patterns_go_into_a_folder() -> None:
    assert names(["?.*"], "out") == [("a.png", "out/a.png"), ("b.jpg", "out/b.jpg")]
    assert [a for a, _ in names(["."], "out")] == ["a.png", "b.jpg", "img_10.png", "img_9.png", "img_x.png"]
    assert ("more/c.webp", "out/more/c.webp") in names(["."], "out", recursive=True)
    assert names(["b.jpg"], "out", template="{stem}.png") == [("b.jpg", "out/b.png")]


@pytest.mark.usefixtures("folder")
def test_a_numbered_sequence_is_read_in_order() -> None:
    wanted = [("img_9.png", "out_009.jpg"), ("img_10.png", "out_010.jpg")]
    assert names(["img_%d.png"], "out_%03d.jpg") == wanted
    assert [a for a, _ in names(["img_%02d.png"], "out")] == ["img_9.png", "img_10.png"]


def test_a_file_with_such_a_name_is_no_sequence(tmp_path: Path) -> None:
    path = write(tmp_path / "50%d.png")
    assert not is_sequence(str(path))
    assert is_sequence(str(tmp_path / "40%d.png"))
    assert plan_names([str(path)], str(tmp_path / "out.png")) == [(path, tmp_path / "out.png")]


@pytest.mark.usefixtures("folder")
@pytest.mark.parametrize(
    ("inputs", "output", "error", "words"),
    [
        (["b.jpg"], "out.xyz", UsageError, "no extension of a picture"),
        (["b.jpg", "a.png"], "out.png", UsageError, "several pictures need a folder"),
        (["b.jpg", "a.png"], "notes.txt", OutputError, "several pictures need a folder"),
        (["more/c.webp", "a.png"], "out_%d.png", UsageError, "numbered sequence"),
        (["nothing.jpg"], "out.jpg", InputError, "does not exist"),
        (["no_%d.jpg"], "out", InputError, "no picture"),
    ],
)
def test_names_that_do_not_go_together_are_refused(
    inputs: list[str], output: str, error: type[Exception], words: str
) -> None:
    with pytest.raises(error, match=words):
        plan_names(inputs, output)
    assert not Path("out").exists()
