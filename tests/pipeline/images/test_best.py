"""The sharpest frames of a video."""

from __future__ import annotations

from fractions import Fraction
from typing import TYPE_CHECKING, Any

import av
import cv2
import numpy as np
import pytest
from PIL import Image

from pipeline.errors import OutputError, UsageError
from pipeline.images.best import Region, write_best_frames
from pipeline.job import SourceOptions
from pipeline.progress import SilentDisplay
from tests.pipeline.images.conftest import texture
from tests.support.engines import CopyingEngine

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray

    from pipeline.images.best import BestFrame

WIDTH, HEIGHT, RATE = 96, 64, 10


def blurred(strength: float, part: slice = slice(None)) -> NDArray[np.uint8]:
    """A texture of which some columns are blurred."""
    picture = texture(HEIGHT, WIDTH)
    picture[1::2] = 255 - picture[1::2]
    if strength:
        picture[:, part] = cv2.GaussianBlur(picture, (0, 0), strength)[:, part]
    return picture


def write_video(path: Path, pictures: list[NDArray[np.uint8]], pixel_format: str = "bgr0") -> Path:
    with av.open(str(path), "w") as out:
        video: Any = out.add_stream("ffv1", rate=Fraction(RATE))
        video.width, video.height, video.pix_fmt = WIDTH, HEIGHT, pixel_format
        for picture in pictures:
            out.mux(video.encode(av.VideoFrame.from_ndarray(picture, "rgb24")))
        out.mux(video.encode(None))
    return path


def best(
    path: Path, folder: Path, start: float | None = None, duration: float | None = None, **more: Any
) -> list[BestFrame]:
    options = SourceOptions(start=start, duration=duration)
    return write_best_frames(path, folder, CopyingEngine, options, SilentDisplay(), **more)


@pytest.fixture
def video(tmp_path: Path) -> Path:
    """Two seconds, of which the frames at 0.4, 0.5 and 1.3 s are sharp, that at 0.5 s the most."""
    strengths = [3.0] * 20
    strengths[4], strengths[5], strengths[13] = 0.8, 0.0, 1.0
    return write_video(tmp_path / "in.mkv", [blurred(strength) for strength in strengths])


def test_the_sharpest_frames_are_written_with_their_times(video: Path, tmp_path: Path) -> None:
    found = best(video, tmp_path / "out", count=2)
    assert [frame.time for frame in found] == pytest.approx([0.5, 1.3])
    assert [frame.path.name for frame in found] == ["in_00m00.500s.png", "in_00m01.300s.png"]
    assert found[0].sharpness > found[1].sharpness
    with Image.open(found[0].path) as picture:
        np.testing.assert_array_equal(picture, blurred(0))
        assert picture.info["Comment"] == "in.mkv at 0.500 s"


def test_neighbours_are_taken_where_the_gap_allows(video: Path, tmp_path: Path) -> None:
    assert [frame.time for frame in best(video, tmp_path, count=2, gap=0)] == pytest.approx([0.5, 0.4])


def test_a_stretch_is_looked_at(video: Path, tmp_path: Path) -> None:
    (found,) = best(video, tmp_path, start=1.0, duration=0.8, count=1)
    assert found.time == pytest.approx(1.3)
    assert found.path.name == "in_00m01.300s.png"


def test_the_region_decides(tmp_path: Path) -> None:
    left, right = slice(0, 32), slice(32, None)
    pictures = [blurred(3), blurred(2, left), blurred(3), blurred(2, right), blurred(3)]
    video = write_video(tmp_path / "in.mkv", pictures)
    for region, time in ((Region(0, 0, 28, HEIGHT), 0.3), (Region(40, 10, 50, 40), 0.1)):
        (found,) = best(video, tmp_path / f"{time}", count=1, region=region)
        assert found.time == pytest.approx(time)


def test_a_region_out_of_the_picture_is_refused(video: Path, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="96x64"):
        best(video, tmp_path / "out", region=Region(90, 0, 10, 10))
    assert not (tmp_path / "out").exists()


def test_ten_bits_become_sixteen(tmp_path: Path) -> None:
    video = write_video(tmp_path / "in.mkv", [blurred(0)], "yuv444p10le")
    (found,) = best(video, tmp_path)
    picture = cv2.imread(str(found.path), cv2.IMREAD_UNCHANGED)
    assert picture is not None
    assert picture.dtype == np.uint16
    assert np.abs(picture[..., ::-1] / 257 - blurred(0)).mean() < 2


def test_a_picture_that_is_there_is_kept(video: Path, tmp_path: Path) -> None:
    (first,) = best(video, tmp_path, count=1)
    first.path.write_bytes(b"mine")
    with pytest.raises(OutputError, match="exists"):
        best(video, tmp_path, count=1)
    assert first.path.read_bytes() == b"mine"
    best(video, tmp_path, count=1, overwrite=True)
    assert first.path.read_bytes() != b"mine"
