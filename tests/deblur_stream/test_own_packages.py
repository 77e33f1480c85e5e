"""Modules of other people that are called as packages of this program: one line that names both files."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from deblur_stream.command import HIDDEN_EXIT_CODE
from deblur_stream.own_packages import OWN_PACKAGES, HiddenPackageError, check_own_packages
from pipeline.cli.exit_codes import EXIT_CODES
from pipeline.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Sequence

pytestmark = pytest.mark.timeout(120)

ROOT = Path(__file__).resolve().parents[2]
CLIP = ROOT / "examples" / "clip.mp4"
CONSOLE_SCRIPT = (
    "import sys\nfrom deblur_stream.command import main\nif __name__ == '__main__':\n    sys.exit(main())\n"
)
# What the import hook of an editable install does: it is asked last, and finds the packages in the source tree.
EDITABLE_INSTALL = """\
import sys
from importlib.util import spec_from_file_location
from pathlib import Path
class Finder:
    @staticmethod
    def find_spec(name, path=None, target=None):
        file = Path({root!r}, name, "__init__.py")
        return spec_from_file_location(name, file) if name in {names!r} else None
if not any(finder.__name__ == "Finder" for finder in sys.meta_path if isinstance(finder, type)):
    sys.meta_path.append(Finder)
"""


@pytest.fixture
def elsewhere(tmp_path: Path) -> Path:
    """A folder with nothing in it."""
    folder = tmp_path / "elsewhere"
    folder.mkdir()
    return folder


def run(command: Sequence[object], folder: Path, path: Sequence[Path]) -> subprocess.CompletedProcess[str]:
    """Runs Python in a folder, with a PYTHONPATH."""
    return subprocess.run(  # noqa: S603
        [sys.executable, *map(str, command)],
        cwd=folder,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(map(str, path)), "PYTHONWARNINGS": "error"},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def write_module(folder: Path, name: str, kind: str) -> Path:
    """Somebody's own module, which must not even be run; returns its file."""
    file = folder / f"{name}.py" if kind == "module" else folder / name / "__init__.py"
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text("print('this is not of deblur-stream')\n")
    return file


def assert_one_line_names(done: subprocess.CompletedProcess[str], found: Path, name: str) -> None:
    assert done.returncode == HIDDEN_EXIT_CODE, done.stderr
    assert done.stdout == ""
    (line,) = done.stderr.splitlines()
    assert line.startswith(f"deblur: {found} hides this program's own {ROOT / name / '__init__.py'}; ")


@pytest.mark.parametrize("kind", ["module", "package"])
@pytest.mark.parametrize("name", OWN_PACKAGES)
def test_a_module_in_the_working_directory_is_named(tmp_path: Path, name: str, kind: str) -> None:
    found = write_module(tmp_path, name, kind)
    done = run(["-m", "deblur_stream", "--help"], tmp_path, [ROOT])
    assert_one_line_names(done, found, name)
    assert f"run `deblur` in another folder than {tmp_path}" in done.stderr


@pytest.mark.parametrize("kind", ["module", "package"])
@pytest.mark.parametrize("name", OWN_PACKAGES)
def test_a_module_on_the_python_path_is_named(tmp_path: Path, elsewhere: Path, name: str, kind: str) -> None:
    script = tmp_path / "deblur"
    script.write_text(CONSOLE_SCRIPT)
    others = tmp_path / "others"
    found = write_module(others, name, kind)
    for command, folder in (([script], elsewhere), (["-m", "deblur_stream"], elsewhere), ([script], others)):
        done = run([*command, "video", CLIP, tmp_path / "out.mp4"], folder, [others, ROOT])
        assert_one_line_names(done, found, name)
        assert f"take {others} off PYTHONPATH" in done.stderr
    assert not (tmp_path / "out.mp4").exists()


def test_a_module_of_another_distribution_is_named_with_it(tmp_path: Path, elsewhere: Path) -> None:
    found = write_module(tmp_path, "trt", "package")
    information = tmp_path / "trt_tools-1.2.dist-info"
    information.mkdir()
    (information / "METADATA").write_text("Metadata-Version: 2.1\nName: trt-tools\nVersion: 1.2\n")
    (information / "RECORD").write_text("trt/__init__.py,,\ntrt_tools-1.2.dist-info/METADATA,,\n")
    done = run(["-m", "deblur_stream", "--help"], elsewhere, [tmp_path, ROOT])
    assert_one_line_names(done, found, "trt")
    assert "it is of trt-tools: install deblur-stream in a virtual environment of its own" in done.stderr


def test_the_console_script_does_not_look_into_the_working_directory(tmp_path: Path, elsewhere: Path) -> None:
    script = elsewhere / "deblur"
    script.write_text(CONSOLE_SCRIPT)
    for name in OWN_PACKAGES:
        write_module(tmp_path, name, "module")
    done = run([script, "--version"], tmp_path, [ROOT])
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.startswith("deblur ")


@pytest.mark.parametrize("install", ["on the path", "editable"])
def test_mere_folders_of_those_names_break_nothing(tmp_path: Path, install: str) -> None:
    """Nor in a child process: --isolate starts one."""
    for name in OWN_PACKAGES:
        (tmp_path / name).mkdir()
    script = tmp_path / "deblur.py"
    names = ("deblur_stream", *OWN_PACKAGES)
    prelude = EDITABLE_INSTALL.format(root=str(ROOT), names=names) if install == "editable" else ""
    script.write_text(prelude + CONSOLE_SCRIPT)
    out = tmp_path / "out.mkv"
    arguments = ["video", CLIP, out, "--network", "identity", "--codec", "ffv1", "--duration", "0.2", "--isolate"]
    done = run([script, *arguments, "--quiet"], tmp_path, [] if install == "editable" else [ROOT])
    assert (done.returncode, done.stderr) == (0, "")
    assert out.stat().st_size > 0


def test_a_package_that_is_missing_is_said(tmp_path: Path, elsewhere: Path) -> None:
    for name in ("deblur_stream", "network", "pipeline"):
        (tmp_path / name).symlink_to(ROOT / name)
    copied = tmp_path / "deblur_stream"
    copied.unlink()
    copied.mkdir()
    for source in (ROOT / "deblur_stream").glob("*.py"):
        (copied / source.name).write_text(source.read_text(encoding="utf-8"), encoding="utf-8")
    done = run(["-S", "-m", "deblur_stream", "--help"], elsewhere, [tmp_path])
    assert done.returncode == HIDDEN_EXIT_CODE
    (line,) = done.stderr.splitlines()
    assert re.search(r"trt.__init__\.py is missing or can't be found; install deblur-stream again", line)


def test_the_packages_of_this_very_process_are_its_own() -> None:
    check_own_packages()
    assert issubclass(HiddenPackageError, ImportError)
    assert EXIT_CODES[UsageError] == HIDDEN_EXIT_CODE
