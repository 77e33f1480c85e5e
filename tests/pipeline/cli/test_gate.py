"""``--skip-sharp`` and ``--every-frame`` of `deblur video`."""

from __future__ import annotations

import json
from fractions import Fraction
from typing import TYPE_CHECKING, Any

import av
import numpy as np
import pytest

if TYPE_CHECKING:
    from pathlib import Path

    from tests.support.commands import CommandLine

pytestmark = pytest.mark.timeout(90)
LOSSLESS = ("--network", "identity", "--threads", "1", "--codec", "ffv1", "--quiet")


@pytest.fixture
def slides(tmp_path: Path) -> Path:
    """Sixteen frames with hard edges: eight pictures of two frames each."""
    path = tmp_path / "slides.mkv"
    rng = np.random.default_rng(5)
    with av.open(str(path), "w") as output:
        video: Any = output.add_stream("ffv1", rate=25)
        video.width, video.height, video.pix_fmt = 160, 96, "yuv420p"
        for number in range(16):
            if number % 2 == 0:
                luma = np.kron(rng.integers(0, 2, (12, 20), np.uint8) * 180 + 30, np.ones((8, 8), np.uint8))
            frame = av.VideoFrame.from_ndarray(np.vstack((luma, np.full((48, 160), 128, np.uint8))), "yuv420p")
            frame.pts, frame.time_base = number, Fraction(1, 25)
            output.mux(video.encode(frame))
        output.mux(video.encode(None))
    return path


def pictures(path: Path) -> list[bytes]:
    with av.open(str(path)) as container:
        return [frame.to_ndarray().tobytes() for frame in container.decode(video=0)]


@pytest.mark.parametrize(
    ("options", "duplicates", "sharp"),
    [
        ((), 8, 0),
        (("--every-frame",), 0, 0),
        (("--skip-sharp", "off"), 8, 0),
        (("--skip-sharp", "0.4"), 8, 4),
        (("--skip-sharp", "auto", "--every-frame"), 0, 12),
    ],
)
def test_the_report_counts_what_passed_the_network_by(
    deblur: CommandLine, slides: Path, tmp_path: Path, options: tuple[str, ...], duplicates: int, sharp: int
) -> None:
    output, report = tmp_path / "out.mkv", tmp_path / "report.json"
    ended = deblur.run("video", slides, output, *LOSSLESS, "--report", report, *options)
    assert ended.code == 0, ended.err
    assert pictures(output) == pictures(slides)
    found = json.loads(report.read_text(encoding="utf-8"))
    assert found["without_network"] == {"duplicates": duplicates, "sharp": sharp}
    assert found["frames"]["out"] == 16


@pytest.mark.parametrize("value", ["1.5", "-0.1", "nan", "some"])
def test_what_is_no_threshold_is_refused(deblur: CommandLine, tmp_path: Path, value: str) -> None:
    ended = deblur.run("video", tmp_path / "in.mp4", tmp_path / "out.mp4", "--skip-sharp", value)
    assert ended.code == 2
    assert "auto, off, or a number from 0 to 1" in ended.error
