"""Disks that are full or may not be written, with the real command line in a process of its own."""

from __future__ import annotations

import contextlib
import os
import re
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.support.resume import content_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

pytestmark = [
    pytest.mark.timeout(120),
    pytest.mark.skipif(sys.platform == "win32", reason="limits and owners as POSIX has them"),
]
ROOT = Path(__file__).resolve().parents[3]
GROUPS = {"g": "25", "bf": "2", "sc_threshold": "0"}
OPTIONS = ("--network", "identity", "--threads", "1", "--segment", "1")


def deblur(*arguments: object, prelude: str = "") -> tuple[int, str]:
    """Exit code and standard error of the program; ``prelude`` is Python that runs before it."""
    done = subprocess.run(  # noqa: S603
        [sys.executable, "-c", f"{prelude}\nfrom pipeline.cli import main\nmain()", *map(str, arguments)],
        stdin=subprocess.DEVNULL,
        capture_output=True,
        env={**os.environ, "PYTHONPATH": str(ROOT), "PYTHONWARNINGS": "error"},
        timeout=100,
        check=False,
    )
    return done.returncode, done.stderr.decode()


def only_line(error: str) -> str:
    """The line that names the program; that it is the last and the only one of its kind is asserted."""
    lines = error.splitlines()
    assert [line for line in lines if line.startswith("deblur: ")] == lines[-1:], error
    assert "Traceback" not in error
    return lines[-1]


def test_a_file_that_grows_too_large_leaves_what_was_finished(make_clip: Callable[..., Path], tmp_path: Path) -> None:
    clip = make_clip(tmp_path / "clip.mkv", frames=110, options=GROUPS)
    whole, output = tmp_path / "whole.mkv", tmp_path / "out.mkv"
    assert deblur("video", clip, whole, *OPTIONS)[0] == 0
    limit = whole.stat().st_size * 6 // 10
    prelude = f"import resource; resource.setrlimit(resource.RLIMIT_FSIZE, ({limit}, {limit}))"
    code, error = deblur("video", clip, output, *OPTIONS, prelude=prelude)
    assert code == 4
    assert f"{output} can't be written" in only_line(error)
    assert "finished: run the same again to go on" in only_line(error)
    assert not output.exists()
    code, error = deblur("video", clip, output, *OPTIONS)
    assert code == 0, error
    assert "of an interrupted run are kept" in error
    assert content_of(output) == content_of(whole)


@contextlib.contextmanager
def mounted(folder: Path, options: str) -> Iterator[Path]:
    """A disk of its own; skips where that may not be had."""
    folder.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", options, "tmpfs", str(folder)]
    if os.geteuid() != 0 or subprocess.run(mount, capture_output=True, check=False).returncode:  # noqa: S603
        pytest.skip("needs the right to mount a disk")
    try:
        yield folder
    finally:
        subprocess.run(["umount", str(folder)], check=True)  # noqa: S603, S607


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    with mounted(tmp_path / "disk", "size=40m") as disk:
        yield disk


@pytest.fixture
def sealed_folder(tmp_path: Path) -> Iterator[Path]:
    """A folder that may not be written: root needs a disk for that, anyone else has permissions."""
    if os.geteuid() == 0:
        with mounted(tmp_path / "sealed", "ro") as disk:
            yield disk
    else:
        folder = tmp_path / "sealed"
        folder.mkdir(mode=0o555)
        yield folder
        folder.chmod(0o755)


@pytest.mark.slow
def test_a_disk_that_fills_up_leaves_what_was_finished(
    make_clip: Callable[..., Path], small_disk: Path, tmp_path: Path
) -> None:
    clip = make_clip(tmp_path / "clip.mkv", frames=110, options=GROUPS)
    options = (*OPTIONS, "--codec", "rawvideo")  # 0.5 MB in all, twice
    output = small_disk / "out.mkv"
    ballast = small_disk / "ballast"
    ballast.write_bytes(bytes(30 << 20))  # less than the reserve is free
    code, error = deblur("video", clip, output, *options)
    assert code == 4
    assert "are free on the disk" in only_line(error)
    assert [path.name for path in small_disk.iterdir()] == ["ballast"]
    ballast.write_bytes(bytes((24 << 20) - (400 << 10)))  # the reserve is touched after some segments
    code, error = deblur("video", clip, output, *options)
    assert code == 4, error
    assert "make room; " in only_line(error)
    assert "finished: run the same again to go on" in only_line(error)
    assert not output.exists()
    ballast.unlink()
    code, error = deblur("video", clip, output, *options)
    assert code == 0, error
    assert "of an interrupted run are kept" in error
    assert sorted(path.name for path in small_disk.iterdir()) == ["out.mkv"]
    whole = tmp_path / "whole.mkv"
    assert deblur("video", clip, whole, *options)[0] == 0
    assert content_of(output) == content_of(whole)


@pytest.mark.parametrize("command", ["video", "batch"])
def test_a_target_that_may_not_be_written_is_one_line(
    make_clip: Callable[..., Path], sealed_folder: Path, tmp_path: Path, command: str
) -> None:
    clip = make_clip(tmp_path / "clip.mkv", frames=30)
    target = sealed_folder / "out.mkv" if command == "video" else sealed_folder
    code, error = deblur(command, clip, target, *OPTIONS)
    assert code == (4 if command == "video" else 8), error
    assert re.search(r"can't be written: (Permission denied|Read-only file system)", only_line(error))
    assert not list(sealed_folder.iterdir())
