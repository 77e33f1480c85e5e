"""Metadata of ONNX files, read without the network."""

from __future__ import annotations

from typing import TYPE_CHECKING

import onnx
import pytest
from onnx import helper

from network import catalogue
from pipeline.engines.onnx_metadata import onnx_metadata
from pipeline.engines.openvino_network import read_digest, read_network
from pipeline.errors import EngineError

if TYPE_CHECKING:
    from pathlib import Path


@pytest.mark.parametrize("name", catalogue.shipped_names())
def test_the_entries_are_those_that_onnx_reads(name: str) -> None:
    path = catalogue.onnx_file(name)
    assert path is not None
    model = onnx.load(path, load_external_data=False)
    assert onnx_metadata(path) == {entry.key: entry.value for entry in model.metadata_props}
    assert read_digest(path) == read_network(path).digest


def test_entries_may_be_long_many_or_none(tmp_path: Path) -> None:
    path = tmp_path / "network.onnx"
    model = helper.make_model(helper.make_graph([], "empty", [], []), doc_string="x" * 300)
    onnx.save(model, path)
    assert onnx_metadata(path) == {}
    entries = {"long": "é" * 70_000, "empty": ""} | {f"key {number}": str(number) for number in range(200)}
    helper.set_model_props(model, entries)
    onnx.save(model, path)
    assert onnx_metadata(path) == entries


def test_what_is_no_onnx_file_is_refused_as_one_that_is_read_whole(tmp_path: Path) -> None:
    path = tmp_path / "network.onnx"
    path.write_text("no network")
    with pytest.raises(ValueError, match="kind"):
        onnx_metadata(path)
    with pytest.raises(EngineError, match="is no network"):
        read_digest(path)
    with pytest.raises(EngineError, match="is not there"):
        read_digest(tmp_path / "missing.onnx")
