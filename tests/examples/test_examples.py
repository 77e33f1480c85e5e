"""Every program of examples/ runs as its first lines say."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import av
import pytest

ROOT = Path(__file__).resolve().parents[2]
EXAMPLES = ROOT / "examples"
CLIP = EXAMPLES / "clip.mp4"
SHORT = "--seconds", "0.2"


def run(name: str, *arguments: object, folder: Path) -> str:
    """Runs an example in a folder and returns what it printed."""
    done = subprocess.run(  # noqa: S603
        [sys.executable, EXAMPLES / name, *map(str, arguments)],
        cwd=folder,
        env={**os.environ, "PYTHONPATH": str(ROOT), "PYTHONWARNINGS": "error"},
        capture_output=True,
        text=True,
        timeout=240,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert "Traceback" not in done.stderr
    return done.stdout


def frames_of(path: Path) -> int:
    with av.open(path) as container:
        return sum(1 for _ in container.decode(video=0))


def test_every_example_is_listed_and_tested() -> None:
    programs = {path.name for path in EXAMPLES.glob("*.py")}
    listed = set(re.findall(r"^\| `(\w+\.py)` \|", (EXAMPLES / "README.md").read_text(encoding="utf-8"), re.MULTILINE))
    tested = set(re.findall(r'run\(\s*"(\w+\.py)"', Path(__file__).read_text(encoding="utf-8")))
    assert programs == listed == tested


def test_a_file_is_deblurred_with_progress(tmp_path: Path) -> None:
    printed = run("deblur_file.py", CLIP, "out.mp4", *SHORT, folder=tmp_path)
    assert "3 frames" in printed
    assert frames_of(tmp_path / "out.mp4") == 3


def test_frames_are_compared(tmp_path: Path) -> None:
    printed = run("iterate_frames.py", *SHORT, folder=tmp_path)
    assert "1280x768, h264" in printed
    gain = re.search(r"most at \d\.\d\d s: (\d+\.\d+) times", printed)
    assert gain is not None
    assert float(gain[1]) > 1
    assert not list(tmp_path.iterdir())


def test_arrays_are_deblurred(tmp_path: Path) -> None:
    printed = run("deblur_array.py", folder=tmp_path)
    assert "one picture: (768, 1280, 3) uint8" in printed
    assert "a stack: (3, 768, 1280, 3)" in printed
    assert "16 bits: uint16" in printed
    assert "picture 2 of a video" in printed


def test_an_engine_of_the_user_s_own_runs(tmp_path: Path) -> None:
    assert "unsharp mask" in run("custom_engine.py", *SHORT, folder=tmp_path)
    assert frames_of(tmp_path / "sharpened.mp4") == 3


def test_a_network_of_the_user_s_own_runs(tmp_path: Path) -> None:
    pytest.importorskip("torch", reason="the extra `train` is not installed")
    assert "sharpen" in run("custom_network.py", *SHORT, folder=tmp_path)
    assert frames_of(tmp_path / "sharpened.mp4") == 3


@pytest.mark.slow
def test_a_picture_before_and_after_is_made(tmp_path: Path) -> None:
    run("before_after.py", CLIP, "out.png", "--time", "1", "--box", "300,200,80,60", "--zoom", "2", folder=tmp_path)
    with av.open(tmp_path / "out.png") as container:
        picture = next(container.decode(video=0))
    assert (picture.width, picture.height) == (2 * 160 + 8, 120)
