"""What Windows and macOS lack is not needed, and Windows's rules for files are kept.

Neither system is run here. A process shows itself to this program as one of them would, and refuses what Windows
refuses to do with files; ``as_system.py`` says how far that goes.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any

import av
import numpy as np
import pytest

if TYPE_CHECKING:
    from collections.abc import Callable

pytestmark = [
    pytest.mark.timeout(120),
    pytest.mark.skipif(not sys.platform.startswith("linux"), reason="what is open is read from Linux's /proc"),
]

ROOT = Path(__file__).resolve().parents[3]
SCRIPT = Path(__file__).with_name("as_system.py")
SYSTEMS = ("win32", "darwin")
EXACT = ("--network", "identity", "--codec", "ffv1")


class OtherSystem:
    """Runs the command line as on another system, in a folder."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def start(self, system: str, *command: object, data: bytes | None = None) -> subprocess.CompletedProcess[bytes]:
        """Runs Python to its end in a process that shows itself as another system."""
        return subprocess.run(  # noqa: S603
            [sys.executable, *map(str, command)],
            cwd=self.folder,
            env={
                **os.environ,
                "PYTHONPATH": os.pathsep.join(map(str, (SCRIPT.parent, ROOT))),
                "PYTHONWARNINGS": "error",
                "DEBLUR_TESTS_SYSTEM": system,
                "DEBLUR_TESTS_FOLDER": str(self.folder),
            },
            **({"stdin": subprocess.DEVNULL} if data is None else {"input": data}),
            capture_output=True,
            timeout=100,
            check=False,
        )

    def run(self, system: str, *arguments: object, data: bytes | None = None) -> bytes:
        """Standard output of ``deblur``, which has to succeed."""
        done = self.start(system, SCRIPT, *arguments, data=data)
        assert done.returncode == 0, done.stderr.decode()
        assert "Traceback" not in done.stderr.decode()
        return done.stdout

    def refused(self, system: str, code: str) -> list[str]:
        """Kinds of the errors that lines of Python end in, each as a line of a module of this program; else "none"."""
        lines = [line for line in code.splitlines() if line]
        program = (
            "import as_system, json\n"
            "kinds = []\n"
            f"for line in {lines!r}:\n"
            "    try:\n"
            "        exec(line, {'__name__': 'pipeline.invented'})\n"
            "        kinds.append('none')\n"
            "    except Exception as error:\n"
            "        kinds.append(type(error).__name__)\n"
            "print(json.dumps(kinds))\n"
        )
        done = self.start(system, "-c", program)
        assert done.returncode == 0, done.stderr.decode()
        kinds: list[str] = json.loads(done.stdout)
        return kinds


@pytest.fixture
def other(tmp_path: Path) -> OtherSystem:
    return OtherSystem(tmp_path)


def frames_of(path: Path) -> np.ndarray[Any, Any]:
    with av.open(str(path)) as container:
        return np.stack([frame.to_ndarray() for frame in container.decode(video=0)])


def test_windows_lacks_what_it_lacks_in_these_tests(other: OtherSystem) -> None:
    """Else the tests below would prove nothing."""
    code = """
import fcntl
import resource
from os import getuid
import os; os.sched_getaffinity
import os; os.nice
import signal; signal.SIGKILL
import select; select.poll
import socket; socket.AF_UNIX
import sys; assert sys.platform == 'win32'
import os; assert os.name == 'nt'; os.getpid()
import signal; signal.SIGINT
import json, subprocess, tempfile
"""
    assert other.refused("win32", code) == [
        *["ModuleNotFoundError"] * 2,
        "ImportError",
        *["AttributeError"] * 5,
        *["none"] * 4,
    ]
    done = other.start("win32", "-c", "import as_system, os, signal, fcntl; os.getuid(); os.getloadavg()")
    assert b"AttributeError: module 'os' has no attribute 'getloadavg'" in done.stderr  # which nobody has any more


def test_macos_lacks_what_it_lacks_in_these_tests(other: OtherSystem) -> None:
    code = """
import os; os.sched_getaffinity
import os; os.posix_fadvise
import select; select.epoll
import os, fcntl, resource; os.getloadavg(); os.getuid()
import sys; assert sys.platform == 'darwin'
"""
    assert other.refused("darwin", code) == [*["AttributeError"] * 3, "none", "none"]


