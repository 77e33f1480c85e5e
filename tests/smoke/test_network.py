"""The shipped networks on a blurred clip: the picture gets sharper, and no frame is lost or moved."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from media import luma, moving, read, write

if TYPE_CHECKING:
    from pathlib import Path

    from conftest import CommandLine

FRAMES = 6
BLUR = 7
"""Pixels along which the blurred clip is smeared, from left to right."""


def smeared(number: int) -> np.ndarray[Any, Any]:
    """The view of ``moving``, as a camera sees it that moves sideways while its shutter is open."""
    picture = moving(number).astype(float)
    return np.mean([np.roll(picture, step, axis=1) for step in range(BLUR)], axis=0).astype(np.uint8)


def sharpness(path: Path) -> float:
    """Mean difference of neighbouring pixels along the direction of the blur, over all frames."""
    return float(np.mean([np.abs(np.diff(picture, axis=1)).mean() for picture in luma(path)]))


@pytest.mark.parametrize("precision", ["int8", "fp32"])
def test_a_blurred_clip_gets_sharper(deblur: CommandLine, tmp_path: Path, precision: str) -> None:
    clip = write(tmp_path / "in.mkv", "ffv1", frames=FRAMES, picture=smeared)
    output, report = tmp_path / "out.mkv", tmp_path / "report.json"
    deblur.run("video", clip, output, "--precision", precision, "--threads", "1", "--report", report)
    found = json.loads(report.read_text(encoding="utf-8"))
    assert (found["engine"]["network"], found["engine"]["precision"]) == ("idc-video", precision)
    assert found["frames"]["out"] == FRAMES
    before, after = read(clip), read(output)
    assert after.times == before.times
    assert not set(after.pictures) & set(before.pictures)
    assert sharpness(output) > 1.05 * sharpness(clip)


def test_no_strength_is_no_change(deblur: CommandLine, tmp_path: Path) -> None:
    clip, output = write(tmp_path / "in.mkv", "ffv1", frames=FRAMES, picture=smeared), tmp_path / "out.mkv"
    deblur.run("video", clip, output, "--strength", "0", "--threads", "1")
    assert read(output).pictures == read(clip).pictures
