"""Where a video is blurred most."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import av
import cv2
import numpy as np
import pytest

from pipeline.errors import InputError
from pipeline.sample.search import Look, Stretch, look_at_keyframes, most_blurred

if TYPE_CHECKING:
    from pathlib import Path

RATE, GROUP = 10, 5


def write_video(path: Path, blurs: list[float | None]) -> Path:
    """Half a second with each blur, a keyframe at its beginning; black for None."""
    rng = np.random.default_rng(0)
    texture = cv2.resize(rng.integers(0, 256, (60, 80, 3), dtype=np.uint8), (320, 240), interpolation=cv2.INTER_NEAREST)
    with av.open(str(path), "w") as out:
        video: Any = out.add_stream("libx264", rate=RATE, options={"g": str(GROUP), "sc_threshold": "0", "crf": "10"})
        video.width, video.height, video.pix_fmt = 320, 240, "yuv420p"
        for blur in blurs:
            picture = np.zeros_like(texture) if blur is None else texture
            picture = cv2.GaussianBlur(picture, (0, 0), blur) if blur else picture
            for _ in range(GROUP):
                out.mux(video.encode(av.VideoFrame.from_ndarray(picture, "rgb24")))
        out.mux(video.encode(None))
    return path


def test_keyframes_are_looked_at_over_the_whole_video(tmp_path: Path) -> None:
    looks, duration = look_at_keyframes(write_video(tmp_path / "in.mp4", [0, 6, 0, 3, None, 0]))
    assert duration == pytest.approx(3.0)
    assert [look.time for look in looks] == pytest.approx([0, 0.5, 1, 1.5, 2.5])
    blurs = [look.blur for look in looks]
    assert blurs[1] >= blurs[3] > 0.4
    assert max(blurs[0], blurs[2], blurs[4]) < 0.2
    assert [stretch.start for stretch in most_blurred(looks, duration, 2, 0.4)] == pytest.approx([0.3, 1.3])


def test_few_keyframes_stand_for_many(tmp_path: Path) -> None:
    looks, _ = look_at_keyframes(write_video(tmp_path / "in.mp4", [0.0] * 12), most=4)
    assert len(looks) == 4
    assert [look.time for look in looks] == pytest.approx([0.5, 2.0, 3.5, 5.0])


def test_stretches_do_not_overlap_and_stay_inside() -> None:
    looks = [Look(time, blur) for time, blur in ((0.1, 0.9), (0.6, 0.8), (5.0, 0.7), (9.9, 0.6))]
    found = most_blurred(looks, 10, 3, 1.0)
    assert found == [Stretch(0.0, 1.0, 0.9), Stretch(4.5, 1.0, 0.7), Stretch(9.0, 1.0, 0.6)]


def test_a_short_video_is_one_stretch() -> None:
    assert most_blurred([Look(0.2, 0.5)], 0.8, 3, 1.0) == [Stretch(0.0, 0.8, 0.5)]
    assert most_blurred([], 5.0, 3, 1.0) == [Stretch(0.0, 1.0)]


def test_what_is_no_video_is_refused(tmp_path: Path) -> None:
    (tmp_path / "in.mp4").write_bytes(b"no video")
    with pytest.raises(InputError, match="`at`"):
        look_at_keyframes(tmp_path / "in.mp4")
