"""`deblur best` as a person types it."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from tests.support.commands import CommandLine


def test_pictures_are_listed(deblur: CommandLine, clip: Path, tmp_path: Path) -> None:
    done = deblur.run("best", clip, tmp_path / "out", "--network", "identity", "-n", 2, "--gap", "0.2", "--quiet")
    assert (done.code, done.err) == (0, "")
    paths = [Path(line) for line in done.out.decode().splitlines()]
    assert len(paths) == 2
    assert sorted(paths) == sorted((tmp_path / "out").iterdir())


@pytest.mark.parametrize("region", ["1,2,3", "0,0,0,5", "60,0,10,10"])
def test_a_region_that_makes_no_sense_is_refused(region: str, deblur: CommandLine, clip: Path, tmp_path: Path) -> None:
    done = deblur.run("best", clip, tmp_path / "out", "--network", "identity", "--region", region)
    assert done.code == 2
    assert "picture" in done.error or "LEFT,TOP,WIDTH,HEIGHT" in done.error
