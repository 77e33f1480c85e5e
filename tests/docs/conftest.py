"""The documents as parsed Markdown, and a folder in which their commands run."""

from __future__ import annotations

import os
import stat
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from markdown_it import MarkdownIt
from PIL import Image

from tests.support.clips import write_clip

if TYPE_CHECKING:
    from collections.abc import Iterator

    from markdown_it.token import Token

ROOT = Path(__file__).resolve().parents[2]
PAGES = sorted([*ROOT.glob("*.md"), *ROOT.glob("examples/*.md"), *ROOT.glob("docs/**/*.md")])
FRAMES = 60


@dataclass(frozen=True)
class Page:
    """A document of the repository."""

    path: Path

    def __str__(self) -> str:
        return self.path.relative_to(ROOT).as_posix()

    @property
    def tokens(self) -> list[Token]:
        """What the document consists of, by CommonMark with tables."""
        return MarkdownIt("commonmark").enable("table").parse(self.path.read_text(encoding="utf-8"))

    def blocks(self, language: str) -> Iterator[tuple[int, str]]:
        """Line number of the first line, and text, of every code block of a language."""
        for token in self.tokens:
            if token.type == "fence" and token.info.strip() == language and token.map:
                yield token.map[0] + 2, token.content

    def inline(self, kind: str) -> Iterator[tuple[int, Token]]:
        """Line number of its paragraph, and the token, of everything of a kind within text."""
        for token in self.tokens:
            for child in token.children or ():
                if child.type == kind:
                    yield (token.map or [0])[0] + 1, child


@dataclass(frozen=True)
class Workspace:
    """A folder with small clips and the command ``deblur``, and the environment to run something in it."""

    folder: Path
    environment: dict[str, str]
    frames: int = FRAMES


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Runs tests that take ``page`` for every document, and ``page_with_python`` for every document with Python."""
    pages = [Page(path) for path in PAGES]
    if "page" in metafunc.fixturenames:
        metafunc.parametrize("page", pages, ids=str)
    if "page_with_python" in metafunc.fixturenames:
        metafunc.parametrize("page_with_python", [page for page in pages if any(page.blocks("python"))], ids=str)


@pytest.fixture
def quickstart() -> Page:
    """The page that newcomers follow to the letter."""
    return Page(ROOT / "docs" / "quickstart.md")


@pytest.fixture
def workspace(tmp_path: Path) -> Workspace:
    """What the documents take for granted: examples/clip.mp4, in.mp4, in.mkv and photo.jpg."""
    folder, programs = tmp_path / "work", tmp_path / "programs"
    for path in (folder, folder / "examples", programs):
        path.mkdir()
    for name in ("examples/clip.mp4", "in.mp4", "in.mkv"):
        write_clip(folder / name, size=(160, 90), frames=FRAMES)
    Image.new("RGB", (64, 48), (90, 120, 60)).save(folder / "photo.jpg")
    program = programs / "deblur"
    program.write_text(f'#!/bin/sh\nexec "{sys.executable}" -W error -m pipeline.cli "$@"\n', encoding="utf-8")
    program.chmod(program.stat().st_mode | stat.S_IXUSR)
    paths = os.pathsep.join([str(programs), os.environ["PATH"]])
    return Workspace(folder, {**os.environ, "PATH": paths, "PYTHONPATH": str(ROOT), "PYTHONWARNINGS": "error"})
