"""The list of engines, and a user's own engine in it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest

from network.planes import PlaneBatch, PlaneSpec
from pipeline.engines import registry
from pipeline.engines.load import load_engine
from pipeline.engines.registry import engine_names, register_engine
from pipeline.errors import UsageError
from pipeline.runner.protocols import EngineInfo

if TYPE_CHECKING:
    from pathlib import Path

    from network.window.windows import Windows
    from pipeline.engines.loaders import EngineRequest


class Inverter:
    """A user's own engine: turns each sample round, without a network."""

    def __init__(self, request: EngineRequest) -> None:
        self.request = request
        self.info = EngineInfo("my library 1", "processor", "exact", request.network, "", kind="inverter")

    def buffers(self, spec: PlaneSpec, batch: int) -> PlaneBatch:
        return PlaneBatch.empty(spec, batch)

    def run(self, batch: PlaneBatch, out: PlaneBatch, _windows: Windows | None = None) -> None:
        for source, target in zip(batch.planes, out.planes, strict=True):
            np.subtract(255, source, out=target)

    def reset(self) -> None:
        pass


@pytest.fixture(autouse=True)
def _only_for_this_test(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(registry, "_engines", dict(registry._engines))


def test_an_engine_that_is_not_there_is_named_with_those_that_are() -> None:
    assert engine_names() == ("auto", "openvino", "tensorrt", "torch", "onnxruntime")
    with pytest.raises(UsageError, match=r"'abacus'; choose one of auto, openvino, tensorrt, torch, onnxruntime$"):
        load_engine("abacus")


def test_a_users_own_engine_gets_what_was_asked_for(tmp_path: Path) -> None:
    register_engine("inverter", Inverter)
    weights = tmp_path / "weights.of-my-own"
    weights.touch()
    engine = load_engine("inverter", "my-network", weights, strength=0.5, threads=2, precision="fp32")
    assert isinstance(engine, Inverter)
    asked = engine.request
    assert (asked.network, asked.weights, asked.strength, asked.threads, asked.precision) == (
        "my-network",
        weights,
        0.5,
        2,
        "fp32",
    )
    batch, out = engine.buffers(PlaneSpec(16, 16), 1), engine.buffers(PlaneSpec(16, 16), 1)
    for plane in batch.planes:
        plane[...] = 55
    engine.run(batch, out)
    assert all((plane == 200).all() for plane in out.planes)


def test_requests_that_make_no_sense_do_not_reach_a_users_own_engine(tmp_path: Path) -> None:
    register_engine("inverter", Inverter)
    with pytest.raises(UsageError, match="strength"):
        load_engine("inverter", strength=2)
    with pytest.raises(UsageError, match="no weights file"):
        load_engine("inverter", weights=tmp_path / "absent")


@pytest.mark.parametrize("name", ["auto", "openvino", "onnxruntime"])
def test_a_name_that_is_taken_is_refused(name: str) -> None:
    with pytest.raises(ValueError, match="already"):
        register_engine(name, Inverter)


@pytest.mark.parametrize("name", ["", "a,b"])
def test_a_name_that_can_not_be_typed_is_refused(name: str) -> None:
    with pytest.raises(ValueError, match="no comma"):
        register_engine(name, Inverter)
