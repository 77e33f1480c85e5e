"""Weights files: what goes in comes out, and nothing else is accepted."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest
import torch
from safetensors import safe_open
from safetensors.torch import save_file

from network import weights
from network.errors import NetworkError, WeightsError
from network.models import registry

if TYPE_CHECKING:
    from pathlib import Path

OPTIONS = {"widths": [8, 8, 8], "depth": 1}


@pytest.fixture
def written(tmp_path: Path) -> Path:
    torch.manual_seed(3)
    path = tmp_path / "tiny.safetensors"
    network = registry.create("idc-video", **OPTIONS)
    torch.nn.init.normal_(network.exit.weight)  # type: ignore[union-attr, arg-type]
    weights.save(path, network, name="idc-video", options=OPTIONS, card={"steps": 7})
    return path


def test_a_network_comes_back_as_it_was(written: Path) -> None:
    network, header = weights.load(written)
    assert (header.network, header.options, header.card) == ("idc-video", OPTIONS, {"steps": 7})
    assert header.digest == weights.digest_of(network.state_dict())
    again, _ = weights.load(written)
    inputs = [torch.rand_like(tensor) for tensor in network.sample_inputs(32, 32)]  # type: ignore[operator, union-attr]
    with torch.no_grad():
        result = network(*inputs)[0]
        assert torch.equal(result, again(*inputs)[0])
    assert result.any()
    assert not network.training


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(WeightsError, match=r"none\.safetensors is not there"):
        weights.load(tmp_path / "none.safetensors")


@pytest.mark.parametrize("kept", [0, 4, 200, 5000])
def test_a_truncated_file_is_refused(written: Path, kept: int) -> None:
    written.write_bytes(written.read_bytes()[:kept])
    with pytest.raises(WeightsError, match="truncated"):
        weights.load(written)


def test_a_changed_weight_is_refused(written: Path) -> None:
    data = bytearray(written.read_bytes())
    data[-100] ^= 0x40
    written.write_bytes(data)
    with pytest.raises(WeightsError, match="digest does not match"):
        weights.load(written)


def test_weights_of_another_architecture_are_refused(written: Path) -> None:
    with safe_open(written, framework="pt") as file:
        metadata = dict(file.metadata())
        tensors = {key: file.get_tensor(key) for key in file.keys()}  # noqa: SIM118
    metadata["options"] = json.dumps({**OPTIONS, "depth": 2})
    save_file(tensors, written, metadata)
    with pytest.raises(WeightsError, match="does not fit network 'idc-video'"):
        weights.load(written)


def test_a_foreign_file_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "foreign.safetensors"
    save_file({"weight": torch.zeros(3)}, path, {"format": "pt"})
    with pytest.raises(WeightsError, match="no weights of this project"):
        weights.load(path)


def test_unknown_networks_and_options_are_named() -> None:
    with pytest.raises(
        NetworkError,
        match="no network 'unet'; choose one of idc, idc-video, idc-video-small, idc-video-large, identity",
    ):
        registry.create("unet")
    with pytest.raises(NetworkError, match="can't be made with"):
        registry.create("idc", colour="blue")
