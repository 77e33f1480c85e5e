"""What users import: which names there are, what importing costs, and what a type checker sees."""

from __future__ import annotations

import subprocess
import sys
from importlib.metadata import version
from pathlib import Path

import pytest

import deblur_stream

ROOT = Path(__file__).resolve().parents[2]

PUBLIC = {
    "Acceleration",
    "Cancelled",
    "Damage",
    "DamagedInputError",
    "DeblurError",
    "Deblurrer",
    "Engine",
    "EngineError",
    "EngineInfo",
    "Frame",
    "InputError",
    "Isolation",
    "Layout",
    "LimitError",
    "Limits",
    "Matrix",
    "Note",
    "NoteCode",
    "OutputError",
    "PlaneBatch",
    "PlaneSpec",
    "Progress",
    "Report",
    "UsageError",
    "Video",
    "VideoInfo",
    "__version__",
    "deblur_video",
    "open_video",
}
"""Taking a name away, or changing what it means, needs the steps of docs/reference/versions.md."""


def python(code: str, *paths: Path, folder: Path) -> subprocess.CompletedProcess[str]:
    """Runs a program in a folder, with paths in front of those of the standard library."""
    prelude = f"import sys\nsys.path[:0] = {[str(path) for path in (*paths, ROOT)]!r}\n"
    return subprocess.run(  # noqa: S603
        [sys.executable, "-W", "error", "-c", prelude + code],
        cwd=folder,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def test_the_public_names_are_these() -> None:
    assert set(deblur_stream.__all__) == PUBLIC
    assert len(deblur_stream.__all__) == len(PUBLIC)


def test_every_public_name_is_there_and_explained() -> None:
    for name in PUBLIC - {"__version__"}:
        value = getattr(deblur_stream, name)
        assert value.__name__ == name
        assert value.__doc__
    assert deblur_stream.__version__ == version("deblur-stream")
    assert set(dir(deblur_stream)) >= PUBLIC


def test_main_names_have_an_example() -> None:
    for value in (
        deblur_stream,
        deblur_stream.deblur_video,
        deblur_stream.open_video,
        deblur_stream.Deblurrer,
        deblur_stream.Frame,
    ):
        assert value.__doc__ is not None
        assert "Example::" in value.__doc__


def test_what_is_not_there_is_an_attribute_error() -> None:
    with pytest.raises(AttributeError, match="deblur_vidio"):
        _ = deblur_stream.deblur_vidio  # type: ignore[attr-defined]


def test_importing_the_package_loads_no_library(tmp_path: Path) -> None:
    code = "import deblur_stream\nprint([m for m in sys.modules if m in {'numpy', 'av', 'pipeline', 'network'}])"
    done = python(code, folder=tmp_path)
    assert (done.stdout, done.stderr) == ("[]\n", "")


def test_opening_a_video_loads_no_engine(tmp_path: Path) -> None:
    code = "import deblur_stream\ndeblur_stream.open_video, deblur_stream.Deblurrer, deblur_stream.deblur_video\n"
    done = python(code + "print([m for m in sys.modules if m in {'openvino', 'torch', 'click'}])", folder=tmp_path)
    assert (done.stdout, done.stderr) == ("[]\n", "")


def test_a_module_that_hides_a_package_is_named(tmp_path: Path) -> None:
    (tmp_path / "pipeline.py").write_text("", encoding="utf-8")
    done = python("import deblur_stream\ndeblur_stream.open_video", tmp_path, folder=ROOT)
    assert done.returncode == 1
    assert done.stderr.splitlines()[-1].startswith(
        f"deblur_stream.own_packages.HiddenPackageError: {tmp_path / 'pipeline.py'} hides this program's own"
    )
