"""Errors that nobody foresaw: the line names the place, the library and its version. Every one is a real one."""

from __future__ import annotations

from importlib import metadata
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

import pipeline
from pipeline.system.libraries import TESTED
from pipeline.system.unexpected import UnexpectedError, explain

if TYPE_CHECKING:
    from collections.abc import Callable

PACKAGE = Path(pipeline.__file__).resolve().parent
# Lines as this program might have them, in a file that is taken for one of its own.
LINES = {
    "argument": ("av", "av.open('in.mp4', stream_colours=1)"),
    "attribute": ("av", "av.VideoFrame(4, 4, 'rgb24').colour_of_the_sky"),
    "module": ("av", "av.open_all"),
    "import": ("av", "__import__('av.codec', fromlist=['Nothing']); from av.codec import Nothing"),
    "python code": ("numpy", "numpy.broadcast_to(numpy.zeros(3), (2,))"),
    "pybind11": ("openvino", "openvino.Core().set_property(1, 2, 3)"),
    "C": ("numpy", "numpy.frombuffer(b'123', dtype='f8')"),
}


def fail(line: str) -> BaseException:
    """The error of a line of a module ``pipeline.invented``."""
    source = f"import av, numpy, openvino\ndef work():\n    {line}\n"
    module: dict[str, Any] = {"__name__": "pipeline.invented"}
    exec(compile(source, str(PACKAGE / "invented.py"), "exec"), module)  # noqa: S102
    return caught(module["work"])


def caught(work: Callable[[], object]) -> BaseException:
    with pytest.raises(Exception) as raised:  # noqa: PT011 - it is looked at
        work()
    return raised.value


@pytest.mark.parametrize("kind", LINES)
def test_the_library_and_its_version_are_named(kind: str) -> None:
    library, line = LINES[kind]
    error = fail(line)
    text = explain(error)
    assert text.startswith(f"{type(error).__name__}: {' '.join(str(error).split())} (in pipeline/invented.py:3, ")
    assert text.endswith(f" {library} {metadata.version(library)})")
    assert len(text.splitlines()) == 1


def test_a_version_that_was_not_tested_is_named_as_such(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(TESTED, "av", ("1.2", "3"))
    text = explain(fail(LINES["argument"][1]))
    assert text.endswith(f" av {metadata.version('av')}, outside the tested versions, 1.2 to 3.x)")


def test_a_fault_of_this_program_alone_names_no_library() -> None:
    assert explain(fail("1 / 0")) == "ZeroDivisionError: division by zero (in pipeline/invented.py:3)"


def test_a_library_that_calls_back_is_not_what_failed() -> None:
    """The error arises in this program, below a frame of click."""
    text = explain(fail("import click; click.Command('x', callback=lambda: [][1]).main([], standalone_mode=False)"))
    assert text.startswith("IndexError: list index out of range (in pipeline/invented.py:3")
    assert " from click" not in text


def test_an_error_outside_of_this_program_is_told_all_the_same() -> None:
    error = ValueError("first\nsecond")
    assert explain(error) == "ValueError: first second"


def test_another_distribution_in_a_package_of_this_program_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    information = tmp_path / "trt_tools-1.2.dist-info"
    information.mkdir()
    (information / "METADATA").write_text("Metadata-Version: 2.1\nName: trt-tools\nVersion: 1.2\n")
    (information / "top_level.txt").write_text("trt\n")
    monkeypatch.syspath_prepend(str(tmp_path))
    text = explain(fail("from trt.errors import Replaced"))
    assert text.startswith("ImportError: cannot import name 'Replaced' from 'trt.errors'")
    assert text.endswith("(in pipeline/invented.py:3, trt-tools has files in trt too)")


def test_an_explanation_from_another_process_stays_as_it_is() -> None:
    text = explain(fail("1 / 0"))
    assert explain(UnexpectedError(text)) == text
