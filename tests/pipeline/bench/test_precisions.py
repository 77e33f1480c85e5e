"""Precisions in turn."""

from __future__ import annotations

import time
from functools import partial

import pytest

from network.planes import PlaneSpec
from pipeline.bench.isolate import isolated
from pipeline.bench.precisions import LEAST_ROUNDS, PrecisionCase, time_precisions
from pipeline.engines.load import load_engine
from tests.support.engines import CopyingEngine, WindowEngine

pytestmark = pytest.mark.timeout(120)
SPEC = PlaneSpec(32, 32)


def test_the_least_time_of_each_counts_and_the_first_run_does_not() -> None:
    def wait(run: int) -> None:
        time.sleep(0 if run == 0 else 0.2 if run == 1 else 0.02)

    engines = {"fp32": CopyingEngine(before=wait), "int8": WindowEngine()}
    found = time_precisions(PrecisionCase({name: partial(engines.get, name) for name in engines}, SPEC, 0.0))  # type: ignore[misc]
    assert engines["fp32"].runs == 1 + LEAST_ROUNDS
    assert 20 <= found["fp32"] < 200
    assert found["int8"] < found["fp32"]


def test_real_engines_are_compared_in_a_process_of_its_own_by_their_network_alone() -> None:
    loads = {name: partial(load_engine, "openvino", precision=name, threads=1) for name in ("fp32", "int8")}
    found = isolated(time_precisions, PrecisionCase(loads, SPEC, 0.0))
    assert list(found) == ["fp32", "int8"]
    assert all(value > 0 for value in found.values())
