"""`deblur export`."""

from __future__ import annotations

import errno
import os
from typing import TYPE_CHECKING

import numpy as np
import pytest
from click.testing import CliRunner

from network import files, weights
from network.data.windows import write_shard
from network.models import registry
from pipeline.cli.export import export
from pipeline.engines.load import load_engine
from pipeline.errors import OutputError

if TYPE_CHECKING:
    from pathlib import Path

OPTIONS = {"widths": [4, 4, 4], "depth": 1}


@pytest.fixture
def trained(tmp_path: Path) -> Path:
    path = tmp_path / "tiny.safetensors"
    weights.save(path, registry.create("idc-video", **OPTIONS), name="idc-video", options=OPTIONS, card={})
    return path


def test_the_file_written_runs(trained: Path, tmp_path: Path) -> None:
    out = tmp_path / "tiny.onnx"
    result = CliRunner().invoke(export, ["--weights", str(trained), str(out)])
    assert result.exit_code == 0, result.output
    assert "wrote" in result.output
    engine = load_engine(weights=out)
    assert engine.info.backend.startswith("OpenVINO")
    assert engine.info.digest == weights.load(trained)[1].digest


def test_requests_that_make_no_sense_are_refused(trained: Path, tmp_path: Path) -> None:
    there = tmp_path / "there.onnx"
    there.write_bytes(b"kept")
    for arguments, message in (
        ([], "give --weights FILE and OUT, or --shipped"),
        ([str(tmp_path / "out.onnx")], "give --weights FILE and OUT"),
        (["--shipped", str(tmp_path / "out.onnx")], "takes neither"),
        (["--weights", str(trained), str(tmp_path / "out.bin")], "must end in .onnx"),
        (["--weights", str(trained), str(tmp_path / "absent" / "out.onnx")], "no folder"),
        (["--weights", str(tmp_path / "absent.safetensors"), str(tmp_path / "out.onnx")], "does not exist"),
        (["--weights", str(trained), str(there)], "--overwrite"),
        (["--weights", str(trained), "--int8", str(tmp_path / "out.onnx")], "must end in .xml"),
        (["--weights", str(trained), "--int8", str(tmp_path / "out.xml")], "go together"),
        (["--weights", str(trained), "--calibration", str(tmp_path), str(tmp_path / "out.onnx")], "go together"),
    ):
        result = CliRunner().invoke(export, arguments)
        assert result.exit_code == 2
        assert message in " ".join(result.output.split()), result.output
    assert there.read_bytes() == b"kept"


@pytest.mark.slow
def test_int8_is_written_and_runs(trained: Path, tmp_path: Path) -> None:
    pytest.importorskip("nncf", reason="INT8 networks are made with NNCF")
    pool = tmp_path / "pool"
    pool.mkdir()
    windows = np.random.default_rng(0).integers(0, 256, (360, 4, 72, 48), np.uint8)
    write_shard(pool, "0000000", windows, np.zeros((360, 4, 12, 12), np.float16))
    out = tmp_path / "tiny.xml"
    result = CliRunner().invoke(export, ["--weights", str(trained), "--int8", "--calibration", str(pool), str(out)])
    assert result.exit_code == 0, result.output
    assert "convolutions in INT8" in result.output
    info = load_engine(weights=out).info
    assert (info.precision, info.digest) == ("int8", weights.load(trained)[1].digest)


@pytest.mark.slow
def test_a_file_that_can_not_be_written_is_said_in_one_line(
    trained: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(_temporary: Path, _final: Path) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(files, "commit", full)
    result = CliRunner().invoke(export, ["--weights", str(trained), str(tmp_path / "out.onnx")])
    assert isinstance(result.exception, OutputError)
    assert str(tmp_path) in str(result.exception)
    assert os.strerror(errno.ENOSPC) in str(result.exception)
    assert not any(path.name.endswith(("out.onnx", ".partial")) for path in tmp_path.iterdir())
