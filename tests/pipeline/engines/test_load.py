"""Which engine a request means, and what is said where it means none."""

from __future__ import annotations

from importlib.util import find_spec
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
import torch

from network import catalogue, weights
from network.errors import WeightsError
from network.models import registry
from network.planes import Layout, PlaneSpec
from pipeline.engines.load import load_engine
from pipeline.engines.openvino import OpenVinoEngine
from pipeline.engines.torch import TorchEngine
from pipeline.errors import EngineError, UsageError

if TYPE_CHECKING:
    from pathlib import Path

OPTIONS = {"widths": [4, 4, 4], "depth": 1}


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Path:
    torch.manual_seed(2)
    path = tmp_path_factory.mktemp("weights") / "tiny.safetensors"
    network = registry.create("idc-video", **OPTIONS)
    torch.nn.init.normal_(network.exit.weight, std=0.1)  # type: ignore[union-attr, arg-type]
    weights.save(path, network, name="idc-video", options=OPTIONS, card={})
    return path


def test_openvino_is_the_engine_of_shipped_networks() -> None:
    assert isinstance(load_engine("auto", "identity"), OpenVinoEngine)
    assert isinstance(load_engine("openvino", "identity"), OpenVinoEngine)
    assert isinstance(load_engine("torch", "identity"), TorchEngine)


def test_weights_just_trained_run_in_pytorch_at_once(trained: Path) -> None:
    engine = load_engine("auto", weights=trained)
    assert isinstance(engine, TorchEngine)
    _, header = weights.load(trained)
    assert (engine.info.network, engine.info.digest) == ("idc-video", header.digest)


@pytest.mark.slow
def test_openvino_converts_safetensors_where_it_can(trained: Path) -> None:
    converted = load_engine("openvino", weights=trained)
    original = load_engine("torch", weights=trained)
    assert isinstance(converted, OpenVinoEngine)
    assert converted.info.digest == original.info.digest
    spec = PlaneSpec(37, 21)
    results = []
    for engine in (converted, original):
        batch, out = engine.buffers(spec, 1), engine.buffers(spec, 1)
        for index, plane in enumerate(batch.planes):
            plane[...] = np.random.default_rng(index).integers(0, 256, plane.shape)
        engine.run(batch, out)
        results.append(out)
        assert (out.planes[0] != batch.planes[0]).any()
    for one, other in zip(results[0].planes, results[1].planes, strict=True):
        assert np.abs(one.astype(int) - other.astype(int)).max() <= 1


class Darker(torch.nn.Module):
    """A user's network: 9 parts of 10 of every colour."""

    def __init__(self) -> None:
        super().__init__()
        self.share = torch.nn.Parameter(torch.tensor(0.9))

    def forward(self, rgb: torch.Tensor) -> torch.Tensor:
        return rgb * self.share


@pytest.fixture
def darker(monkeypatch: pytest.MonkeyPatch) -> str:
    monkeypatch.setattr(registry, "_registered", {})
    registry.register("darker", Darker)
    return "darker"


@pytest.mark.parametrize("engine", ["auto", "torch", pytest.param("openvino", marks=pytest.mark.slow)])
def test_a_network_of_the_users_own_runs_as_it_is_made(engine: str, darker: str) -> None:
    loaded = load_engine(engine, darker)
    assert isinstance(loaded, OpenVinoEngine if engine == "openvino" else TorchEngine)
    assert (loaded.info.network, loaded.info.digest) == ("darker", weights.digest_of(Darker().state_dict()))
    batch, out = (loaded.buffers(PlaneSpec(32, 16, Layout.GRAY, full_range=True), 1) for _ in range(2))
    batch.planes[0][...] = 200
    loaded.run(batch, out)
    assert (out.planes[0] == 180).all()


@pytest.mark.parametrize("engine", ["auto", "openvino", "torch"])
@pytest.mark.parametrize("network", [name for name in catalogue.NAMES if catalogue.onnx_file(name) is None])
def test_a_network_that_was_never_trained_is_not_loaded_and_its_recipe_is_named(network: str, engine: str) -> None:
    message = rf"'{network}' comes without weights.*deblur train POOL RUN --preset {network}.*`weights`.*identity"
    with pytest.raises(UsageError, match=message):
        load_engine(engine, network)


@pytest.mark.parametrize(
    ("request_", "message"),
    [
        ({"engine": "vulkan"}, "no engine 'vulkan'.*openvino"),
        ({"network": "unet"}, "no network 'unet'.*idc-video"),
        ({"network": "identity", "strength": 1.6}, "from 0 to 1.5"),
        ({"network": "identity", "strength": float("nan")}, "from 0 to 1"),
        ({"network": "identity", "threads": 0}, "at least 1"),
    ],
    ids=str,
)
def test_requests_that_make_no_sense_are_refused(request_: dict[str, Any], message: str) -> None:
    with pytest.raises(UsageError, match=message):
        load_engine(**request_)


@pytest.mark.skipif(torch.cuda.is_available(), reason="there is a CUDA device")
def test_tensorrt_without_a_gpu_is_refused_and_names_what_works() -> None:
    with pytest.raises(UsageError, match=r"there is no CUDA device.*choose `engine` openvino or `engine` torch"):
        load_engine("tensorrt")
    with pytest.raises(UsageError, match="'idc' comes without weights"):
        load_engine("tensorrt", "idc")


@pytest.mark.skipif(torch.cuda.is_available(), reason="there is a CUDA device")
def test_auto_says_why_it_does_not_take_tensorrt_where_that_is_installed(told: list[str]) -> None:
    assert isinstance(load_engine("auto", "identity"), OpenVinoEngine)
    if find_spec("torch_tensorrt") is None:
        assert told == []
    else:
        assert told == ["TensorRT is installed, but there is no CUDA device; the engine is openvino"]


def test_files_that_can_not_be_weights_are_refused(tmp_path: Path, trained: Path) -> None:
    with pytest.raises(UsageError, match=r"no weights file .*absent\.onnx"):
        load_engine(weights=tmp_path / "absent.onnx")
    other = tmp_path / "weights.pth"
    other.write_bytes(b"x")
    with pytest.raises(UsageError, match=r"\.onnx, \.safetensors, .* or"):
        load_engine(weights=other)
    rubbish = tmp_path / "rubbish.onnx"
    rubbish.write_bytes(b"no network at all")
    with pytest.raises(EngineError, match=r"rubbish\.onnx is no network"):
        load_engine(weights=rubbish)
    broken = tmp_path / "broken.safetensors"
    broken.write_bytes(trained.read_bytes()[:-10])
    with pytest.raises(WeightsError):
        load_engine(weights=broken)
    for engine in ("torch", "tensorrt"):
        with pytest.raises(UsageError, match=r"not .*rubbish\.onnx; choose `engine` openvino"):
            load_engine(engine, weights=rubbish)


def test_weights_of_another_network_than_the_one_named_are_refused(trained: Path) -> None:
    with pytest.raises(UsageError, match="holds network 'idc-video', not 'idc'"):
        load_engine("auto", "idc", trained)
    assert load_engine("auto", "idc-video", trained).info.network == "idc-video"
