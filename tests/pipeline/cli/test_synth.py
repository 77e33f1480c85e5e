"""`deblur synth` as it is typed."""

from __future__ import annotations

import json
import signal
import sys
import time
from typing import TYPE_CHECKING

import av
import cv2
import numpy as np
import pytest
from click.testing import CliRunner, Result

from network.data.planes import split
from network.errors import DataError
from network.training.windows import WindowPool
from pipeline.cli.synth import synth

if TYPE_CHECKING:
    from pathlib import Path

    from tests.support.commands import CommandLine

SMALL = ("--size", "48", "--longest", "6", "--workers", "1")


def _natural(seed: int, height: int = 160, width: int = 200) -> np.ndarray:
    """A picture whose amplitude falls as 1 / frequency, as that of photographs does."""
    frequency = np.hypot(*np.meshgrid(np.fft.rfftfreq(width), np.fft.fftfreq(height)))
    frequency[0, 0] = 1
    noise = np.random.default_rng(seed).standard_normal((3, height, width))
    picture = np.fft.irfft2(np.fft.rfft2(noise) / frequency, (height, width)).transpose(1, 2, 0)
    return np.clip(128 + 45 * picture / picture.std(), 0, 255).astype(np.uint8)


@pytest.fixture
def sources(tmp_path: Path) -> Path:
    """A sharp photograph, a blurred one, a moving video whose last quarter is gone, and a file that is no video."""
    folder = tmp_path / "sources"
    folder.mkdir()
    cv2.imwrite(str(folder / "sharp.png"), _natural(0))
    cv2.imwrite(str(folder / "soft.png"), cv2.GaussianBlur(_natural(0), (0, 0), 2))
    (folder / "text.mp4").write_text("no video", encoding="utf-8")
    ground = _natural(1, 128, 400)
    with av.open(str(folder / "film.mp4"), "w", container_options={"movflags": "faststart"}) as output:
        stream = output.add_stream("libx264", rate=25, options={"crf": "8", "preset": "veryfast", "g": "10"})
        stream.width, stream.height, stream.pix_fmt = 160, 128, "yuv420p"
        for time in range(60):
            picture = np.ascontiguousarray(ground[:, 3 * time : 3 * time + 160])
            output.mux(stream.encode(av.VideoFrame.from_ndarray(picture, format="rgb24")))
        output.mux(stream.encode(None))
    data = (folder / "film.mp4").read_bytes()
    (folder / "film.mp4").write_bytes(data[: len(data) * 3 // 4])
    return folder


def _run(*arguments: object) -> Result:
    return CliRunner().invoke(synth, [str(argument) for argument in arguments], catch_exceptions=False)


def test_photographs_and_videos_become_one_pool(sources: Path, tmp_path: Path) -> None:
    made = _run(sources, tmp_path / "pool", "--windows", 6, *SMALL)
    assert made.exit_code == 0
    assert made.stdout.splitlines() == [
        "1 photograph and 1 video, profile handheld, blur 1 to 6 pixels",
        "6 of 6 windows",
    ]
    assert "left out 1 of 4 sources: soft.png (blurred or upscaled)" in made.stderr
    assert "left out 1 of 4 sources: text.mp4 (can't be read as a video" in made.stderr
    assert "film.mp4 ends early, after" in made.stderr
    record = json.loads((tmp_path / "pool" / "pool.json").read_text(encoding="utf-8"))
    assert record["photos"] == ["sharp.png"]
    assert record["videos"] == ["film.mp4"]

    windows = np.load(tmp_path / "pool" / "windows_00000000.npy")
    assert len(WindowPool([tmp_path / "pool"])) == 6
    # Windows of both kinds are there: the photograph alone makes some of them, and others in place of the video's.
    _run(sources, tmp_path / "photo", "--windows", 6, "--video-share", 0, *SMALL)
    alone = np.load(tmp_path / "photo" / "windows_00000000.npy")
    assert 0 < sum(np.array_equal(*both) for both in zip(alone, windows, strict=True)) < 6


def test_blurred_sources_are_used_on_request(sources: Path, tmp_path: Path) -> None:
    soft = sources / "soft.png"
    with pytest.raises(DataError, match="none of the sources is fit"):
        _run(soft, tmp_path / "pool", "--windows", 2, *SMALL)
    made = _run(soft, tmp_path / "pool", "--windows", 2, "--keep-blurred", *SMALL)
    assert made.output.splitlines()[-1] == "2 of 2 windows"


def test_set_changes_the_profile(sources: Path, tmp_path: Path) -> None:
    photo = sources / "sharp.png"
    clean = ("still=1", "longest=5", "noise=0", "compression=0", "defocus=0", "processing=0", "short_exposures=0")
    assignments = [word for change in (*clean, "objects=0") for word in ("--set", change)]
    _run(photo, tmp_path / "pool", "--windows", 3, *assignments, *SMALL[:2], "--workers", 1)
    record = json.loads((tmp_path / "pool" / "pool.json").read_text(encoding="utf-8"))
    assert (record["profile"]["still"], record["profile"]["longest"]) == (1.0, 5.0)
    luma, _ = split(np.load(tmp_path / "pool" / "windows_00000000.npy"))
    assert np.array_equal(luma[:, 1], luma[:, 3])


@pytest.mark.timeout(120)
@pytest.mark.skipif(sys.platform == "win32", reason="a process can't be sent SIGTERM alone")
def test_a_ring_goes_on_until_it_is_ended(sources: Path, tmp_path: Path, deblur: CommandLine) -> None:
    ring = tmp_path / "ring"
    process = deblur.start("synth", sources / "sharp.png", ring, "--windows", "2", "--ring", "--pause", "0.1", *SMALL)
    try:
        while not (ring / "windows_00000004.npy").exists():
            assert process.poll() is None, process.stderr.read().decode()
            time.sleep(0.01)
        process.send_signal(signal.SIGTERM)
        process.communicate(timeout=60)
    finally:
        process.kill()
        process.wait()
    assert process.returncode == 130
    assert len(list(ring.glob("windows_*.npy"))) <= 2
    assert WindowPool([ring]).is_ring


def test_a_folder_with_another_pool_is_left_alone(sources: Path, tmp_path: Path) -> None:
    photo, pool = sources / "sharp.png", tmp_path / "pool"
    _run(photo, pool, "--windows", 2, *SMALL)
    before = (pool / "windows_00000000.npy").read_bytes()
    with pytest.raises(DataError, match="holds a pool of other windows"):
        _run(photo, pool, "--windows", 2, "--seed", 1, *SMALL)
    assert (pool / "windows_00000000.npy").read_bytes() == before


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("--size", "50"), "size must be a multiple of 16, not 50"),
        (("--set", "speed=1"), "'speed=1' is not NAME=VALUE with a NAME of shortest, longest"),
        (("--set", "objects=2"), "objects must be from 0 to 1, not 2"),
        (("--longest", "0.5"), "longest must be at least shortest, 1, not 0.5"),
    ],
)
def test_what_makes_no_sense_is_said(sources: Path, tmp_path: Path, arguments: tuple[str, ...], message: str) -> None:
    ended = _run(sources, tmp_path / "pool", *arguments)
    assert ended.exit_code == 2
    assert message in " ".join(ended.stderr.split())
    assert not (tmp_path / "pool").exists()
