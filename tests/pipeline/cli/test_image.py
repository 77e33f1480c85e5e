"""`deblur image` as a person types it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest
from PIL import Image

if TYPE_CHECKING:
    from pathlib import Path

    from tests.support.commands import CommandLine


@pytest.fixture
def photo(tmp_path: Path) -> Path:
    rng = np.random.default_rng(0)
    path = tmp_path / "photo.jpg"
    Image.fromarray(rng.integers(0, 256, (48, 64, 3), dtype=np.uint8)).resize((128, 96)).save(path, quality=95)
    return path


def test_a_photograph_is_deblurred(deblur: CommandLine, photo: Path, tmp_path: Path) -> None:
    done = deblur.run("image", photo, tmp_path / "out.png")
    assert done.code == 0, done.err
    with Image.open(photo) as before, Image.open(tmp_path / "out.png") as after:
        assert after.size == before.size
        assert np.abs(np.asarray(after).astype(int) - np.asarray(before)).max() > 5


def test_without_a_network_nothing_changes(deblur: CommandLine, photo: Path, tmp_path: Path) -> None:
    done = deblur.run("image", photo, tmp_path / "out.jpg", "--network", "identity", "--quiet")
    assert (done.code, done.err) == (0, "")
    assert (tmp_path / "out.jpg").read_bytes() == photo.read_bytes()


def test_of_several_one_that_fails_is_told_and_the_others_are_done(
    deblur: CommandLine, photo: Path, tmp_path: Path
) -> None:
    broken = tmp_path / "broken.png"
    broken.write_bytes(b"nothing")
    done = deblur.run("image", photo, broken, tmp_path / "out", "--network", "identity")
    assert done.code == 8
    assert f"failed: {broken} is no picture that can be read" in done.err
    assert done.error == "deblur: 1 of 2 pictures has no result"
    assert [path.name for path in (tmp_path / "out").iterdir()] == ["photo.jpg"]


@pytest.mark.parametrize(
    ("output", "code", "words"),
    [("out.mp4", 2, "no extension of a picture"), ("photo.jpg", 2, "is the input itself")],
)
def test_what_makes_no_sense_is_one_line(
    output: str, code: int, words: str, deblur: CommandLine, photo: Path, tmp_path: Path
) -> None:
    done = deblur.run("image", photo, tmp_path / output, "--network", "identity")
    assert done.code == code
    assert words in done.error


def test_damage_is_told_and_what_is_there_is_kept(deblur: CommandLine, photo: Path, tmp_path: Path) -> None:
    photo.write_bytes(photo.read_bytes()[:-1500])
    done = deblur.run("image", photo, tmp_path / "out.jpg", "--network", "identity")
    assert done.code == 6
    assert "damaged" in done.error
    assert (tmp_path / "out.jpg").is_file()
