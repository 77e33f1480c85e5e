"""Which machines of a cluster may make segments of one output."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest

from network.planes import PlaneSpec
from network.processor import processor_name
from pipeline.batch.engines import LazyEngine
from pipeline.batch.ray_cluster import uses_gpu
from pipeline.batch.ray_worker import Node, Refusal, ask
from pipeline.errors import EngineError, UsageError
from pipeline.runner.protocols import EngineInfo
from tests.support.engines import CopyingEngine

if TYPE_CHECKING:
    from pathlib import Path

INFO = EngineInfo("openvino", "a processor", "int8", "idc-video", "ab" * 32)
HERE = Node("head", {"deblur-stream": "1.0", "av": "18.1", "torch": "2.15"}, INFO, 8)


def load_engine() -> CopyingEngine:
    return CopyingEngine(INFO)


@pytest.mark.parametrize(
    ("kind", "device", "expected"),
    [
        ("tensorrt", "NVIDIA H200", True),
        ("torch", "NVIDIA H200", True),
        ("torch", processor_name(), False),
        ("openvino", processor_name(), False),
    ],
)
def test_a_share_gets_a_gpu_where_the_engine_computes_on_one(kind: str, device: str, expected: bool) -> None:
    assert uses_gpu(replace(INFO, kind=kind, device=device)) is expected


def test_machines_that_are_alike_may() -> None:
    replace(HERE, name="n2").compare(HERE)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"libraries": {"deblur-stream": "1.0", "av": "18.0"}}, r"n2 has av 18.0, torch not at all, and head av 18.1"),
        ({"engine": replace(INFO, precision="fp32")}, r"n2 would use idc-video abababababab in fp32 by openvino"),
        ({"engine": replace(INFO, device="another")}, r"on another, and head idc-video .* on a processor; say which"),
        ({"cores": 4}, r"n2 has 4 cores to give, and head 8"),
    ],
)
def test_machines_that_differ_may_not_and_the_difference_is_named(changes: dict[str, Any], message: str) -> None:
    with pytest.raises(UsageError, match=message):
        replace(HERE, name="n2", **changes).compare(HERE)


def test_a_machine_says_what_it_is_or_why_it_cant(tmp_path: Path) -> None:
    token = tmp_path / "token"
    refusal = ask(load_engine, token)
    assert isinstance(refusal, Refusal)
    assert refusal.kind == "OutputError"
    assert "the same folders have to be there on every machine" in refusal.text
    token.touch()
    node = ask(load_engine, token)
    assert isinstance(node, Node)
    assert node.engine == INFO
    assert node.cores >= 1

    def fail() -> CopyingEngine:
        raise EngineError("no such weights")

    assert ask(fail, token) == Refusal(node.name, "EngineError", "no such weights")


def test_an_engine_that_is_not_needed_is_not_loaded() -> None:
    loads: list[CopyingEngine] = []

    def load() -> CopyingEngine:
        loads.append(load_engine())
        return loads[-1]

    engine = LazyEngine(INFO, load)
    engine.reset()
    assert engine.info == INFO
    assert not loads
    spec = PlaneSpec(8, 4)
    source, target = engine.buffers(spec, 1), engine.buffers(spec, 1)
    for plane in source.planes:
        plane[...] = 7
    engine.run(source, target)
    engine.reset()
    assert len(loads) == 1
    assert all((plane == 7).all() for plane in target.planes)
