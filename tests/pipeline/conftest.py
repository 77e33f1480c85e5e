"""Clips made to order, and what a written file says when it is opened again."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from tests.support.clips import Contents, read_file, write_clip
from tests.support.conversion import Converted, convert
from tests.support.frames import samples_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

CLIPS = Path(__file__).resolve().parents[3] / "shared" / "data" / "clips"


@pytest.fixture(name="make_clip")
def make_clip_fixture() -> Callable[..., Path]:
    """Writes a small clip; see :func:`tests.support.clips.write_clip`."""
    return write_clip


@pytest.fixture(name="convert")
def convert_fixture() -> Callable[..., Converted]:
    """Takes a video through source and sink; see :func:`tests.support.conversion.convert`."""
    return convert


@pytest.fixture(name="read_file")
def read_file_fixture() -> Callable[..., Contents]:
    """Reads a media file back, whole; see :func:`tests.support.clips.read_file`."""
    return read_file


@pytest.fixture(name="samples_of")
def samples_of_fixture() -> Callable[..., Any]:
    """The samples of a frame, plane by plane; see :func:`tests.support.frames.samples_of`."""
    return samples_of


@pytest.fixture
def shared_clip() -> Callable[[str], Path]:
    """The path of a clip beside the repository; skips where there is none."""

    def find(name: str) -> Path:
        path = CLIPS / name
        if not path.is_file():
            pytest.skip(f"the clip {name} is not beside this checkout")
        return path

    return find


@pytest.fixture(autouse=True)
def no_files_left(tmp_path: Path) -> Iterator[None]:
    """No test may leave a half-written file behind."""
    yield
    assert not list(tmp_path.rglob("*.partial*"))
