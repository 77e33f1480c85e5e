"""A video that is compared."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from pipeline.compare.film import Film
from pipeline.job import SourceOptions
from tests.support.clips import write_clip

if TYPE_CHECKING:
    from pathlib import Path


@pytest.mark.parametrize("start", [None, 0.8, 1.0])
def test_the_time_of_the_first_frame_is_known_before_it_is_read(start: float | None, tmp_path: Path) -> None:
    path = write_clip(tmp_path / "in.mp4", frames=50, options={"g": "25", "bf": "2"})
    film = Film(path, SourceOptions(start=start))
    try:
        assert float(film.first_time) == pytest.approx(start or 0)
        assert next(iter(film.frames())).time == film.first_time
    finally:
        film.source.close()
