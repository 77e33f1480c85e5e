"""A case of real parts, from one process to another."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

import pytest

from pipeline.bench.isolate import isolated
from pipeline.bench.measure import Case, measure
from pipeline.engines.flops import matrix_rate, network_flops
from pipeline.engines.load import load_engine
from pipeline.job import SinkOptions
from pipeline.system.machine import peak_memory

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path


@pytest.mark.timeout(120)
def test_a_case_of_real_parts_is_measured_in_a_process_of_its_own(
    make_clip: Callable[..., Path], tmp_path: Path
) -> None:
    case = Case(
        engine="openvino",
        clip=make_clip(tmp_path / "clip.mkv", codec="ffv1"),
        seconds=0.2,
        load=partial(load_engine, "openvino", threads=1),
        flops=partial(network_flops, None, None),
        matrix_rate=partial(matrix_rate, threads=1, seconds=0.02),
        sink=SinkOptions(codec="ffv1"),
    )
    found = isolated(measure, case)
    assert found.info.network == "idc-video"
    assert found.flops == network_flops(None, None, 64, 48)
    assert found.share is not None
    assert found.share > 0
    assert found.network is not None
    assert found.network.median > found.infer.median
    if peak_memory() is not None:
        assert found.peak_bytes is not None
        assert found.peak_bytes > 30 * 2**20
