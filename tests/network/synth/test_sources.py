"""What is found, what is left out, and why."""

from __future__ import annotations

from typing import TYPE_CHECKING

import cv2
import pytest

from network.errors import DataError
from network.synth.sources import find_sources, fit_sources

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    import numpy as np


@pytest.fixture
def photos(natural: Callable[..., np.ndarray], tmp_path: Path) -> Path:
    folder = tmp_path / "photos"
    folder.mkdir()
    sharp = natural(0)
    cv2.imwrite(str(folder / "sharp.png"), sharp)
    cv2.imwrite(str(folder / "soft.png"), cv2.GaussianBlur(sharp, (0, 0), 1.5))
    (folder / "broken.png").write_bytes(b"no picture")
    return folder


@pytest.fixture
def videos(natural: Callable[..., np.ndarray], write_video: Callable[..., Path], tmp_path: Path) -> Path:
    folder = tmp_path / "videos"
    folder.mkdir()
    ground = natural(1)
    frames = [ground[:200, time : time + 240] for time in range(30)]
    write_video(folder / "sharp.mkv", frames)
    write_video(folder / "soft.mkv", [cv2.GaussianBlur(frame, (0, 0), 4) for frame in frames])
    write_video(folder / "short.mkv", frames[:2])
    write_video(folder / "tiny.mkv", [frame[:64, :64] for frame in frames])
    (folder / "broken.mov").write_bytes(b"no video")
    early = write_video(folder / "early.mp4", frames)
    early.write_bytes(early.read_bytes()[: early.stat().st_size * 3 // 4])
    return folder


def test_folders_and_files_are_told_apart_by_their_names(photos: Path, videos: Path) -> None:
    (videos / "notes.txt").write_text("", encoding="utf-8")
    pictures, films = find_sources([videos, photos / "sharp.png", photos])
    assert [path.name for path in pictures] == ["sharp.png", "broken.png", "sharp.png", "soft.png"]
    assert [path.name for path in films] == [
        "broken.mov", "early.mp4", "sharp.mkv", "short.mkv", "soft.mkv", "tiny.mkv"
    ]  # fmt: skip
    with pytest.raises(DataError, match=r"notes\.txt is neither a picture nor a video"):
        find_sources([videos / "notes.txt"])
    empty = videos / "empty"
    empty.mkdir()
    with pytest.raises(DataError, match="no pictures"):
        find_sources([empty])


def test_blurred_and_broken_sources_are_left_out_by_name(photos: Path, videos: Path) -> None:
    pictures, films = find_sources([photos, videos])
    fit = fit_sources(pictures, films, 100)
    assert [path.name for path in fit.photos] == ["sharp.png"]
    assert [video.path.name for video in fit.videos] == ["early.mp4", "sharp.mkv"]
    left_out = dict(fit.left_out)
    assert left_out["soft.png"] == "blurred or upscaled"
    assert left_out["broken.png"] == "unreadable"
    assert left_out["broken.mov"].startswith("can't be read as a video")
    assert left_out["short.mkv"] == "fewer than 3 frames"
    assert left_out["soft.mkv"] == "no frame is sharp"
    assert left_out["tiny.mkv"] == "too small (64x64, for crops of 100x100)"
    assert len(left_out) == 6
    assert [name for name, fault in fit.notes if fault.startswith("ends early")] == ["early.mp4"]


def test_on_request_blurred_sources_are_kept(photos: Path, videos: Path) -> None:
    pictures, films = find_sources([photos, videos])
    fit = fit_sources([path for path in pictures if path.name == "soft.png"], films, 100, keep_blurred=True)
    assert [path.name for path in fit.photos] == ["soft.png"]
    assert "soft.mkv" in [video.path.name for video in fit.videos]
    assert "short.mkv" in dict(fit.left_out)
