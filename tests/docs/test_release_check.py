"""The release check finds what a wheel must not hold, and what it must."""

from __future__ import annotations

import importlib.util
import zipfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from collections.abc import Iterable

SCRIPT = Path(__file__).resolve().parents[2] / ".ci" / "release_check.py"
NAMES = ["README.md", "network/__init__.py", "network/data/x.bin", "pipeline/a.py", "tests/test_a.py"]
EXPECTED = {"network/__init__.py", "network/data/x.bin", "pipeline/a.py"}


@pytest.fixture(scope="module")
def release_check() -> Any:
    spec = importlib.util.spec_from_file_location("release_check", SCRIPT)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def wheel_with(folder: Path, names: Iterable[str]) -> Path:
    path = folder / "some-1.0-py3-none-any.whl"
    with zipfile.ZipFile(path, "w") as wheel:
        for name in [*names, "some-1.0.dist-info/METADATA"]:
            wheel.writestr(name, "")
    return path


def test_what_the_packages_hold_is_expected(release_check: Any) -> None:
    assert release_check.expected_files(NAMES, ["network", "network.data", "pipeline"]) == EXPECTED


def test_a_wheel_of_just_that_passes(release_check: Any, tmp_path: Path) -> None:
    release_check.check_wheel(wheel_with(tmp_path, EXPECTED), EXPECTED)


@pytest.mark.parametrize(
    ("names", "problem"),
    [
        (EXPECTED - {"network/data/x.bin"}, "missing: network/data/x.bin"),
        (EXPECTED | {"pipeline/notes.txt"}, "stray: pipeline/notes.txt"),
        (EXPECTED | {"tests/test_a.py"}, "stray: tests/test_a.py"),
    ],
)
def test_another_wheel_is_refused(release_check: Any, tmp_path: Path, names: set[str], problem: str) -> None:
    with pytest.raises(SystemExit, match=problem):
        release_check.check_wheel(wheel_with(tmp_path, names), EXPECTED)