def test_windows_refuses_what_it_refuses_in_these_tests(other: OtherSystem) -> None:
    code = """
import pathlib; pathlib.Path('a').write_text('a'); pathlib.Path('b').write_text('b')
import os; file = open('a'); os.replace('a', 'c')
import os; file = open('b'); os.replace('a', 'b')
import os; file = open('a'); os.remove('a')
import mmap, os; held = open('a', 'rb'); view = mmap.mmap(held.fileno(), 0, prot=1); held.close(); os.remove('a')
import subprocess, os; held = subprocess.Popen(['sleep', '3'], stdin=open('in', 'w+')); os.remove('in')
import os; os.rename('a', 'b')
import os; os.replace('a', 'b'); os.remove('b')
open('aux.mp4', 'w')
open('what?.mp4', 'w')
import os; os.mkdir('trip.')
import os; os.mkdir('console'); open('console/auxiliary.mp4', 'w').close()
"""
    assert other.refused("win32", code) == [
        "none",
        *["PermissionError"] * 5,
        "FileExistsError",
        "none",
        *["OSError"] * 3,
        "none",
    ]


@pytest.mark.parametrize("system", SYSTEMS)
def test_every_module_is_imported_there(other: OtherSystem, system: str) -> None:
    failed: dict[str, str] = json.loads(other.run(system, "modules"))
    missing = "ModuleNotFoundError: No module named "
    for name, error in failed.items():
        assert error.startswith(missing), f"{name}: {error}"
        library = error.removeprefix(missing).strip("'").partition(".")[0]
        assert find_spec(library) is None, f"{name}: {error}"


@pytest.mark.parametrize(
    ("system", "option"),
    [
        ("win32", ()),
        ("win32", ("--segment", "0.2")),
        ("win32", ("--isolate",)),
        ("darwin", ()),
        ("darwin", ("--segment", "0.2")),
    ],
)
def test_a_file_is_deblurred_there(other: OtherSystem, clip: Path, system: str, option: tuple[str, ...]) -> None:
    output = other.folder / "out.mkv"
    other.run(system, "video", clip, output, *EXACT, "--report", "report.json", *option)
    assert (frames_of(output) == frames_of(clip)).all()
    assert {path.name for path in other.folder.iterdir()} == {"out.mkv", clip.name, "report.json"}


def test_pipes_are_read_and_written_there(other: OtherSystem, clip: Path) -> None:
    """Windows can't wait for a pipe: there it is read and written without."""
    written = other.run("win32", "video", "-", "-", "--format", "matroska", *EXACT, data=clip.read_bytes())
    output = other.folder / "out.mkv"
    output.write_bytes(written)
    assert (frames_of(output) == frames_of(clip)).all()


def test_an_output_is_replaced_there(other: OtherSystem, clip: Path) -> None:
    output = other.folder / "out.mkv"
    output.write_bytes(b"older")
    for option in ((), ("--segment", "0.2")):
        other.run("win32", "video", clip, output, *EXACT, "--overwrite", *option)
        assert (frames_of(output) == frames_of(clip)).all()


def test_work_that_a_crash_left_is_tidied_up_there(other: OtherSystem, clip: Path) -> None:
    """A manifest that is no database any more is deleted, which Windows refuses while it is open."""
    work = other.folder / ".out.mkv.deblur"
    work.mkdir()
    (work / "manifest.sqlite").write_bytes(bytes(range(256)) * 40)
    (work / "000000.segment").write_bytes(b"half")
    (work / "000001.0a0b0c0d.part").write_bytes(b"half")
    output = other.folder / "out.mkv"
    other.run("win32", "video", clip, output, *EXACT, "--segment", "0.2")
    assert (frames_of(output) == frames_of(clip)).all()
    assert not work.exists()


def test_a_batch_gives_its_outputs_names_that_windows_takes(other: OtherSystem, make_clip: Callable[..., Path]) -> None:
    inputs = other.folder / "in"
    inputs.mkdir()
    make_clip(inputs / "trip..mkv")
    make_clip(inputs / "day 1.mkv")
    template = "{stem}/sharp: {stem}?{suffix}"
    batch = ("batch", inputs, "out", *EXACT, "--name", template, "--report", "batch.json")
    other.run("win32", *batch)
    found = {path.relative_to(other.folder).as_posix() for path in other.folder.glob("out/*/*")}
    assert found == {"out/trip/sharp_ trip._.mkv", "out/day 1/sharp_ day 1_.mkv"}
    other.run("win32", *batch)
    report = json.loads((other.folder / "batch.json").read_text(encoding="utf-8"))
    assert report["counts"]["finished"] == 2


@pytest.mark.parametrize("system", SYSTEMS)
def test_a_machine_and_a_file_are_described_there(other: OtherSystem, clip: Path, system: str) -> None:
    doctor = json.loads(other.run(system, "doctor", "--json"))
    assert [row for row in doctor["findings"] if row["name"] == "probe"] == []
    assert json.loads(other.run(system, "info", "--json", clip))["video"]["codec"] == "h264"
