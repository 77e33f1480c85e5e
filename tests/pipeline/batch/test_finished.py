"""What counts as finished: the content of the input, the options, and an output that is still what was written."""

from __future__ import annotations

import os
import sys
from typing import TYPE_CHECKING

import pytest

from pipeline.batch.finished import NAME, FinishedOutputs
from pipeline.resume.segment_file import FileDigest

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture
def pair(tmp_path: Path) -> tuple[Path, Path]:
    source, output = tmp_path / "in.mp4", tmp_path / "out" / "day" / "in.mp4"
    output.parent.mkdir(parents=True)
    source.write_bytes(b"blurred")
    output.write_bytes(b"sharp")
    finished = FinishedOutputs(tmp_path / "out", "options")
    assert not finished.is_finished([source], output)
    finished.add(FileDigest.of(source), output, damaged=True)
    return source, output


def test_a_finished_output_is_known_by_content(pair: tuple[Path, Path], tmp_path: Path) -> None:
    source, output = pair
    finished = FinishedOutputs(tmp_path / "out", "options")
    assert finished.is_finished([source], output)
    assert finished.was_damaged(output)
    renamed = source.rename(tmp_path / "other name.mp4")
    assert finished.is_finished([renamed], output)
    renamed.write_bytes(b"another")  # of the same length
    assert not finished.is_finished([renamed], output)


def test_other_options_and_other_outputs_are_not_finished(pair: tuple[Path, Path], tmp_path: Path) -> None:
    source, output = pair
    assert not FinishedOutputs(tmp_path / "out", "other options").is_finished([source], output)
    output.write_bytes(b"shar")
    assert not FinishedOutputs(tmp_path / "out", "options").is_finished([source], output)
    output.unlink()
    assert not FinishedOutputs(tmp_path / "out", "options").is_finished([source], output)


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="names that are no text exist on Linux alone")
def test_an_output_whose_name_is_no_text_is_known(tmp_path: Path) -> None:
    source = tmp_path / os.fsdecode(b"\xff.mp4")
    source.write_bytes(b"blurred")
    outputs = [tmp_path / "out" / os.fsdecode(name) for name in (b"\xff.mp4", b"\xfe.mp4", b"\\xfe.mp4")]
    outputs[0].parent.mkdir()
    for output in outputs:
        output.write_bytes(b"sharp")
    finished = FinishedOutputs(tmp_path / "out", "options")
    finished.add(FileDigest.of(source), outputs[0], damaged=True)
    assert [finished.is_finished([source], output) for output in outputs] == [True, False, False]
    assert finished.was_damaged(outputs[0])


def test_a_ledger_that_is_none_any_more_is_begun_anew(pair: tuple[Path, Path], tmp_path: Path) -> None:
    source, output = pair
    (tmp_path / "out" / NAME).write_bytes(bytes(range(256)) * 40)
    finished = FinishedOutputs(tmp_path / "out", "options")
    assert not finished.is_finished([source], output)
    finished.add(FileDigest.of(source), output, damaged=False)
    assert finished.is_finished([source], output)
    assert not finished.was_damaged(output)
