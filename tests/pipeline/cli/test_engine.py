"""`deblur engine`: what it builds, lists, verifies and clears, and what it says where that can't be."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from dataclasses import fields
from importlib.util import find_spec
from typing import TYPE_CHECKING

import pytest
from click.testing import CliRunner, Result

from network.planes import Layout, Matrix, PlaneSpec
from pipeline.engines.load import load_engine
from pipeline.errors import DeblurError, EngineError, UsageError

pytest.importorskip("filelock", reason="the extra trt is not installed")
pytest.importorskip("platformdirs", reason="the extra trt is not installed")

from pipeline.cli.engine import engine
from pipeline.cli.engine_build import FRAMES, plane_spec
from trt.cache import FOLDER_VARIABLE, EngineCache
from trt.errors import CacheError, MissingError, PortableError
from trt.key import EngineKey

if TYPE_CHECKING:
    from pathlib import Path

ENGINE = bytes(3000)


def key(**changes: object) -> EngineKey:
    values = {field.name: 1 if field.type == "int" else f"some {field.name}" for field in fields(EngineKey)}
    return EngineKey.from_json({**values, **changes})


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> EngineCache:
    monkeypatch.setenv(FOLDER_VARIABLE, str(tmp_path / "engines"))
    return EngineCache()


def run(*arguments: str) -> Result:
    return CliRunner().invoke(engine, arguments)


def refused(kind: type[DeblurError], *arguments: str) -> str:
    result = run(*arguments)
    assert type(result.exception) is kind, result.output
    assert "\n" not in str(result.exception)
    return str(result.exception)


def test_where_is_the_folder(cache: EngineCache) -> None:
    assert run("where").output.strip() == str(cache.folder)


def test_list_shows_what_there_is(cache: EngineCache) -> None:
    assert "no engine is cached" in run("list").output
    cache.store(key(network="idc-video", gpu_name="RTX"), ENGINE, 9.0)
    cache.judge(key(network="idc-video", gpu_name="RTX"), parity="70 dB")
    cache.store(key(batch=2), ENGINE, 9.0)
    (cache.folder / f"{'0' * 64}.engine").write_bytes(b"half")
    lines = run("list").output.splitlines()
    assert len(lines) == 3
    assert any("idc-video 1x1" in line and "RTX" in line and "70 dB" in line for line in lines)
    assert any("not compared yet" in line for line in lines)
    assert any("not finished" in line for line in lines)
    values = json.loads(run("list", "--json").output)
    assert {value["digest"] for value in values} == {found.digest for found in cache.entries()}
    assert [value["key"]["network"] for value in values if value.get("parity")] == ["idc-video"]


def test_verify_tells_intact_from_damaged(cache: EngineCache) -> None:
    cache.store(key(), ENGINE, 9.0)
    result = run("verify")
    assert result.exit_code == 0
    assert "intact; not compared yet" in result.output
    (path,) = cache.folder.glob("*.engine")
    path.write_bytes(b"damaged")
    assert "1 cached engine can't be used" in refused(EngineError, "verify")
    assert "truncated" in run("verify").output


def test_verify_counts_a_refused_engine(cache: EngineCache) -> None:
    cache.store(key(), ENGINE, 9.0)
    cache.judge(key(), parity="", refused="the engine computes NaN")
    assert "1 cached engine" in refused(EngineError, "verify")
    assert "computes NaN" in run("verify").output


def test_clear_removes_everything(cache: EngineCache) -> None:
    cache.store(key(), ENGINE, 9.0)
    assert run("clear").output.startswith("removed 1 engine, 0.0 MB")
    assert cache.entries() == []


def test_a_folder_that_can_not_be_used_is_an_output_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "file").write_text("")
    monkeypatch.setenv(FOLDER_VARIABLE, str(tmp_path / "file"))
    assert FOLDER_VARIABLE in refused(CacheError, "list")


def test_requests_that_make_no_sense_are_refused(tmp_path: Path, cache: EngineCache) -> None:
    assert cache.entries() == []
    there = tmp_path / "there.engine"
    there.write_bytes(b"kept")
    assert "no network" in refused(UsageError, "build", "--network", "other")
    assert "yuyv422" in refused(UsageError, "build", "--layout", "yuyv422")
    assert "can't be the layout" in refused(UsageError, "build", "--layout", "no such format")
    assert "4:4:4" in refused(UsageError, "build", "--matrix", "rgb")
    assert "--overwrite" in refused(UsageError, "build", "--portable", str(there))
    assert "no folder" in refused(UsageError, "build", "--portable", str(tmp_path / "absent" / "out.engine"))
    assert "comes without weights" in refused(
        UsageError, "build", "--network", "idc", "--portable", str(tmp_path / "x")
    )
    for size in ("1920", "0x4", "1920x-2", "x"):
        assert run("build", "--size", size).exit_code == 2
    assert there.read_bytes() == b"kept"


@pytest.mark.gpu
def test_an_engine_is_built_once_and_then_found(cache: EngineCache) -> None:
    first = run("build", "--size", "320x240")
    assert first.exit_code == 0, first.output
    assert "compared with PyTorch" in first.output
    second = run("build", "--size", "320x240")
    assert "already in the cache" in second.output
    assert len(cache.entries()) == 1


def test_without_a_gpu_the_way_to_a_portable_engine_is_shown(cache: EngineCache) -> None:
    torch = pytest.importorskip("torch")
    if torch.cuda.is_available():
        pytest.skip("there is a CUDA device")
    assert "--portable" in refused(MissingError, "build")
    assert cache.entries() == []


@pytest.mark.skipif(find_spec("tensorrt_rtx") is None, reason="TensorRT-RTX is not installed")
def test_a_portable_engine_is_built_and_verified(tmp_path: Path) -> None:
    out = tmp_path / "idc-video.engine"
    result = run("build", "--portable", str(out), "--size", "320x240", "--layout", "yuv420p10le", "--batch", "2")
    assert result.exit_code == 0, result.output
    assert "up to 320x240, batch 2" in result.output
    checked = run("verify", str(out))
    assert "intact: idc-video yuv420p 10 bits fp16" in checked.output
    torch = pytest.importorskip("torch")
    if not torch.cuda.is_available():
        with pytest.raises(UsageError, match="there is no CUDA device"):
            load_engine("tensorrt", weights=out)
    content = bytearray(out.read_bytes())
    content[len(content) // 2] ^= 1
    out.write_bytes(content)
    assert "idc-video.engine" in refused(PortableError, "verify", str(out))


def test_the_default_batch_is_that_of_the_engine() -> None:
    pytest.importorskip("torch", reason="PyTorch is not installed")
    from pipeline.engines.tensorrt import TensorRTOptions
    from pipeline.engines.tensorrt_runners import CHUNKS

    assert TensorRTOptions().frames // CHUNKS == FRAMES


def test_planes_are_those_of_untagged_video() -> None:
    assert plane_spec((1920, 1080), "yuv420p", None, full_range=False) == PlaneSpec(1920, 1080)
    assert plane_spec((640, 480), "yuvj422p", None, full_range=False) == PlaneSpec(
        640, 480, Layout.YUV422P, 8, Matrix.BT601, full_range=True
    )
    assert plane_spec((8, 8), "p010le", Matrix.BT2020, full_range=True) == PlaneSpec(
        8, 8, Layout.NV12, 10, Matrix.BT2020, full_range=True
    )


def test_help_needs_neither_pytorch_nor_the_cache() -> None:
    code = (
        "import sys\nfrom pipeline.cli.main import group\n"
        "group.main(['engine', '--help'], standalone_mode=False)\n"
        "assert not {'torch', 'filelock', 'onnx', 'av'} & set(sys.modules), sorted(sys.modules)\n"
    )
    done = subprocess.run(  # noqa: S603
        [sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=False, env={**os.environ}
    )
    assert done.returncode == 0, done.stderr
    assert "build" in done.stdout
