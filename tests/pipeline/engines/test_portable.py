"""Portable engines in the place of a compiler: what is read, compared, refused and run.

A portable engine runs on a GPU alone. What is replaced on a machine without one, and nothing else: loading the engine,
for which PyTorch runs the network of the file, and the version of TensorRT-RTX that is installed.
"""

from __future__ import annotations

import hashlib
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
import torch

from network import catalogue, weights
from network.models import registry
from network.planes import PlaneSpec
from network.window.windows import Window
from pipeline.engines.load import load_engine
from pipeline.engines.tensorrt import TensorRTEngine, TensorRTOptions
from pipeline.engines.torch import TorchEngine, TorchOptions
from pipeline.errors import UsageError
from tests.support.networks import save_video_network, video_network
from trt import build, library, portable
from trt.cache import FOLDER_VARIABLE, EngineCache
from trt.compiled import TorchCompiled
from trt.errors import BuildError, PortableError
from trt.library import Environment
from trt.portable_compiler import PortableCompiler
from trt.portable_file import Header, Portable, read_portable, write_portable
from trt.settings import EngineSettings, Precision
from trt.signature import Signature

if TYPE_CHECKING:
    from pathlib import Path

    from torch import nn

    from trt.compiled import Compiled

ENGINE = b"engine" * 100
VERSION = "1.6.1.120"
ENVIRONMENT = Environment("GPU", "8.9", "580.1", "13.0", f"tensorrt_rtx {VERSION}", "2.14.0", "2.14.1")
SPEC = PlaneSpec(96, 64)


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A small network that changes its input visibly."""
    path = tmp_path_factory.mktemp("weights") / "small.safetensors"
    save_video_network(path)
    return path


def header_of(digest: str) -> Header:
    return Header(
        network="idc-video",
        network_digest=digest,
        onnx_sha256="b" * 64,
        tensorrt=VERSION,
        precision=Precision.FP32.value,
        layout="yuv420p",
        depth=8,
        matrix="bt709",
        full_range=False,
        strength=1.0,
        smallest=(16, 16),
        largest=(128, 192),
        batch=1,
        inputs=("luma", "chroma", "motion"),
        size=len(ENGINE),
        sha256=hashlib.sha256(ENGINE).hexdigest(),
    )


@pytest.fixture
def file(trained: Path, tmp_path: Path) -> Path:
    path = tmp_path / "small.engine"
    write_portable(path, Portable(header_of(weights.load(trained)[1].digest), ENGINE, trained.read_bytes()))
    return path


@pytest.fixture
def loaded(monkeypatch: pytest.MonkeyPatch, trained: Path, tmp_path: Path) -> list[tuple[Signature, str]]:
    """Lets engines be loaded without a GPU; what was loaded, and on which device."""
    calls: list[tuple[Signature, str]] = []

    def load(engine: bytes, signature: Signature, device: torch.device, kernels: Path | None) -> Compiled:
        assert engine == ENGINE
        assert kernels is not None
        if kernels.is_file() and kernels.read_bytes() == b"damaged":
            raise BuildError("the kernels are refused")
        kernels.write_bytes(b"kernels")
        calls.append((signature, str(device)))
        return TorchCompiled(signature, weights.load(trained)[0], EngineSettings(Precision.FP32), device)

    monkeypatch.setattr(build, "load", load)
    monkeypatch.setattr(portable, "installed_version", lambda: VERSION)
    monkeypatch.setattr(library, "environment", lambda _device: ENVIRONMENT)
    monkeypatch.setenv(FOLDER_VARIABLE, str(tmp_path / "engines"))
    return calls


def engine(file: Path, network: nn.Module | None = None) -> TensorRTEngine:
    compiler = PortableCompiler(file)
    options = TensorRTOptions(devices=("cpu",), at_once=compiler.header.batch, settings=EngineSettings(Precision.FP32))
    return TensorRTEngine(network or compiler.network, name="idc-video", compiler=compiler, options=options)


def deblurred(by: TensorRTEngine | TorchEngine, spec: PlaneSpec) -> tuple[np.ndarray[Any, Any], ...]:
    frames, out = by.buffers(spec, 8), by.buffers(spec, 8)
    for index, plane in enumerate(frames.planes):
        plane[...] = np.random.default_rng(index).integers(0, 256, plane.shape)
    by.run(frames, out, Window(1, 1).consecutive(8))
    assert (out.planes[0] != frames.planes[0]).any()
    return out.planes


def test_it_runs_in_the_calls_that_its_file_allows(
    file: Path, trained: Path, loaded: list[tuple[Signature, str]], told: list[str]
) -> None:
    made = engine(file)
    found = deblurred(made, SPEC)
    expected = deblurred(TorchEngine.from_weights(trained, TorchOptions(device="cpu")), SPEC)
    for one, other in zip(found, expected, strict=True):
        assert np.abs(one.astype(int) - other.astype(int)).max() <= 1
    allowed = [(Signature(SPEC, 1, Window(1, 1)), "cpu")]
    assert loaded == allowed, "a batch of 8 in chunks of 2, of which the file allows one frame a call"
    assert told[0].startswith("the portable engine, compared with PyTorch: ")
    assert made.info.backend == f"TensorRT-RTX {VERSION}"


def test_its_kernels_are_kept_for_each_size_and_left_where_they_are_refused(
    file: Path, loaded: list[tuple[Signature, str]]
) -> None:
    cache = EngineCache()
    deblurred(engine(file), SPEC)
    deblurred(engine(file), replace(SPEC, width=SPEC.width - 16))
    kept = sorted(cache.folder.iterdir())
    assert [path.suffix for path in kept] == [".kernels"] * 2
    assert [(found.entry, found.problem, found.size) for found in cache.entries()] == [(None, "", 7)] * 2
    for path in kept:
        path.write_bytes(b"damaged")
    made = engine(file)
    deblurred(made, SPEC)
    assert len(loaded) == 3
    assert made.info.backend == f"TensorRT-RTX {VERSION}"
    assert sorted(path.read_bytes() for path in kept) == [b"damaged", b"kernels"]
    assert cache.clear() == (2, 14)
    assert list(cache.folder.iterdir()) == []


def test_frames_that_it_is_not_for_are_run_by_pytorch_and_that_is_told(
    file: Path, loaded: list[tuple[Signature, str]], told: list[str]
) -> None:
    made = engine(file)
    deblurred(made, replace(SPEC, depth=10))
    assert loaded == []
    assert "does not fit: it is for planes" in told[0]
    assert "PyTorch runs the network" in told[0]
    assert made.info.backend.startswith("PyTorch")


def test_one_that_computes_something_else_is_not_used(
    file: Path, loaded: list[tuple[Signature, str]], monkeypatch: pytest.MonkeyPatch, told: list[str]
) -> None:
    def wrong(_engine: bytes, signature: Signature, device: torch.device, _kernels: Path | None) -> Compiled:
        return TorchCompiled(signature, video_network(seed=9), EngineSettings(Precision.FP32), device)

    monkeypatch.setattr(build, "load", wrong)
    deblurred(engine(file), SPEC)
    assert "PyTorch runs the network" in told[0]
    assert loaded == []


def test_a_network_without_weights_needs_none_in_the_file(tmp_path: Path) -> None:
    path = tmp_path / "identity.engine"
    write_portable(path, Portable(replace(header_of(""), network="identity"), ENGINE, None))
    assert type(PortableCompiler(path).network) is type(registry.create("identity"))


def test_weights_that_are_not_those_of_the_engine_are_refused(file: Path) -> None:
    content = read_portable(file)
    digest = content.header.network_digest
    for told, changed in {
        "weights are missing": replace(content, weights=None),
        "not those of its engine": replace(content, header=replace(content.header, network_digest="d" * 64)),
        "can't be used: the part with the weights is truncated": replace(
            content, weights=(content.weights or b"")[:-9]
        ),
        "not known here": Portable(replace(content.header, network="mine", network_digest=""), ENGINE, None),
    }.items():
        write_portable(file, changed)
        with pytest.raises(PortableError, match=told):
            PortableCompiler(file)
    write_portable(file, content)
    assert weights.digest_of(PortableCompiler(file).network.state_dict()) == digest


def test_the_shipped_weights_are_those_of_the_shipped_onnx_file() -> None:
    from trt.onnx_graph import network_facts

    for name in catalogue.shipped_names():
        onnx, safetensors = catalogue.onnx_file(name), catalogue.weights_file(name)
        assert onnx is not None
        assert network_facts(onnx).digest == (weights.load(safetensors)[1].digest if safetensors else "")


def test_a_request_that_can_not_be_met_is_refused_in_one_line(file: Path, tmp_path: Path) -> None:
    for other in ("openvino", "torch"):
        with pytest.raises(UsageError, match="is a TensorRT engine; choose `engine` tensorrt"):
            load_engine(other, weights=file)
    with pytest.raises(UsageError, match="computes in fp16; leave `precision` out"):
        load_engine("tensorrt", weights=file, precision="fp32")
    rubbish = tmp_path / "rubbish.engine"
    rubbish.write_bytes(b"noise")
    with pytest.raises(UsageError, match="can't be read as a portable engine"):
        load_engine("tensorrt", weights=rubbish)


@pytest.mark.skipif(torch.cuda.is_available(), reason="there is a CUDA device")
@pytest.mark.parametrize("name", ["auto", "tensorrt"])
def test_without_a_gpu_a_portable_engine_is_refused(file: Path, name: str) -> None:
    with pytest.raises(UsageError, match=r"there is no CUDA device.*leave out `weights`"):
        load_engine(name, weights=file)


def test_the_strength_of_the_file_is_asked_for(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("trt.portable_compiler.require_rtx", lambda: None)
    with pytest.raises(UsageError, match=r"built for strength 1, not 0\.5; give `strength` 1"):
        load_engine("tensorrt", weights=file, strength=0.5)
