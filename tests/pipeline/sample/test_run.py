"""Stretches, deblurred with several settings."""

from __future__ import annotations

import io
from typing import TYPE_CHECKING

import numpy as np
import pytest
from PIL import Image

from pipeline.job import VideoJob
from pipeline.progress import SilentDisplay
from pipeline.sample.page import page, summary
from pipeline.sample.run import Setting, sample
from pipeline.sample.search import Stretch
from tests.support.clips import write_clip
from tests.support.engines import BrighteningEngine, CopyingEngine

if TYPE_CHECKING:
    from pathlib import Path

    from pipeline.pages.picture import Encoded
    from pipeline.sample.run import Sample


def level(picture: Encoded) -> float:
    return float(np.asarray(Image.open(io.BytesIO(picture.data)).convert("L")).mean())


@pytest.fixture
def made(tmp_path: Path) -> Sample:
    clip = write_clip(tmp_path / "in.mp4", frames=75, options={"g": "25"})
    job = VideoJob(clip, tmp_path / "page.mp4")
    settings = [Setting("copying", CopyingEngine), Setting("brighter", lambda: BrighteningEngine(40))]
    return sample(job, [Stretch(0.0, 0.6), Stretch(2.0, 0.4)], settings, SilentDisplay())


def test_each_stretch_shows_frames_before_and_after(made: Sample, tmp_path: Path) -> None:
    assert [len(moments) for moments in made.moments] == [15, 10]
    times = [moment.time for moments in made.moments for moment in moments]
    assert times == pytest.approx([*(number / 25 for number in range(15)), *(2 + number / 25 for number in range(10))])
    for moments in made.moments:
        for moment in moments:
            before, same, brighter = map(level, moment.pictures)
            assert same == pytest.approx(before, abs=3)
            assert brighter > before + 15
    assert sorted(path.name for path in tmp_path.iterdir()) == ["in.mp4"]


def test_time_and_size_of_the_whole_are_told(made: Sample) -> None:
    first = made.tried[0]
    assert (first.name, first.frames, first.length) == ("copying", 25, pytest.approx(1.0))
    assert first.time_for(10.0) == pytest.approx(10 * first.seconds)
    assert first.size_for(3.0) == 3 * first.size > 3000
    assert len(summary(made, 3.0)) == 2
    assert "MB" in summary(made, 3.0)[0]
    assert "MB" not in summary(made, None)[0]


def test_the_page_stands_alone(made: Sample) -> None:
    text = page("Sample of <in.mp4>", made, 3.0)
    assert "Sample of &lt;in.mp4&gt;" in text
    assert text.count("data:image/jpeg") == 3 * 25
    assert "http" not in text.replace("http-equiv", "").replace("http://www.w3.org", "")
