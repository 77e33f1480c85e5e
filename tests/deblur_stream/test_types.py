"""What a type checker says of programs that use the package as installed."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]

PROGRAM = """
from typing import assert_type

import numpy as np
from numpy.typing import NDArray

import deblur_stream as d


class Copy:
    info = d.EngineInfo("NumPy", "processor", "int", "copy", "")

    def buffers(self, spec: d.PlaneSpec, batch: int) -> d.PlaneBatch:
        return d.PlaneBatch.empty(spec, batch)

    def run(self, batch: d.PlaneBatch, out: d.PlaneBatch) -> None: ...

    def reset(self) -> None: ...


engine: d.Engine = Copy()
deblurrer = d.Deblurrer(engine, batch=2)
fine = np.zeros((4, 4), np.uint16)
assert_type(deblurrer(fine), NDArray[np.uint16])
for picture in deblurrer.video([np.zeros((4, 4, 3), np.uint8)]):
    assert_type(picture, NDArray[np.uint8])
with d.open_video("in.mp4", acceleration="auto") as video:
    assert_type(video, d.Video)
    for frame in deblurrer.frames(video):
        assert_type(frame.time, float)
assert_type(d.deblur_video("in.mp4", "out.mp4", engine=engine, crf=18), d.Report)
assert_type(d.__version__, str)
"""

MISTAKES = {
    'd.deblur_video("in.mp4", "out.mp4", crff=18)': "call-arg",
    'd.deblur_video("in.mp4", "out.mp4", codec=264)': "arg-type",
    'd.open_video("in.mp4", acceleration="opencl")': "arg-type",
    "d.Deblurrer(object())": "arg-type",
    "d.Deblurrer()(np.zeros((4, 4), np.float32))": "type-var",
    "d.deblur_vidio": "attr-defined",
}


@pytest.fixture(scope="module")
def cache(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("mypy")


def mypy(*files: Path, cache: Path, folder: Path) -> str:
    """What mypy says in strict mode, in a folder that knows nothing of this repository's settings.

    The packages are found as installed ones are, by ``sys.path``, and so only if they are marked as typed.
    """
    done = subprocess.run(  # noqa: S603
        [sys.executable, "-m", "mypy", "--strict", "--config-file=", "--cache-dir", cache, *files],
        cwd=folder,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        timeout=280,
        check=False,
    )
    assert not done.stderr, done.stderr
    return done.stdout


def test_a_program_of_a_user_is_typed(tmp_path: Path, cache: Path) -> None:
    (tmp_path / "program.py").write_text(PROGRAM, encoding="utf-8")
    assert "Success" in mypy(tmp_path / "program.py", cache=cache, folder=tmp_path)


def test_mistakes_are_found(tmp_path: Path, cache: Path) -> None:
    lines = ["import numpy as np", "import deblur_stream as d", *MISTAKES]
    (tmp_path / "mistakes.py").write_text("\n".join(lines) + "\n", encoding="utf-8")
    said = mypy(tmp_path / "mistakes.py", cache=cache, folder=tmp_path)
    for number, (line, code) in enumerate(MISTAKES.items(), start=3):
        assert any(told.startswith(f"mistakes.py:{number}:") and f"[{code}]" in told for told in said.splitlines()), (
            f"{line}\n{said}"
        )


@pytest.mark.slow
def test_the_examples_are_typed(tmp_path: Path, cache: Path) -> None:
    said = mypy(*sorted((ROOT / "examples").glob("*.py")), cache=cache, folder=tmp_path)
    assert "Success" in said, said
