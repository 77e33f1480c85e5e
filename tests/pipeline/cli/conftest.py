"""The real command line in a process of its own, and a small clip for it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.support.clips import write_clip
from tests.support.commands import CommandLine

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path


@pytest.fixture(scope="session")
def deblur() -> CommandLine:
    return CommandLine()


@pytest.fixture
def clip(tmp_path: Path) -> Path:
    """Twelve frames of H.264 with sound, in an MP4 whose index comes first."""
    options = {"preset": "veryfast", "g": "4", "bf": "2"}
    return write_clip(tmp_path / "clip.mp4", options=options, muxer={"movflags": "faststart"})


@pytest.fixture
def assert_no_output() -> Callable[[Path], None]:
    def check(output: Path) -> None:
        """Nothing under the final name, and nothing temporary beside it."""
        assert not output.exists()
        assert [path.name for path in output.parent.iterdir() if "partial" in path.name] == []

    return check
